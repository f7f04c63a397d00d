"""What extensions may ask of the Telemetry API and the Logs API."""

import json
from typing import Any

import pytest

from ingle.worker.journal.subscriptions import (
    LOGS_SCHEMAS,
    TELEMETRY_SCHEMAS,
    InvalidSubscriptionError,
    Subscription,
    parse_subscription,
)

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path?x=1"}


def ask(schemas: tuple[str, ...] = TELEMETRY_SCHEMAS, **members: Any) -> Subscription:
    request = {"schemaVersion": schemas[0], "types": ["platform"], "destination": HTTP, **members}
    return parse_subscription(json.dumps(request).encode(), schemas)


def test_what_is_not_said_is_lambdas_default() -> None:
    assert ask() == Subscription(
        schema="2022-07-01", types=("platform",), max_items=10_000, max_bytes=262_144, timeout_ms=1_000, port=8080,
        method="POST", host="sandbox.localdomain", path="/path?x=1",
    )  # fmt: skip
    assert ask(schemaVersion="2025-01-29", types=["function", "function", "extension"]).types == (
        "function",
        "extension",
    )


@pytest.mark.parametrize("host", ["sandbox.localdomain", "sandbox.local-domain", "sandbox"])
def test_the_environment_has_three_names(host: str) -> None:
    wanted = ask(destination={"protocol": "HTTP", "URI": f"http://{host}:1"})
    assert (wanted.host, wanted.port, wanted.path) == (host, 1, "/")


def test_tcp_has_a_port_alone() -> None:
    wanted = ask(destination={"protocol": "TCP", "port": 4243})
    assert (wanted.port, wanted.is_http) == (4243, False)


def test_the_logs_api_has_a_default_schema_and_two_methods() -> None:
    request = {"types": ["function"], "destination": {**HTTP, "method": "PUT"}}
    wanted = parse_subscription(json.dumps(request).encode(), LOGS_SCHEMAS)
    assert (wanted.schema, wanted.method, wanted.is_of_logs_api) == ("2020-08-15", "PUT", True)
    assert not ask().is_of_logs_api


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("maxItems", 1_000, 10_000), ("maxBytes", 262_144, 1_048_576), ("timeoutMs", 25, 30_000)],
)
def test_buffering_has_limits(name: str, least: int, most: int) -> None:
    for value in (least, most):
        assert value in (
            (wanted := ask(buffering={name: value})).max_items,
            wanted.max_bytes,
            wanted.timeout_ms,
        )
    assert ask(buffering={name: None}) == ask(buffering=None) == ask()
    for bad in (least - 1, most + 1, "1000", True, 1e9):
        with pytest.raises(InvalidSubscriptionError, match=f"buffering.{name} should be between {least} and {most}"):
            ask(buffering={name: bad})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"schemaVersion": "2020-08-15"}, "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"),
        ({"types": []}, "types should not be empty"),
        ({"types": ["platform", "weather"]}, "types should be among platform, function, extension"),
        ({"types": [["platform"]]}, "types should be among platform, function, extension"),
        ({"destination": None}, "destination is not provided"),
        ({"destination": {"protocol": "UDP"}}, "protocol should be HTTP or TCP"),
        ({"destination": {"protocol": "HTTP"}}, "URI is not provided"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}}, "URI port is not provided"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox:9001"}}, "URI port 9001 is reserved"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox:99999"}}, "URI is not valid"),
        ({"destination": {"protocol": "HTTP", "URI": "https://sandbox:80"}}, "URI scheme should be http"),
        ({"destination": {"protocol": "HTTP", "URI": "http://10.0.0.1:80"}}, "URI host should be sandbox.localdomain"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox:80/\r\nX: y"}}, "URI is not provided"),
        ({"destination": {**HTTP, "method": "DELETE"}}, "method should be POST or PUT"),
        ({"destination": {"protocol": "TCP"}}, "port is not provided"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, "port 9001 is reserved"),
        ({"destination": {"protocol": "TCP", "port": 0}}, "port should be between 1 and 65535"),
        ({"buffering": 3}, "buffering should be an object"),
        (
            {"types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}},
            "URI port is not provided; types should not be empty",
        ),
    ],
)
def test_all_that_is_wrong_is_named(members: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSubscriptionError) as refused:
        ask(**members)
    assert str(refused.value) == message


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSubscriptionError):
        parse_subscription(body, TELEMETRY_SCHEMAS)
