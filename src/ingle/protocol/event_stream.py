"""Event-stream messages, as AWS frames a response that is a stream of events (application/vnd.amazon.eventstream).

A message is: its total length and that of its headers, four bytes each; the CRC32 of these eight; headers, payload; the
CRC32 of all that. A header is a length of one byte, a name, a type (7 is a string), two bytes of length, a value.
Integers are big-endian.
"""

import binascii
import struct
from collections.abc import Iterable

CONTENT_TYPE = b"application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_OVERHEAD_BYTES = 16
_STRING = 7


def event_head(event_type: bytes, content_type: bytes) -> bytes:
    """Return the headers of an event, which `render_event` puts before its payload."""
    return _fields(((b":event-type", event_type), (b":content-type", content_type), (b":message-type", b"event")))


def _fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name, _STRING, len(value)) + value for name, value in fields
    )


def error_head(code: bytes, content_type: bytes) -> bytes:
    """Return the headers of an error that ends a stream."""
    return _fields(((b":exception-type", code), (b":content-type", content_type), (b":message-type", b"exception")))


def render_event(head: bytes, payload: bytes) -> bytes:
    """Return one message."""
    prelude = _PRELUDE.pack(_OVERHEAD_BYTES + len(head) + len(payload), len(head))
    message = b"".join((prelude, _CRC.pack(binascii.crc32(prelude)), head, payload))
    return message + _CRC.pack(binascii.crc32(message))
