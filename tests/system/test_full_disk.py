"""A full disk is told: by /health, by a metric, and by name."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

import pytest
from harness import Ingle


def ask(ingle: Ingle, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}{path}") as answer:
        return answer.status, answer.read().decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a small disk")
def test_a_full_disk_is_degraded_and_named_and_what_is_deployed_is_served(folder: Path) -> None:
    disk = folder / "data"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "none", str(disk)], check=True)
    own = Ingle(disk)
    try:
        own.start()
        own.deploy("f", {"app.py": "def handler(event, context):\n    return event\n"})
        assert json.loads(ask(own, "/health")[1])["status"] == "ok"
        (disk / "filler").write_bytes(bytes(120 << 20))
        status, told = ask(own, "/health")
        assert (status, json.loads(told)["status"]) == (200, "degraded")
        assert f"the disk of {disk} is full" in json.loads(told)["problems"][0]
        assert own.client().invoke(FunctionName="f", Payload=b"1")["Payload"].read() == b"1"
        free = next(line for line in ask(own, "/metrics")[1].splitlines() if line.startswith("ingle_disk_free_bytes"))
        assert 0 <= float(free.split()[1]) < 64 << 20
        (disk / "filler").unlink()
        assert json.loads(ask(own, "/health")[1])["status"] == "ok"
    finally:
        own.stop()
        subprocess.run(["umount", str(disk)], check=True)
