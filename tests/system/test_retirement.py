"""What ends environments: their age, their worker's lease, want of memory; never one that serves."""

import concurrent.futures
import json
import os
import threading
import time
import urllib.request
from typing import Any

import belongings
from harness import Ingle, running_ingle

SOURCE = """
import os, time, uuid
ME = str(uuid.uuid4())
def handler(event, context):
    time.sleep(event or 0)
    return [ME, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]
"""
DEADLINE_S = 40


def wait_until(what: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def environments(ingle: Ingle) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
        return list(json.loads(answer.read()))


def invoke(client: Any, event: float, **settings: Any) -> list[str]:
    answer = client.invoke(FunctionName="f", Payload=json.dumps(event).encode(), **settings)
    assert "FunctionError" not in answer
    return list(json.loads(answer["Payload"].read()))


def worker_of(ingle: Ingle) -> int:
    return int(belongings.programs(ingle)["worker"])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_whose_lease_is_over_is_replaced_and_no_invocation_notices() -> None:
    with running_ingle("--worker-hours", "0.0004") as ingle:
        client = ingle.client()
        ingle.deploy("f", {"app.py": SOURCE}, Timeout=30)
        client.publish_version(FunctionName="f")
        client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
        first, is_over = worker_of(ingle), threading.Event()
        known = environments(ingle)

        def keep_invoking(event: float) -> int:
            count = 0
            while not is_over.is_set():
                invoke(ingle.client(), event)
                count += 1
            return count

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(keep_invoking, event) for event in (1.3, 0.7, 0.3, 0.0)]
            try:
                wait_until(lambda: worker_of(ingle) != first)
                wait_until(lambda: not is_running(first))
            finally:
                is_over.set()
            assert all(one.result() for one in asked)
        assert {one["id"] for one in known}.isdisjoint(one["id"] for one in environments(ingle))
        wait_until(lambda: invoke(client, 0, Qualifier="1")[1] == "provisioned-concurrency")


def test_idle_environments_end_by_age_and_when_memory_runs_short_and_busy_ones_never() -> None:
    with running_ingle("--environment-hours", "0.0002") as ingle:
        client = ingle.client()
        ingle.deploy("f", {"app.py": SOURCE}, Timeout=30)
        first = invoke(client, 0)
        wait_until(lambda: invoke(client, 0) != first)
    with running_ingle("--keep-free-mib", str(1 << 30)) as ingle:
        client = ingle.client()
        ingle.deploy("f", {"app.py": SOURCE}, Timeout=30)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            busy = pool.submit(invoke, ingle.client(), 1.5)
            wait_until(lambda: [one["state"] for one in environments(ingle)] == ["busy"])
            invoke(client, 0)
            wait_until(lambda: [one["state"] for one in environments(ingle)] == ["busy"])
            assert busy.result()
        wait_until(lambda: not environments(ingle))
        assert invoke(client, 0)
