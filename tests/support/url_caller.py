"""Calls function URLs as curl does, signed or not."""

import contextlib
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import Ingle


class Answer:
    """An answer, read whole; its connection is closed."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        with contextlib.closing(connection):
            self._read(connection.getresponse())

    def _read(self, raw: http.client.HTTPResponse) -> None:
        self.status = raw.status
        self.pairs = [(name.lower(), value) for name, value in raw.getheaders()]
        self.headers = dict(self.pairs)
        self.body = raw.read()

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Makes requests to a URL: its host is only named, since not every resolver knows *.localhost."""

    def __init__(self, ingle: Ingle, url: str) -> None:
        self.ingle = ingle
        self.url = url
        self.host = urlsplit(url).netloc

    def open(self, method: str, path: str, headers: dict[str, str], body: bytes) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.ingle.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": self.host, "Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection

    def ask(self, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(self.open(method, path, named, body))

    def presign(self, path: str) -> str:
        """Return the path of a GET with its signature in the query."""
        request = AWSRequest("GET", f"http://{self.host}{path}", headers={"Host": self.host})
        botocore.auth.SigV4QueryAuth(self._key(), "lambda", "us-east-1", expires=60).add_auth(request)
        return str(request.url).removeprefix(f"http://{self.host}")

    def _key(self) -> Credentials:
        held = self.ingle.credentials
        return Credentials(held["access_key_id"], held["secret_access_key"])

    def sign(self, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, f"http://{self.host}{path}", data=body, headers={"Host": self.host, **named})
        botocore.auth.SigV4Auth(self._key(), "lambda", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def signed(self, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str) -> Answer:
        return Answer(self.open(method, path, self.sign(method, path, body, **headers), body))
