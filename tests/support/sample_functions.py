"""Functions as they are declared."""

from typing import Any

from ingle.functions import Code, Function, Version

CODE = Code(sha256="a", size_bytes=1, wrapped_key=b"", zip_manifest=b"")


def function(**settings: Any) -> Function:
    """Return a function that has only `$LATEST`."""
    wishes: dict[str, Any] = {"state": "Active", "revision_id": "r", **settings}
    latest = Version(version="$LATEST", runtime="python3.11", role="r", handler="h", code=CODE, **wishes)
    return Function(account="0" * 12, region="us-east-1", name="f", versions={"$LATEST": latest})


def published(count: int) -> Function:
    """Return one with so many versions."""
    held = function()
    for number in range(count):
        held, _ = held.with_version(held.latest.replace(timeout_s=10 + number)).publish(None, str(number), number)
    return held
