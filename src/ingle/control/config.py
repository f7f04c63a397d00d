"""Settings of control."""

from urllib.parse import urlsplit

import msgspec

from ingle.links.tokens import Links


class UrlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where function URLs are served: `http://<url-id>.lambda-url.<region>.<domain>:<port>/`."""

    domain: str
    port: int
    https_port: int | None = None

    def url_of(self, url_id: str, region: str, *, by_https: bool) -> str:
        """Return the URL of an id, as it suits a caller who came by HTTPS, or by HTTP."""
        scheme, port, usual = ("https", self.https_port, 443) if by_https else ("http", self.port, 80)
        shown = "" if port == usual else f":{port}"
        return f"{scheme}://{url_id}.lambda-url.{region}.{self.domain}{shown}/"


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that control is told at its start; `runtimes` are the names that this host offers."""

    data_dir: str
    run_dir: str
    account: str
    installation: str
    """The id of the data directory, which its databases have as well."""
    runtimes: list[str]
    links: Links
    concurrency_limit: int
    call_rate: float | None = None
    """How many management calls a second an account may make in a region."""
    event_retry_s: float = 60.0
    """When a failed event is tried again for the first time; all delays are in proportion to it."""
    urls: UrlSettings
    s3_endpoint: str | None = None
    https_port: int | None = None
    """Callers whose Host names this port came by HTTPS."""

    @property
    def s3_port(self) -> int | None:
        """The one port that control connects to, where it fetches code from S3."""
        if self.s3_endpoint is None:
            return None
        parts = urlsplit(self.s3_endpoint)
        return parts.port or (443 if parts.scheme == "https" else 80)
