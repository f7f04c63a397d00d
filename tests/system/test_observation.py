"""Metrics and `ingle top` of a real Ingle."""

import concurrent.futures
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from harness import INGLE, Ingle, running_ingle
from prometheus_client.parser import text_string_to_metric_families

EVERYWHERE = "0.0.0.0"  # noqa: S104  # what is asked is who may ask from where
ECHO = "def handler(e, c):\n    return e\n"
MOODY = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return 1 / (e < 1)\n"


def get(ingle: Ingle, path: str, **headers: str) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{ingle.port}{path}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def scrape(ingle: Ingle, function: str = "") -> dict[tuple[str, str], float]:
    """Return the samples of one function (or of none) by name and what else they are labelled with."""
    found = {}
    for family in text_string_to_metric_families(get(ingle, "/metrics").decode()):
        for one in family.samples:
            labels = dict(one.labels)
            if labels.pop("function", "") == function:
                labels.pop("region", None)
                found[one.name, ",".join(labels[name] for name in sorted(labels))] = one.value
    return found


def test_metrics_count_cold_starts_times_errors_and_environments(ingle: Ingle, deploy: Any, invoke: Any) -> None:
    name = deploy(MOODY, Timeout=2)
    invoke(name, 0)
    assert invoke(name, 0.02).error is None
    assert invoke(name, 1).error == "Unhandled"
    seen = scrape(ingle, name)
    assert seen["ingle_cold_starts_total", ""] == 1
    assert 0 < seen["ingle_environment_init_seconds_sum", ""] < 10
    assert seen["ingle_environment_init_seconds_count", ""] == 1
    assert seen["ingle_invocation_seconds_count", ""] == 3
    assert seen["ingle_invocation_seconds_bucket", "0.5"] == 2
    assert seen["ingle_invocation_errors_total", "function"] == 1
    states = {labels: count for (metric, labels), count in seen.items() if metric == "ingle_environments"}
    assert states in ({"idle,$LATEST": 1}, {"frozen,$LATEST": 1})
    assert scrape(ingle)["ingle_worker_up", ""] == 1


def test_the_levels_of_the_blank_pools_are_told(ingle: Ingle, deploy: Any, invoke: Any) -> None:
    if "isolation  sandbox (" not in ingle.announcement():
        pytest.skip("without root there are no blank pools")
    invoke(deploy(MOODY), 0)
    deadline = time.monotonic() + 20
    while not (pools := json.loads(get(ingle, "/pools"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    mine = next(one for one in pools if one["runtime"] == "python3.11")
    assert mine["wanted"] >= 1
    assert scrape(ingle)["ingle_blank_environments", "wanted,python3.11"] >= 1
    assert "python3.11" in ingle_top(ingle, "--once").rpartition("blank environments ready")[2]


def test_throttles_are_counted_by_their_reason() -> None:
    with running_ingle("--concurrency", "1") as ingle:
        ingle.deploy("slow", {"app.py": MOODY})
        client = ingle.client()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slow = pool.submit(client.invoke, FunctionName="slow", Payload=b"0.9")
            time.sleep(0.4)
            with pytest.raises(client.exceptions.TooManyRequestsException):
                client.invoke(FunctionName="slow", Payload=b"0")
            slow.result()
        assert scrape(ingle)["ingle_throttles_total", "ConcurrentInvocationLimitExceeded"] == 1


def test_metrics_and_environments_are_for_this_machine_or_who_signs() -> None:
    address = _other_address()
    with running_ingle("--host", EVERYWHERE) as ingle:
        for path in ("/metrics", "/environments", "/pools"):
            assert get(ingle, path)
            with pytest.raises(urllib.error.HTTPError, match="403"):
                get(ingle, path, Host="rebound.example")
            with pytest.raises(urllib.error.HTTPError, match="403"):
                get(ingle, path, **{"X-Forwarded-For": "192.0.2.1"})
            if address is not None:
                with pytest.raises(urllib.error.HTTPError, match="403"):
                    urllib.request.urlopen(f"http://{address}:{ingle.port}{path}")
        endpoint = ingle.data_dir / "run" / "endpoint"
        ingle.announcement()
        if address is not None:
            endpoint.write_text(f"http://{address}:{ingle.port}")
        assert json.loads(ingle_top(ingle, "--json")) == []
        held = ingle.data_dir / "credentials.json"
        held.write_text(json.dumps({**json.loads(held.read_text()), "secret_access_key": "wrong"}))
        if address is not None:
            assert "refuses the credentials" in ingle_top(ingle, "--json", status=1)


def _other_address() -> str | None:
    """Return an address of this machine that is not a loopback address, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses the address that it would send from
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith("127.") else found


def ingle_top(ingle: Ingle, *arguments: str, status: int = 0) -> str:
    command = [str(INGLE), "top", "--data", str(ingle.data_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def test_top_shows_environments_with_their_state_memory_age_and_invocations(
    ingle: Ingle, deploy: Any, invoke: Any
) -> None:
    ingle.announcement()
    name = deploy(ECHO)
    for _ in range(3):
        invoke(name)
    (mine,) = [one for one in json.loads(ingle_top(ingle, "--json")) if one["function"] == name]
    assert mine["state"] in ("idle", "frozen")
    assert (mine["version"], mine["invocations"], mine["tenant"]) == ("$LATEST", 3, None)
    assert 0 < mine["age_s"] < 60
    assert mine["memory_bytes"] is None or 1 << 20 < mine["memory_bytes"] < 128 << 20
    table = ingle_top(ingle, "--once")
    for column in ("version", "state", "memory", "age", "invocations", mine["state"], mine["id"][:4]):
        assert column in table
