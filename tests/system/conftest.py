"""One real Ingle for the tests that may share it; those that kill or stop it start their own."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT, Ingle, running_ingle
from response_shapes import check_answer
from tests.ordinary import USER

Ingle.observers.append(check_answer)


@pytest.fixture(scope="session")
def ingle() -> Iterator[Ingle]:
    """An Ingle that runs for the whole session, in the strongest isolation that this host and user have.

    What takes a minute otherwise, the retry of a failed event, takes 0.2 s.
    """
    with running_ingle("--event-retry", "0.2") as running:
        yield running


@pytest.fixture(scope="session")
def rootless() -> Iterator[Ingle]:
    """An Ingle of an ordinary user's: a host uid that is not 0, without a capability."""
    prefix = (sys.executable, str(ROOT / "tests" / "ordinary.py")) if os.geteuid() == 0 else ()
    able = subprocess.run([*prefix, "unshare", "--user", "true"], capture_output=True)
    if able.returncode != 0:
        pytest.skip("needs a kernel that lets ordinary users make user namespaces, and unshare (util-linux)")
    with running_ingle(prefix=prefix, owner=USER if prefix else None) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for Unix sockets, whatever the test is called."""
    with tempfile.TemporaryDirectory(prefix="ingle-test-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture
def functions(ingle: Ingle) -> Any:
    """A boto3 client for Lambda."""
    return ingle.client()


@pytest.fixture
def logs(ingle: Ingle) -> Any:
    """A boto3 client for CloudWatch Logs."""
    return ingle.client("logs")


Deploy = Callable[..., str]


@pytest.fixture
def deploy(ingle: Ingle, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Deploy Python source as a function named after the test; it is deleted afterwards."""
    made: list[str] = []

    def act(source: str, **settings: Any) -> str:
        name = f"{request.node.originalname[:50]}-{len(made)}"
        files = settings.pop("files", {"app.py": source})
        ingle.deploy(name, files, **settings)
        made.append(name)
        return name

    yield act
    client = ingle.client()
    for name in made:
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            client.delete_function(FunctionName=name)


class Answer:
    """What an invocation brought back."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.status = raw["StatusCode"]
        self.error = raw.get("FunctionError")
        self.version = raw.get("ExecutedVersion")
        text = raw["Payload"].read()
        self.payload = json.loads(text) if text else None
        self.tail = raw.get("LogResult", "")


@pytest.fixture
def invoke(functions: Any) -> Callable[..., Answer]:
    """Invoke a function with a JSON event."""

    def act(name: str, event: Any = None, **settings: Any) -> Answer:
        return Answer(functions.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **settings))

    return act


@pytest.fixture
def deploy_alone(deploy: Deploy, functions: Any) -> Deploy:
    """Deploy a function of which one environment serves at a time; `call` it."""

    def act(source: str, **settings: Any) -> str:
        name = deploy(source, **settings)
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        return name

    return act


@pytest.fixture
def call(functions: Any, invoke: Callable[..., Answer]) -> Callable[..., Answer]:
    """Invoke a function as soon as its concurrency allows: extensions may take their time behind an answer."""

    def act(name: str, event: Any = None, **settings: Any) -> Answer:
        end = time.monotonic() + 20
        while True:
            try:
                return invoke(name, event, **settings)
            except functions.exceptions.TooManyRequestsException:
                assert time.monotonic() < end
                time.sleep(0.02)

    return act
