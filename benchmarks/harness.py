"""Starts a real Ingle on a temporary data directory for a benchmark, and describes the machine."""

import contextlib
import io
import json
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
TIME_SCALE = float(os.environ.get("INGLE_TIME_SCALE", "1"))
"""How much longer than on a host of today everything may take, as in a guest under software emulation."""
FUNCTION_SCALE = min(TIME_SCALE, 5)
"""How much longer functions may take there; one that sleeps past its limit on purpose still does."""
INGLE = ROOT / ".venv" / "bin" / "ingle"
ECHO = "def handler(event, context):\n    return event\n"


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free now, and that the kernel gives to no client."""
    while True:
        port = random.randrange(10_000, 32_000)  # noqa: S311
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def zip_of(files: Mapping[str, str | bytes], *, compress: bool = False) -> bytes:
    """Return a zip archive of `files` (name to content); the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name == "bootstrap" else 0o600) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED)
    return buffer.getvalue()


class Ingle:
    """A running Ingle: its port, data directory and process, and boto3 clients for it.

    `observers` are called with each answer that these get, as handlers of botocore's `after-call`.
    """

    observers: ClassVar[list[Callable[..., None]]] = []

    def __init__(
        self,
        data_dir: Path,
        *,
        arguments: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
        stdin: int | None = None,
        program: Path = INGLE,
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / "ingle.log"
        self.prefix = prefix
        self.stdin = stdin
        self.program = program
        self.port = free_port()
        self.arguments = arguments
        self.ready_seconds = 0.0

    def start(self) -> None:
        """Start `ingle up` and wait until `/health` answers 200; `ready_seconds` says how long that took."""
        started = time.perf_counter()
        command = [os.fspath(self.program), "up", "--data", os.fspath(self.data_dir), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *command, *self.arguments], stdin=self.stdin, stdout=log, stderr=log
            )
        while not self.is_healthy():
            if self.process.poll() is not None or time.perf_counter() - started > 60 * TIME_SCALE:
                raise RuntimeError(f"ingle up did not get ready: {self.log.read_text()}")
            time.sleep(0.01)
        self.ready_seconds = time.perf_counter() - started

    def is_healthy(self) -> bool:
        """Say whether `/health` answers 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=TIME_SCALE) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Send SIGTERM and wait until everything has drained."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60 * TIME_SCALE)

    def announcement(self) -> str:
        """Return what `ingle up` says once it serves."""
        while "next" not in (text := self.log.read_text()):
            time.sleep(0.01)
        return text

    @property
    def credentials(self) -> dict[str, str]:
        return dict(json.loads((self.data_dir / "credentials.json").read_text()))

    def client(self, service: str = "lambda") -> Any:
        """Return a boto3 client in us-east-1 that does not try again."""
        return self.client_in("us-east-1", service)

    def client_in(self, region: str, service: str = "lambda") -> Any:
        """Return a boto3 client in another region."""
        held = self.credentials
        client = boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=region,
            aws_access_key_id=held["access_key_id"],
            aws_secret_access_key=held["secret_access_key"],
            config=Config(
                retries={"max_attempts": 0},
                read_timeout=120 * TIME_SCALE,
                parameter_validation=False,
                inject_host_prefix=False,  # no name before an address of the loopback interface
            ),
        )
        for observer in self.observers:
            client.meta.events.register("after-call", observer)
        return client

    def deploy(
        self, name: str, files: Mapping[str, str | bytes], *, runtime: str = "python3.11", **settings: Any
    ) -> None:
        """Create a function of `files` and wait until it is active."""
        client = self.client()
        if FUNCTION_SCALE > 1:
            settings["Timeout"] = round(min(900, settings.get("Timeout", 3) * FUNCTION_SCALE))
        client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=settings.pop("Handler", "app.handler"),
            Role="arn:aws:iam::000000000000:role/benchmark",
            Code={"ZipFile": zip_of(files)},
            **settings,
        )
        client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": int(400 * TIME_SCALE)}
        )


@contextlib.contextmanager
def running_ingle(
    *arguments: str,
    prefix: tuple[str, ...] = (),
    owner: int | None = None,
    stdin: int | None = None,
    program: Path = INGLE,
) -> Iterator[Ingle]:
    """Yield a running Ingle on a fresh data directory; stop it and remove everything afterwards.

    `prefix` is a command that starts it, as another user for example, who is the `owner` of where it lives. `stdin` is
    its standard input. `program` is the `ingle` of another checkout.
    """
    folder = Path(tempfile.mkdtemp(prefix="ingle-benchmark-"))
    if owner is not None:
        os.chown(folder, owner, owner)
    ingle = Ingle(folder / "data", arguments=arguments, prefix=prefix, stdin=stdin, program=program)
    try:
        ingle.start()
        yield ingle
    finally:
        if getattr(ingle, "process", None) and ingle.process.poll() is None:
            ingle.stop()
        shutil.rmtree(folder, ignore_errors=True)


def touch_memory(mib: int = 3072) -> None:
    """Have the host back that much of this machine's memory.

    On a virtual machine each page that the host has not backed yet costs a fault of the host's, several microseconds,
    on its first use; what is measured here is Ingle, not that.
    """
    memory = bytearray(mib << 20)
    memory[:: os.sysconf("SC_PAGESIZE")] = b"x" * len(memory[:: os.sysconf("SC_PAGESIZE")])


def machine() -> str:
    """Describe the machine in one line: processor, cores, memory, kernel, Python."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = int(next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))) >> 20
    return f"{model}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}, Python {sys.version.split()[0]}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def available_mib() -> float:
    """Return MemAvailable of the machine in MiB (proc_meminfo(5))."""
    return int(next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemAvailable"))) / 1024


def print_table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a Markdown table, as docs/benchmarks.md holds it."""
    out = [
        f"\n### {title}",
        "",
        f"Machine: {machine()}",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
    ]
    out += ["| " + " | ".join(row) + " |" for row in rows]
    sys.stdout.write("\n".join(out) + "\n")
    sys.stdout.flush()
