"""Rules on tags that the service model does not express (API reference, section 5; AWS's rules on tagging)."""

from collections.abc import Mapping

from ingle.functions.errors import InvalidSettingError

TAGS_LIMIT = 50


def check_tags(given: Mapping[str, str], held: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a resource has once it is given tags beside those it holds.

    Raises InvalidSettingError for AWS's own prefix, and for more than a resource can have.
    """
    if any(key.lower().startswith("aws:") for key in given):
        raise InvalidSettingError("aws: prefixed tag key names are not allowed for external use.")
    tags = {**(held or {}), **given}
    if len(tags) > TAGS_LIMIT:
        raise InvalidSettingError("Number of tags exceeds resource tag limit.")
    return tags
