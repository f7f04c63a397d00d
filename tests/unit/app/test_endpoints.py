"""What `ingle up --s3-endpoint` takes."""

import pytest

from ingle.app.config import ConfigurationError, check_endpoint


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "https://s3.example.org", "http://[::1]:9000/"])
def test_the_url_of_an_endpoint_is_taken(url: str) -> None:
    check_endpoint(url)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9000", "ftp://host", "http://", "http://host:99999", "http://host/bucket", "http://host?x=1"]
)
def test_anything_else_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigurationError, match="it looks like"):
        check_endpoint(url)
