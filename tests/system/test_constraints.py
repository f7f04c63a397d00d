"""Every operation refuses what breaks a constraint of the service model: with a 4xx of the right family, and unchanged."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from bent_requests import bent_requests
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore_wire import Sent
from harness import Ingle

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operations.md"
SERVED = re.findall(r"^\| (\w+) \| `[^`]+` \| served \|$", PAGE.read_text().split("\n## ")[1], re.M)
FAMILY = {"ValidationException", "SerializationException"}


@pytest.fixture(scope="module")
def bent(ingle: Ingle) -> Iterator[Any]:
    """A client; there are a function, version and alias, and a layer that requests name."""
    client = ingle.client()
    ingle.deploy("bent", {"app.py": "def handler(event, context): pass\n"}, Publish=True)
    client.create_alias(FunctionName="bent", Name="bent", FunctionVersion="1")
    yield client
    client.delete_function(FunctionName="bent")


class Line:
    """A connection on which signed requests are sent one after the other."""

    def __init__(self, ingle: Ingle) -> None:
        self._host = f"127.0.0.1:{ingle.port}"
        held = ingle.credentials
        key = Credentials(held["access_key_id"], held["secret_access_key"])
        self._signer = botocore.auth.SigV4Auth(key, "lambda", "us-east-1")
        self._connection = http.client.HTTPConnection(self._host)

    def close(self) -> None:
        self._connection.close()

    def send(self, sent: Sent) -> tuple[int, str, bytes]:
        """Return status, code and body."""
        target = sent.path + ("?" + sent.query if sent.query else "")
        headers = {name.decode(): value.decode() for name, value in sent.headers}
        request = AWSRequest(sent.method, f"http://{self._host}{target}", headers=headers, data=sent.body)
        self._signer.add_auth(request)
        self._connection.request(sent.method, target, sent.body, dict(request.headers.items()))
        answer = self._connection.getresponse()
        return answer.status, answer.headers.get("x-amzn-errortype", ""), answer.read()


@pytest.fixture(scope="module")
def line(ingle: Ingle) -> Iterator[Line]:
    made = Line(ingle)
    yield made
    made.close()


def state(client: Any) -> Any:
    shown = client.get_function(FunctionName="bent")
    del shown["ResponseMetadata"], shown["Code"]  # whose address is another each time
    lists = (
        client.list_functions(FunctionVersion="ALL"),
        client.list_aliases(FunctionName="bent"),
        client.list_layers(),
    )
    return shown, [{key: value for key, value in one.items() if key != "ResponseMetadata"} for one in lists]


@pytest.mark.parametrize("operation", SERVED)
def test_what_breaks_a_constraint_is_refused_and_changes_nothing(operation: str, bent: Any, line: Line) -> None:
    before = state(bent)
    answers = [(sent, *line.send(sent)) for sent in bent_requests(operation)]
    taken = [(code, status, sent, body) for sent, status, code, body in answers if status != 400 or code not in FAMILY]
    assert taken == []
    assert state(bent) == before
