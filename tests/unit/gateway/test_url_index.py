"""From a Host to the function URL that it means."""

import pytest

from ingle.gateway.urls.index import UrlIndex
from ingle.routing import FunctionRoute, UrlRoute

KEY = ("0" * 12, "us-east-1", "f")
END = "lambda-url.us-east-1.example.test"


def route(*ids: str) -> FunctionRoute:
    urls = tuple(UrlRoute(url_id=one, qualifier=None, auth_type="NONE", invoke_mode="BUFFERED") for one in ids)
    return FunctionRoute(account=KEY[0], region=KEY[1], name=KEY[2], versions={}, urls=urls)


@pytest.fixture
def index() -> UrlIndex:
    made = UrlIndex("example.test")
    made.follow(KEY, route("abc", "def"))
    return made


@pytest.mark.parametrize(
    "host", [f"abc.{END}", f"ABC.{END.upper()}:443", f"unknown.{END}:1", ".lambda-url.example.test"]
)
def test_what_names_a_url_is_no_request_to_the_api(index: UrlIndex, host: str) -> None:
    assert index.is_url(host.encode())


@pytest.mark.parametrize(
    "host",
    [b"", b"localhost:9100", b"example.test", b"abc.lambda-url.us-east-1.other.test", b"lambda-url.example.test", None],
)
def test_any_other_host_is_the_apis(index: UrlIndex, host: bytes | None) -> None:
    assert not index.is_url(host)


def test_id_region_and_domain_must_be_those_of_the_url(index: UrlIndex) -> None:
    found = index.find(f"def.{END}")
    assert found is not None
    assert (found[0], found[1].url_id) == (KEY, "def")
    others = (
        f"x.{END}",
        f".{END}",
        f"x.abc.{END}",
        "abc.lambda-url.eu-west-1.example.test",
        f"abc.lambda-url.{END}",
        "abc",
    )
    assert not any(index.find(host) for host in others)


def test_urls_come_and_go_with_their_functions(index: UrlIndex) -> None:
    index.follow(KEY, route("def", "ghi"))
    assert [name for name in ("abc", "def", "ghi") if index.find(f"{name}.{END}")] == ["def", "ghi"]
    index.follow_all({KEY: route("jkl")})
    assert [name for name in ("def", "ghi", "jkl") if index.find(f"{name}.{END}")] == ["jkl"]
    index.follow_all({})
    assert index.find(f"jkl.{END}") is None
