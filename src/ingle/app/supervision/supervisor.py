"""Starts the programs, restarts what dies, and at the end stops them in order, so that no invocation is cut."""

import asyncio
import fcntl
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ingle.app.config import OccupiedError, Options, cgroup_name, packages_dir
from ingle.app.supervision.isolation import PROCESS, ROOTLESS, Isolation
from ingle.app.supervision.settings import Programs
from ingle.app.supervision.supervised import Ending, Program, python_command, surroundings
from ingle.transport.lifeline import render_document

_LOOK_AGAIN_S = 0.05
_STOP_ORDER = ("gateway", "worker", "control", "spawner")


def lock(data_dir: Path) -> int:
    """Take the installation for this process. Raises OccupiedError where another has it."""
    descriptor = os.open(data_dir / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OccupiedError(f"another `ingle up` already serves {data_dir}") from None
    os.truncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())  # for `ingle down`
    return descriptor


def _spawner_command(options: Options, isolation: Isolation) -> list[str]:
    command = python_command(
        sys.executable, "ingle.spawner", "--socket", str(options.data_dir / "run" / "spawner.sock")
    )
    command += ["--runtime-packages", str(packages_dir()), "--cgroup-name", cgroup_name(options.data_dir)]
    command += ["--cgroup-root", isolation.groups] if isolation.groups else []
    if isolation.driver == ROOTLESS:
        return [*command, "--rootless"]
    return [*command, "--unpack-images"] if isolation.unpacks else command


def _is_fatal(ended: "asyncio.Task[Ending | None]") -> bool:
    """Say whether a program can't go on; a worker whose lease is over ends as well, and that is as it shall be."""
    return ended.cancelled() or ended.exception() is not None or ended.result() is not None


class Supervisor:
    """All programs of an installation; `tell` shows a line to whoever started it."""

    def __init__(
        self,
        options: Options,
        programs: Programs,
        isolation: Isolation,
        listeners: Sequence[socket.socket],
        tell: Callable[[str], None],
    ) -> None:
        self._log = os.open(
            options.data_dir / "programs.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        self.isolation = isolation
        self._options = options
        self._listeners = listeners
        self._tell = tell
        self._programs: dict[str, Program] = {}
        if isolation.driver != PROCESS:
            self._programs["spawner"] = self._make(
                "spawner", _spawner_command(options, isolation), render_document(msgspec.json.encode(programs.runtimes))
            )
        self._programs["control"] = self._program("control", programs.control)
        self._programs["gateway"] = self._program("gateway", programs.gateway, [one.fileno() for one in listeners])
        self._programs["worker"] = self._program("worker", programs.worker)
        self._worker = programs.worker
        self._worker_s = options.worker_hours * 3600
        self._run_dir = options.data_dir / "run"
        self._beside: list[Program] = []
        """A worker that is to lead, or one that has led and still serves."""
        self._point(self._worker.socket)
        self._pids_file = options.data_dir / "run" / "programs.json"

    def _program(self, name: str, settings: msgspec.Struct, passed: Sequence[int] = ()) -> Program:
        document = render_document(msgspec.json.encode(settings))
        return self._make(name, python_command(sys.executable, "ingle.app", name), document, passed)

    def _make(self, name: str, command: Sequence[str], document: bytes, passed: Sequence[int] = ()) -> Program:
        environment = surroundings(name, os.environ, fetches_from_s3=self._options.s3_endpoint is not None)
        return Program(
            name,
            command,
            document,
            self._log,
            self._tell,
            environment=environment,
            passed=passed,
            clears_up=name == "spawner",
        )

    @property
    def pids(self) -> dict[str, int]:
        return {name: one.process.pid for name, one in self._programs.items() if one.process is not None}

    async def run(self, stopped: asyncio.Event) -> Ending | None:
        """Run everything until `stopped`, then drain: gateway first, spawner last.

        Return how a program ended that can't start: then everything stops, too, and `stopped` is set.
        """
        tasks = {asyncio.create_task(program.run()) for program in self._programs.values()}
        for task in tasks:
            task.add_done_callback(lambda ended: stopped.set() if _is_fatal(ended) else None)
        beside: set[asyncio.Task[Ending | None]] = set()
        reporting = asyncio.create_task(self._report())
        replacing = asyncio.create_task(self._replace_workers(beside))
        await stopped.wait()
        replacing.cancel()
        await asyncio.gather(replacing, return_exceptions=True)
        for listener in self._listeners:  # the gateway's copies are the last: who comes now is refused
            listener.close()
        for name in _STOP_ORDER:
            if name in self._programs:
                others = self._beside if name == "worker" else []
                await asyncio.gather(*(program.stop() for program in (self._programs[name], *others)))
        ends = await asyncio.gather(*tasks, *beside)
        if "spawner" in self._programs:
            await self._programs["spawner"].clear_up()
        reporting.cancel()
        return next((end for end in ends if end is not None), None)

    async def _replace_workers(self, tasks: "set[asyncio.Task[Ending | None]]") -> None:
        """Replace the worker whenever its lease is over, until cancelled: the next one leads once it is there."""
        number = 1
        while True:
            await asyncio.sleep(self._worker_s)
            while any(one.is_running for one in self._beside):
                await asyncio.sleep(_LOOK_AGAIN_S)
            number += 1
            settings = msgspec.structs.replace(self._worker, socket=f"worker-{number}.sock")
            successor = self._program("worker", settings)
            running = asyncio.create_task(successor.run())
            tasks.add(running)
            self._beside = [successor]
            serving = asyncio.create_task(successor.has_served.wait())
            await asyncio.wait({running, serving}, return_when=asyncio.FIRST_COMPLETED)
            if not successor.has_served.is_set():  # it has told why: the one before leads on
                serving.cancel()
                continue
            self._point(settings.socket)
            before, self._programs["worker"] = self._programs["worker"], successor
            self._beside = [before]
            before.leave()

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
