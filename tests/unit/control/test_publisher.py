"""What a gateway is told of a function that is being updated, and what a worker that it sends is granted meanwhile."""

from pathlib import Path
from typing import Any

from quiet_gateway import QuietGateway

from ingle.control.routes.publisher import Publisher, route_of
from ingle.environments import VersionKey
from ingle.functions import LATEST, Code, Function, Version
from ingle.links.gateway_control import MemoryGateway
from ingle.routing import RoutingChange
from ingle.store import FunctionRepository, open_database

CODE = Code(sha256="x", size_bytes=1, wrapped_key=b"", zip_manifest=b"")
OLD = Version(
    version=LATEST, runtime="python3.11", role="r", handler="old.h", code=CODE, state="Active", revision_id="1"
)
UPDATING = OLD.replace(handler="new.h", revision_id="2", previous=OLD)
NEW = UPDATING.replace(revision_id="3", previous=None)


def function(latest: Version) -> Function:
    return Function(account="0" * 12, region="us-east-1", name="f", versions={LATEST: latest})


def key(revision: str) -> VersionKey:
    return VersionKey(account="0" * 12, region="us-east-1", function="f", version=LATEST, revision=revision)


def served(publisher: Publisher, revision: str) -> str | None:
    found = publisher.find_served(key(revision))
    return found[1].handler if found is not None else None


async def test_the_old_settings_serve_until_the_new_ones_are_announced(tmp_path: Path) -> None:
    repository = FunctionRepository(open_database(tmp_path / "db"))
    repository.add(function(UPDATING))
    seen: list[Any] = []

    class Gateway(QuietGateway):
        async def apply(self, change: RoutingChange) -> None:
            seen.extend(served(publisher, revision) for revision in "123")

    gateway = MemoryGateway(Gateway())
    publisher = Publisher(repository, gateway, gateway)
    assert route_of(function(UPDATING)).versions[LATEST].revision == "1"
    assert [served(publisher, revision) for revision in "123"] == ["old.h", None, None]
    await publisher.announce(function(NEW))
    assert seen == ["old.h", None, "new.h"]  # announced, not stored: the gateway may ask for either
    assert served(publisher, "3") is None
    repository.save(function(NEW))
    assert [served(publisher, revision) for revision in "123"] == [None, None, "new.h"]
