"""The root of Ingle's own errors."""


class IngleError(Exception):
    """Something that the caller of a public function may have to answer for; its text is safe to show."""


class InstallationError(IngleError):
    """What an installation holds is missing or damaged: no new start helps; the text says what to restore."""
