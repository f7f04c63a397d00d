"""Settings of a gateway."""

import msgspec

from ingle.links.tokens import Links


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a gateway is told at its start."""

    run_dir: str
    account: str
    installation: str
    """The installation's id, by which who asks for /health knows whom it has reached."""
    listener: int
    """The descriptor of the listener that the supervisor has bound; `secure_listener` is that of HTTPS."""
    secure_listener: int | None = None
    links: Links
    cert_file: str = ""
    """Key and certificate in one file, so that one rename replaces both."""
    concurrency_limit: int
    url_domain: str
    isolation: str = ""
    """The driver that holds functions, for whoever asks how Ingle is."""
    idle_expiry_s: float = 600.0
    environment_hours: float
    drain_s: float = 900.0
