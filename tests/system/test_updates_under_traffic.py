"""Updates of code and settings while a function is invoked all the time."""

import contextlib
import json
import os
import time
from typing import Any

import pytest
from control_plane import Traffic
from harness import Ingle, zip_of

NAME = "changing"
DATA = os.urandom(2_000_000)
WAITING = {"Delay": 0.01, "MaxAttempts": 2000}


def code(word: int) -> bytes:
    source = (
        f"import os, time\ndef handler(e, c):\n    time.sleep(0.004)\n    return [{word}, int(os.environ['STEP'])]\n"
    )
    return zip_of({"app.py": source, "data.bin": DATA})


@pytest.fixture
def client(ingle: Ingle) -> Any:
    client = ingle.client()
    client.create_function(
        FunctionName=NAME, Runtime="python3.11", Handler="app.handler", Code={"ZipFile": code(0)},
        Role="arn:aws:iam::000000000000:role/test", Environment={"Variables": {"STEP": "0"}},
    )  # fmt: skip
    client.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig=WAITING)
    yield client
    with contextlib.suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function(FunctionName=NAME)


def test_no_invocation_fails_or_runs_a_wrong_version_while_code_and_settings_change(ingle: Ingle, client: Any) -> None:
    states = [(0, 0)]
    began, done = [0.0], [0.0]
    with Traffic(ingle, NAME, threads=3) as traffic:
        end = time.monotonic() + 2
        while time.monotonic() < end or len(states) < 5 or len(traffic.answers) < 20:
            word, step = states[-1]
            began.append(time.monotonic())
            if word == step:
                states.append((word + 1, step))
                client.update_function_code(FunctionName=NAME, ZipFile=code(word + 1))
            else:
                states.append((word, step + 1))
                variables = {"Variables": {"STEP": str(step + 1)}}
                client.update_function_configuration(FunctionName=NAME, Environment=variables)
            client.get_waiter("function_updated_v2").wait(FunctionName=NAME, WaiterConfig=WAITING)
            done.append(time.monotonic())
    for one in traffic.answers:
        assert not one.payload.startswith("failed"), one.payload
        got = states.index(tuple(json.loads(one.payload)))
        assert sum(at_s <= one.sent_s for at_s in done) - 1 <= got < sum(at_s <= one.answered_s for at_s in began)
