"""The link of worker and control: over a socket and in memory, each call arrives, and each refusal is told alike."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from assignments import KEY, sample_assignment
from over_http import over_http
from quiet_control import QuietControl

from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.worker_control import (
    Control,
    ControlClient,
    ControlDoor,
    Endpoint,
    LinkRefusedError,
    LogBatch,
    LogRecords,
    MemoryControl,
    NotGrantedError,
    TemplateReport,
)
from ingle.transport import ConnectionFailedError, serve_http, unix_listener

RECORDS = LogRecords(
    account="0", region="r", group="g", stream="s", first_ms=1, last_ms=2, count=1, data=bytes(range(256)) * 4096
)
STRANGER = VersionKey(account="0", region="r", function="f", version="1", revision="x")


class GrantingControl(QuietControl):
    """Grants one version, and remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    async def grant(self, version: VersionKey) -> Assignment:
        return sample_assignment() if version == KEY else await super().grant(version)

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        if version != KEY:
            return await super().give_credentials(version, count)
        return [sample_assignment().credentials] * count

    async def keep_logs(self, batch: LogBatch) -> None:
        self.heard.append(batch)

    async def report_template(self, report: TemplateReport) -> None:
        if not report.reason:
            raise RuntimeError("a mistake of ours")
        self.heard.append(report)


@pytest.fixture
def handler() -> GrantingControl:
    return GrantingControl()


@pytest.fixture(params=["http", "memory"])
async def control(request: pytest.FixtureRequest, tmp_path: Path, handler: GrantingControl) -> AsyncIterator[Control]:
    if request.param == "memory":
        yield MemoryControl(handler)
        return
    async with over_http(tmp_path, ControlDoor, ControlClient, handler) as (client, _):
        yield client


async def test_what_is_granted_arrives_whole(control: Control) -> None:
    assert await control.grant(KEY) == sample_assignment()
    assert await control.give_credentials(KEY, 3) == [sample_assignment().credentials] * 3


async def test_what_is_not_granted_is_refused_by_name(control: Control) -> None:
    with pytest.raises(NotGrantedError):
        await control.grant(STRANGER)
    with pytest.raises(NotGrantedError):
        await control.give_credentials(STRANGER, 1)


async def test_logs_and_reports_are_heard(control: Control, handler: GrantingControl) -> None:
    batch, report = LogBatch(records=[RECORDS]), TemplateReport(version=KEY, reason="too large")
    await control.keep_logs(batch)
    await control.report_template(report)
    assert handler.heard == [batch, report]


async def test_a_failure_of_controls_is_none_of_the_workers(control: Control) -> None:
    with pytest.raises(LinkRefusedError):
        await control.report_template(TemplateReport(version=KEY))


async def test_control_that_is_not_there_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    cut = MemoryControl(QuietControl())
    cut.cut()
    nobody = ControlClient(Endpoint(address=str(tmp_path / "nobody")))
    for control in (cut, nobody):
        with pytest.raises(ConnectionFailedError):
            await control.grant(KEY)


async def test_without_the_links_token_nothing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    server = await serve_http(ControlDoor("secret", GrantingControl()), unix_listener(path))
    stranger = ControlClient(Endpoint(address=str(path), token="another"))
    with pytest.raises(LinkRefusedError) as refused:
        await stranger.grant(KEY)
    assert refused.value.status == 403
    stranger.close()
    await server.drain(0)
