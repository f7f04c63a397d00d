"""The process driver: a plain process group, no isolation at all. For development on hosts that have nothing else."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from ingle.spawner.unpack import unpack_image
from ingle.worker.drivers.contract import EnvironmentSpec, Exit, RunningEnvironment, SpawnError
from ingle.worker.drivers.sandbox import log_pipe

_CLIENT = "import sys; from awslambdaric.__main__ import main; main(['bootstrap', sys.argv[1]])"
_NODE_CLIENT = Path(sys.modules["ingle.spawner"].__file__ or "").parent / "zygotes" / "nodejs" / "runtime.cjs"


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

    async def start(self) -> None:
        return

    async def prepare(self, runtime: int) -> None:
        return

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
        opt = self._images.get(spec.opt_image)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(settings, task, opt, environment),
                cwd=task,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                start_new_session=True,
            )
        except OSError as error:
            raise SpawnError(f"the runtime does not start: {error.strerror}") from error
        finally:
            os.close(output_write)
            os.close(telemetry_write)
        exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        watch = asyncio.create_task(_watch(process, exited))
        exited.add_done_callback(lambda _: watch.cancel())
        return RunningEnvironment(
            identifier=process.pid,
            listener=listener,
            output=output,
            telemetry=telemetry,
            exited=exited,
            stop=lambda: _kill(process.pid),
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
        if name.startswith("python"):
            layers = f":{opt}/python/lib/{name}/site-packages:{opt}/python" if opt is not None else ""
            environment["PYTHONPATH"] = f"{task}{layers}:{self._packages / name}"
            return [interpreter, "-c", _CLIENT, settings["handler"]]
        if name.startswith("nodejs"):
            return [interpreter, os.fspath(_NODE_CLIENT)]
        return [os.fspath(task / "bootstrap")]

    async def close(self) -> None:
        for image in list(self._images):
            await self.detach(image)


async def _watch(process: asyncio.subprocess.Process, exited: "asyncio.Future[Exit]") -> None:
    code = await process.wait()
    _kill(process.pid)
    if not exited.done():
        exited.set_result(Exit(status=-code if code < 0 else code << 8, out_of_memory=False))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
