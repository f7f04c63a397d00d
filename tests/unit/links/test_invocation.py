"""An invocation says the same before and after its way over the wire, whatever of it there is."""

import itertools

import pytest

from ingle.links.invocation import Invocation, parse_invocation, render_invocation


def headers_of(lines: bytes) -> list[tuple[bytes, bytes]]:
    pairs = [line.partition(b": ") for line in lines.split(b"\r\n") if line]
    return [(b"host", b"ingle"), *((name, value) for name, _, value in pairs), (b"content-length", b"2")]


@pytest.mark.parametrize(
    ("trace", "tenant", "wants_tail", "wants_stream", "context"),
    list(
        itertools.product(
            (b"", b"Root=1-2;Parent=3; Sampled=0"), ("", "a b/=@"), (False, True), (False, True), (b"", b'{"a":" "}')
        )
    ),
)
def test_an_invocation_arrives_as_it_was(
    trace: bytes, tenant: str, wants_tail: bool, wants_stream: bool, context: bytes
) -> None:
    sent = Invocation(
        request_id=b"8f5b", arn=b"arn:aws:lambda:us-east-1:0:function:f:live", trace=trace, payload=b"{}",
        tenant=tenant, wants_tail=wants_tail, wants_stream=wants_stream, client_context=context,
    )  # fmt: skip
    assert parse_invocation(headers_of(render_invocation(sent)), b"{}") == sent


def test_a_request_that_is_no_invocation_is_none() -> None:
    with pytest.raises(ValueError, match="no invocation"):
        parse_invocation(headers_of(b""), b"{}")
