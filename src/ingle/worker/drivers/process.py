"""The process driver: a plain process group, no isolation at all. For development on hosts that have nothing else."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ingle.spawner.images.unpack import unpack_image
from ingle.worker.drivers.contract import RUNTIME, EnvironmentSpec, Exit, Level, RunningEnvironment, SpawnError
from ingle.worker.drivers.own_figures import OwnFigures
from ingle.worker.drivers.sandbox import log_pipe

_ZYGOTES = Path(sys.modules["ingle.spawner"].__file__ or "").parent / "zygotes"


class ProcessDriver:
    """Runs functions as children of the worker, with its rights; refuses to start unless told that this is wanted."""

    def __init__(self, packages: Path, *, insecure: bool) -> None:
        if not insecure:
            raise SpawnError(
                "the process driver isolates nothing: start Ingle with --insecure if that is what you want"
            )
        self._packages = packages
        self._images: dict[int, Path] = {}
        self._next = 1
        self.lost = asyncio.Event()
        self.makes_copies = False

    async def start(self) -> None:
        return

    async def prepare(self, runtime: int) -> None:
        return

    def pool_levels(self) -> Mapping[int, Level]:
        return {}

    async def attach(self, image: int) -> int:
        folder = Path(tempfile.mkdtemp(prefix="ingle-task-", dir="/dev/shm"))  # memory, not disk
        unpack_image(image, os.fspath(folder))
        number, self._next = self._next, self._next + 1
        self._images[number] = folder
        return number

    async def detach(self, image: int) -> None:
        shutil.rmtree(self._images.pop(image), ignore_errors=True)

    async def spawn(self, spec: EnvironmentSpec) -> RunningEnvironment:
        settings = json.loads(spec.configuration)
        task = self._images[spec.image]
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        output, output_write = log_pipe()
        telemetry, telemetry_write = log_pipe()
        environment = dict(settings["environment"])
        environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{listener.getsockname()[1]}"
        environment["LAMBDA_TASK_ROOT"] = os.fspath(task)
        command = self._command(settings, task, self._images.get(spec.opt_image), environment)
        exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        processes = _PlainProcesses(command, task, environment, output_write)
        os.close(telemetry_write)

        def stop() -> None:
            processes.kill()
            if not exited.done():
                exited.set_result(Exit(out_of_memory=False))

        return RunningEnvironment(
            identifier=id(processes),
            listener=listener,
            output=output,
            telemetry=telemetry,
            processes=processes,
            exited=exited,
            stop=stop,
            own_figures=processes.figures,
        )

    def _command(
        self, settings: dict[str, Any], task: Path, opt: Path | None, environment: dict[str, str]
    ) -> list[str]:
        """Return what is run; layers are found through variables, because nothing can be mounted at /opt."""
        name, interpreter = settings["runtime"], settings["interpreter"]
        if opt is not None:
            for variable in ("PATH", "LD_LIBRARY_PATH", "NODE_PATH"):
                if variable in environment:
                    environment[variable] = environment[variable].replace("/opt/", f"{opt}/")
        environment["LAMBDA_RUNTIME_DIR"] = os.fspath(self._packages / name)
        if name.startswith("python"):
            layers = f"{opt}/python/lib/{name}/site-packages:{opt}/python:" if opt is not None else ""
            environment["PYTHONPATH"] = f"{layers}{self._packages / name}"
            return [interpreter, "-s", os.fspath(_ZYGOTES / "python" / "bootstrap.py")]
        if name.startswith("nodejs"):
            return [interpreter, os.fspath(_ZYGOTES / "nodejs" / "start.mjs")]
        return [os.fspath(task / "bootstrap")]

    async def close(self) -> None:
        for image in list(self._images):
            await self.detach(image)


class _PlainProcesses:
    """The runtime of one environment as a child of the worker; extensions need a root of their own and don't run."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], output: int) -> None:
        self.on_end: Callable[[int, int], None] = lambda number, status: None
        self.on_link: Callable[[socket.socket], None] = socket.socket.close
        self._command = command
        self._folder = folder
        self._environment = environment
        self._output = output
        self.figures = OwnFigures(counts_first=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self, number: int) -> None:
        if number != RUNTIME:
            return
        try:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )
        except OSError:
            asyncio.get_running_loop().call_soon(self.on_end, RUNTIME, 127 << 8)
            return
        self.figures.first = self._process.pid
        self._watch = asyncio.create_task(self._wait(self._process))

    async def _wait(self, process: subprocess.Popen[bytes]) -> None:
        await _wait_for_end(process.pid)
        _, status, usage = os.wait4(process.pid, 0)  # noqa: ASYNC222 (it has ended)
        process.returncode = os.waitstatus_to_exitcode(status)
        _signal(process, signal.SIGKILL)
        self.figures.ended(usage.ru_maxrss * 1024)
        self.on_end(RUNTIME, status)

    def terminate(self, number: int) -> None:
        if self._process is not None:
            _signal(self._process, signal.SIGTERM)

    def kill(self) -> None:
        if self._process is not None:
            _signal(self._process, signal.SIGKILL)

    async def reset(self) -> None:
        self.kill()
        if self._watch is not None:
            await self._watch

    async def connect(self, port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        except BaseException:
            made.close()
            raise
        return made

    def freeze(self) -> None:
        if self._process is not None:
            _signal(self._process, signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            _signal(self._process, signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        os.close(self._output)


async def _wait_for_end(pid: int) -> None:
    """Wait for the end of a child, on no thread: there are few, and others need them."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
