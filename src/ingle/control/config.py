"""Settings of control."""

import msgspec

from ingle.transport import Links


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that control is told at its start; `runtimes` are the names that this host offers."""

    data_dir: str
    run_dir: str
    account: str
    runtimes: list[str]
    links: Links
    concurrency_limit: int
    event_retry_s: float = 60.0
    """When a failed event is tried again for the first time; all delays are in proportion to it."""
    ready_fd: int | None = None
