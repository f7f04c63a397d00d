"""All log groups: their keys from the keyring, their names in the database, their events in segments."""

import uuid
from pathlib import Path

from ingle.keys import Keyring
from ingle.sealing import DataKey, OpenError, open_sealed, seal
from ingle.store import LogGroupRepository, LogGroupRow
from ingle.telemetry import LogGroup, SegmentError
from ingle.values import Clock

_Key = tuple[str, str, str]


class GroupSealer:
    """Seals under one group's data key; the frame's header is part of the context."""

    def __init__(self, key: DataKey) -> None:
        self._key = key

    def seal(self, plaintext: bytes, header: bytes) -> bytes:
        return seal(plaintext, self._key, {"ingle:frame": header.hex()})

    def open(self, sealed: bytes, header: bytes) -> bytes:
        try:
            return open_sealed(sealed, self._key, {"ingle:frame": header.hex()})
        except OpenError:
            raise SegmentError("a log segment was changed") from None


def _context(account: str, region: str, name: str) -> dict[str, str]:
    return {"aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:{name}"}


class LogStore:
    """Log groups by (account, region, name)."""

    def __init__(self, repository: LogGroupRepository, keyring: Keyring, folder: Path, clock: Clock) -> None:
        self._repository = repository
        self._keyring = keyring
        self._folder = folder
        self._clock = clock
        self._groups: dict[_Key, LogGroup] = {}
        for row in repository.every():
            self._open(row)

    def _open(self, row: LogGroupRow) -> LogGroup:
        key = self._keyring.unwrap(row.wrapped_key, _context(row.account, row.region, row.name))
        group = LogGroup(row.name, row.created_ms, self._folder / row.id, GroupSealer(key))
        self._groups[row.account, row.region, row.name] = group
        return group

    def find(self, account: str, region: str, name: str) -> LogGroup | None:
        return self._groups.get((account, region, name))

    def groups(self, account: str, region: str) -> list[LogGroup]:
        """Return a region's groups by name."""
        mine = [(key[2], group) for key, group in self._groups.items() if key[:2] == (account, region)]
        return [group for _, group in sorted(mine, key=lambda pair: pair[0])]

    def ensure(self, account: str, region: str, name: str) -> LogGroup:
        """Return a group, made now where there is none."""
        group = self.find(account, region, name)
        if group is not None:
            return group
        _, wrapped = self._keyring.generate_data_key(_context(account, region, name))
        row = LogGroupRow(
            account=account,
            region=region,
            name=name,
            id=uuid.uuid4().hex,
            created_ms=self._clock.now_ms(),
            wrapped_key=wrapped,
        )
        self._repository.add(row)
        return self._open(row)
