"""What the kernel says of every listener of a running Ingle: how many connections may wait to be accepted."""

import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from belongings import groups, members
from harness import free_port, running_ingle

SOMAXCONN = int(Path("/proc/sys/net/core/somaxconn").read_text())
SS = shutil.which("ss")


def listeners(*options: str, within: int | None = None) -> dict[str, int]:
    """Return the backlog of each listener by its address, as `ss` tells it, in the network of a process."""
    prefix = ["nsenter", "-t", str(within), "-n"] if within is not None else []
    told = subprocess.run([*prefix, "ss", "-H", "-l", *options], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in told.splitlines()]
    if "-t" in options:
        return {row[3]: int(row[2]) for row in rows}
    return {row[4]: int(row[3]) for row in rows}


@pytest.mark.skipif(SS is None, reason="needs ss (iproute2), which asks the kernel")
def test_every_listener_has_the_backlog_that_it_was_given() -> None:
    https = free_port()
    with running_ingle("--https-port", str(https)) as own:
        own.deploy("f", {"app.py": "def handler(event, context):\n    return event\n"})
        own.client().invoke(FunctionName="f")
        tcp = listeners("-t", "-n")
        for port in (own.port, https):
            assert tcp[f"127.0.0.1:{port}"] == min(4096, SOMAXCONN)
        unix = {Path(path).name: backlog for path, backlog in listeners("-x").items() if str(own.data_dir) in path}
        spawner = unix.pop("spawner.sock", 16)  # a worker and its successor are all that it hears
        assert spawner == 16
        expected = {"control.sock", "control-gateway.sock", "control-worker.sock", "gateway.sock", "worker-1.sock"}
        assert unix == dict.fromkeys(expected, min(4096, SOMAXCONN))
        if os.geteuid() == 0:
            owned = [group for group in groups(own) if is_limited(group)]  # blank ones have no limits yet
            inside = [listeners("-t", "-n", within=pid) for pid in members(owned)]
            assert inside
            told = {(address.rpartition(":")[2], backlog) for one in inside for address, backlog in one.items()}
            assert told == {("9001", 128)}


def is_limited(group: Path) -> bool:
    try:
        return (group / "pids.max").read_text().strip() != "max"
    except OSError:
        return False


def test_a_thousand_clients_that_connect_at_once_are_all_taken() -> None:
    with running_ingle() as own, ThreadPoolExecutor(64) as pool:
        links = [socket.socket() for _ in range(1000)]
        for link in links:
            link.setblocking(False)
            link.connect_ex(("127.0.0.1", own.port))
        assert all(pool.map(_answered, links))


def _answered(link: socket.socket) -> bool:
    """Say whether a connection that was begun becomes one and is answered."""
    with link:
        link.settimeout(30)
        try:
            link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return link.recv(8) == b"HTTP/1.1"
        except OSError:
            return False
