"""Event-stream messages are what botocore's parser takes them for."""

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from ingle.protocol import event_stream


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_botocore_reads_what_is_rendered(payloads: list[bytes]) -> None:
    head = event_stream.event_head(b"PayloadChunk", b"application/octet-stream")
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(event_stream.render_event(head, payload) for payload in payloads))
    messages = list(buffer)
    assert [message.payload for message in messages] == payloads
    for message in messages:
        assert message.headers == {
            ":event-type": "PayloadChunk", ":content-type": "application/octet-stream", ":message-type": "event",
        }  # fmt: skip
