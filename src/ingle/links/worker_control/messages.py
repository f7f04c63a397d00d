"""What a worker tells control."""

import msgspec

from ingle.environments import VersionKey


class TemplateReport(msgspec.Struct, frozen=True, kw_only=True):
    """A version's template is there, or isn't for a reason.

    `error` says which one it was where init has failed.
    """

    version: VersionKey
    reason: str = ""
    error: str = ""


class CredentialsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """So many credentials of a version's execution role, each for one environment."""

    version: VersionKey
    count: int


class LogRecords(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one stream: `data` holds `count` frames of u64 epoch milliseconds, u32 length, UTF-8 message."""

    account: str
    region: str
    group: str
    stream: str
    first_ms: int
    last_ms: int
    count: int
    data: bytes

    def __repr__(self) -> str:
        return f"LogRecords({self.stream}, {self.count} events)"


class LogBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What the streams of a worker have gathered."""

    records: list[LogRecords]
