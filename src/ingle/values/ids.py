"""Identifiers that Ingle makes."""

import os

_BLOCK_BYTES = 4096


class _Randomness:
    """Random bytes from the kernel, fetched a block at a time; never used twice. Not for secrets."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._block):
            self._block = os.urandom(_BLOCK_BYTES)
            self._at = 0
        taken = self._block[self._at : self._at + count]
        self._at += count
        return taken


_randomness = _Randomness()
os.register_at_fork(after_in_child=lambda: _randomness.__init__())  # type: ignore[misc]  # a copy repeats nothing


def new_request_id() -> str:
    """Return a fresh request identifier: a random UUID in its text form (RFC 9562, version 4)."""
    raw = bytearray(_randomness.take(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace_id(now_s: int) -> str:
    """Return a fresh X-Ray trace id: `1-` seconds since the epoch in hexadecimal `-` 96 random bits (X-Ray API)."""
    return f"1-{now_s:08x}-{_randomness.take(12).hex()}"
