"""A function that tries to take everything leaves its neighbour its latency.

The neighbour's own median comes first; then that of a while in which the attack runs, begun again as often as it
ends. The client that measures shares the processors with the attack and with whatever else this machine does: an attack
has to succeed three times to count.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Ingle, running_ingle
from load import drive
from tests.security.test_hostile_functions import PREAMBLE
from tests.system.test_front_door import FUNCTIONS, signed

SAMPLES = 150
ATTACK_S = 1.5
ATTEMPTS = 3
FACTOR = 2.0
pytestmark = pytest.mark.alone

# Each attack goes on for some seconds unless something ends it before; it is then started again.
ATTACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "processor": ("""
    for _ in range(8):
        if os.fork() == 0:
            while True:
                pass
    time.sleep(2)
    os._exit(0)
    """, {}),
    "fork_bomb": ("""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            if os.fork() == 0:
                time.sleep(0.02)
        except OSError:
            pass
    os._exit(0)
    """, {}),
    "threads": ("""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()
        except RuntimeError:
            pass
    """, {}),
    "memory": ("""
    held = []
    while True:
        held.append(bytearray(os.urandom(4096)) * 1024)
    """, {"MemorySize": 512}),
    "tmp": ("""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            with open("/tmp/full", "wb", buffering=0) as file:
                while time.monotonic() < end:
                    file.write(bytes(1 << 20))
        except OSError:
            os.unlink("/tmp/full")
    """, {"MemorySize": 1024}),
    "small_files": ("""
    end, count = time.monotonic() + 2, 0
    while time.monotonic() < end:
        count += 1
        try:
            open("/tmp/%d" % count, "w").close()
        except OSError:
            pass
    """, {"MemorySize": 256}),
    "descriptors": ("""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        held = []
        with contextlib.suppress(OSError):
            while True:
                held.extend(socket.socketpair())
        for one in held:
            one.close()
    """, {}),
    "log_pipes_of_short_lines": ("""
    end, line = time.monotonic() + 2, b"z" + bytes([10])
    while time.monotonic() < end:
        os.write(1, line * 30000)
        os.write(4, line * 30000)
    """, {}),
    "log_pipes": ("""
    end, line = time.monotonic() + 2, b"z" * 200 + bytes([10])
    while time.monotonic() < end:
        os.write(1, line * 300)
        os.write(4, line * 300)
    """, {}),
    "runtime_api_flood": ("""
    heads = [
        b"GET /ping", b"POST /2020-01-01/extension/register", b"PUT /2022-07-01/telemetry",
        b"GET /2020-01-01/extension/event/next",
    ]
    def flood():
        link = socket.create_connection(("127.0.0.1", 9001))
        request = heads[number % 4] + b" HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
        while True:
            link.sendall(request * 100)
            link.recv(1 << 20)
    for number in range(12):
        if os.fork() == 0:
            while True:
                with contextlib.suppress(OSError):
                    flood()
    time.sleep(2)
    os._exit(0)
    """, {"MemorySize": 3538}),
    "runtime_api_connections": ("""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9001)).close()
    """, {"MemorySize": 512}),
    "giant_headers_and_slow_reads": ("""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        links = []
        with contextlib.suppress(OSError):
            for number in range(12):
                link = socket.create_connection(("127.0.0.1", 9001))
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                link.setblocking(False)
                links.append(link)
                link.send(b"GET /ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 2000 if number % 2 else b"GET / HTTP/1.1\\r\\n")
            for _ in range(50):
                for link in links:
                    with contextlib.suppress(OSError):
                        link.send(b"X-%d: " % number + b"y" * 8000)
    """, {"MemorySize": 512}),
    "churn": ("os._exit(1)", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def crowd() -> Iterator[Ingle]:
    """An Ingle with a well-behaved neighbour, alone with its attackers."""
    with running_ingle() as ingle:
        ingle.deploy("neighbour", {"app.py": "def handler(e, c):\n    return 'well'\n"}, MemorySize=512)
        median_us(ingle)
        yield ingle


def median_us(ingle: Ingle) -> float:
    requests = [
        signed(ingle, "POST", FUNCTIONS + "neighbour/invocations", json.dumps(number).encode())
        for number in range(SAMPLES)
    ]
    load = asyncio.run(drive("127.0.0.1", ingle.port, [requests]))
    assert load.failures == 0
    return load.median_us


@contextlib.contextmanager
def under_attack(ingle: Ingle, name: str) -> Iterator[None]:
    """Have `name` invoked again and again meanwhile; fails where it was never at it."""
    is_over = threading.Event()
    begun = 0

    def attack() -> None:
        nonlocal begun
        client = ingle.client()
        while not is_over.is_set():
            begun += 1
            client.invoke(FunctionName=name, Payload=b"{}")

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        attacking = pool.submit(attack)
        try:
            time.sleep(0.3)  # into the attack
            yield
        finally:
            is_over.set()
        attacking.result()
    assert begun


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_neighbour_keeps_its_latency_while_an_attack_runs(attack: str, crowd: Ingle) -> None:
    body, settings = ATTACKS[attack]
    source = f"{PREAMBLE}import contextlib\ndef handler(event, context):\n    {body.strip()}\n"
    crowd.deploy(attack, {"app.py": source}, Timeout=6, **settings)
    slowed = [slowed_down(crowd, attack)]
    while slowed[-1] > FACTOR and len(slowed) < ATTEMPTS:
        slowed.append(slowed_down(crowd, attack))
    crowd.client().delete_function(FunctionName=attack)
    assert slowed[-1] <= FACTOR, slowed
    assert crowd.is_healthy()


def slowed_down(ingle: Ingle, attack: str) -> float:
    """Return by how much the neighbour's median grows."""
    alone_us = statistics.median(median_us(ingle) for _ in range(3))
    with under_attack(ingle, attack):
        end, beset_us = time.monotonic() + ATTACK_S, []
        while time.monotonic() < end:
            beset_us.append(median_us(ingle))
    return statistics.median(beset_us) / alone_us
