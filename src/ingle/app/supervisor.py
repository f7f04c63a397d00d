"""Starts the programs, restarts what dies, and at the end stops them in order, so that no invocation is cut."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from ingle.app.config import ConfigurationError, Options, cgroup_name, packages_dir
from ingle.app.isolation import PROCESS, ROOTLESS, Isolation
from ingle.app.settings import Programs

_BACK_OFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 10.0
_LOOK_AGAIN_S = 0.05
_STOP_ORDER = ("gateway", "worker", "control", "spawner")
_STOP_LIMIT_S = {"gateway": 905.0, "worker": 905.0, "control": 35.0, "spawner": 15.0}


class Program:
    """One supervised process."""

    def __init__(self, name: str, command: list[str], document: bytes, log: int) -> None:
        self.name = name
        self._command = command
        self._document = document
        self._log = log
        self.process: asyncio.subprocess.Process | None = None
        self.is_stopping = False

    async def run(self) -> None:
        """Keep the process running until `stop`; one that keeps dying is started ever more slowly."""
        failures = 0
        loop = asyncio.get_running_loop()
        while not self.is_stopping:
            started = loop.time()
            await self._start()
            assert self.process is not None
            if self.is_stopping:  # who stopped it has not seen this process
                self.process.terminate()
            await self.process.wait()
            failures = failures + 1 if loop.time() - started < _STEADY_S else 0
            if not self.is_stopping:
                await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def _start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self._command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log
        )
        assert self.process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(self._document)
            await self.process.stdin.drain()
            self.process.stdin.close()

    def leave(self) -> None:
        """Tell it that its lease is over: it ends when it has served, and is not started again."""
        self.is_stopping = True
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGUSR1)

    async def stop(self) -> None:
        """Send SIGTERM and wait; SIGKILL after the program's own limit."""
        self.is_stopping = True
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_LIMIT_S[self.name]):
                    await process.wait()
            except TimeoutError:
                process.kill()


def lock(data_dir: Path) -> int:
    """Take the installation for this process. Raises ConfigurationError where another has it."""
    descriptor = os.open(data_dir / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigurationError(f"another `ingle up` already serves {data_dir}") from None
    return descriptor


def _spawner_command(options: Options, isolation: Isolation) -> list[str]:
    command = [sys.executable, "-m", "ingle.spawner", "--socket", str(options.data_dir / "run" / "spawner.sock")]
    command += ["--runtime-packages", str(packages_dir()), "--cgroup-name", cgroup_name(options.data_dir)]
    if isolation.driver == ROOTLESS:
        return [*command, "--rootless"]
    return [*command, "--unpack-images"] if isolation.unpacks else command


def _program(name: str, settings: msgspec.Struct, log: int) -> Program:
    return Program(name, [sys.executable, "-m", "ingle.app", name], msgspec.json.encode(settings), log)


class Supervisor:
    """All programs of an installation."""

    def __init__(self, options: Options, programs: Programs, isolation: Isolation) -> None:
        log = os.open(options.data_dir / "programs.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._programs: dict[str, Program] = {}
        if isolation.driver != PROCESS:
            self._programs["spawner"] = Program("spawner", _spawner_command(options, isolation), b"", log)
        for name, settings in (
            ("control", programs.control),
            ("gateway", programs.gateway),
            ("worker", programs.worker),
        ):
            self._programs[name] = _program(name, settings, log)
        self._log = log
        self._worker = programs.worker
        self._worker_s = options.worker_hours * 3600
        self._run_dir = options.data_dir / "run"
        self._beside: list[Program] = []
        """A worker that is to lead, or one that has led and still serves."""
        self._point(self._worker.socket)
        self._pids_file = options.data_dir / "run" / "programs.json"

    @property
    def pids(self) -> dict[str, int]:
        return {name: one.process.pid for name, one in self._programs.items() if one.process is not None}

    async def run(self, stopped: asyncio.Event) -> None:
        """Run everything until `stopped`, then drain: gateway first, spawner last."""
        tasks = {asyncio.create_task(program.run()) for program in self._programs.values()}
        reporting = asyncio.create_task(self._report())
        replacing = asyncio.create_task(self._replace_workers(tasks))
        await stopped.wait()
        replacing.cancel()
        await asyncio.gather(replacing, return_exceptions=True)
        for name in _STOP_ORDER:
            if name in self._programs:
                others = self._beside if name == "worker" else []
                await asyncio.gather(*(program.stop() for program in (self._programs[name], *others)))
        await asyncio.gather(*tasks, return_exceptions=True)
        reporting.cancel()

    async def _replace_workers(self, tasks: set[asyncio.Task[None]]) -> None:
        """Replace the worker whenever its lease is over, until cancelled: the next one leads once it is there."""
        number = 1
        while True:
            await asyncio.sleep(self._worker_s)
            while any(one.is_running for one in self._beside):
                await asyncio.sleep(_LOOK_AGAIN_S)
            number += 1
            settings = msgspec.structs.replace(self._worker, socket=f"worker-{number}.sock")
            successor = _program("worker", settings, self._log)
            tasks.add(asyncio.create_task(successor.run()))
            self._beside = [successor]
            while not await self._answers(settings.socket):
                await asyncio.sleep(_LOOK_AGAIN_S)
            self._point(settings.socket)
            before, self._programs["worker"] = self._programs["worker"], successor
            self._beside = [before]
            before.leave()

    async def _answers(self, name: str) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self._run_dir / name)
        except OSError:
            return False
        writer.close()
        return True

    def _point(self, name: str) -> None:
        """Have the link `worker.sock` name the worker that leads."""
        made = self._run_dir / "worker.new"
        made.unlink(missing_ok=True)
        made.symlink_to(name)
        made.replace(self._run_dir / "worker.sock")

    async def _report(self) -> None:
        """Keep the processes' ids in run/programs.json."""
        last: dict[str, int] = {}
        while True:
            if self.pids != last:
                last = self.pids
                made = self._pids_file.with_suffix(".new")
                made.write_bytes(msgspec.json.encode(last))
                made.replace(self._pids_file)
            await asyncio.sleep(0.05)
