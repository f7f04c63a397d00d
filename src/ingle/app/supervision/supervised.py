"""One process of an installation: started with surroundings of our own, heard, started again, and told to stop."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ingle.app.config import NO_USE
from ingle.transport.lifeline import FAILED, LEAVE, READY, SIGNALS, STOP, read_line

_BACK_OFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_STARTS = 5
_STEADY_S = 10.0
_NOT_STARTED = 71
"""Stands for the exit status of a program that the kernel would not start (EX_OSERR of sysexits.h)."""
_NOT_READY_S = 1.0
"""How long a program that has not begun to serve may take to stop: it holds nothing that anybody waits for."""
_STOP_LIMIT_S = {"gateway": 905.0, "worker": 905.0, "control": 35.0, "spawner": 15.0}
_OF_S3 = ("AWS_", "SSL_CERT_")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a process of a program ended, by itself."""

    name: str
    status: int
    reason: str = ""
    was_ready: bool = False

    def __str__(self) -> str:
        how = f"signal {-self.status}" if self.status < 0 else f"status {self.status}"
        return f"{self.name} ended ({how})" + (f": {self.reason}" if self.reason else "")


def plan_restart(ending: Ending, failures: int, *, has_served: bool) -> float | None:
    """Return after how many seconds a program is started again; None where that is of no use.

    `failures` counts the starts before this one that soon failed. What has served once may come to serve again.
    """
    if not has_served and (ending.status == NO_USE or failures + 1 >= _STARTS):
        return None
    return _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]


def surroundings(name: str, given: Mapping[str, str], *, fetches_from_s3: bool = False) -> dict[str, str]:
    """Return a program's environment variables: whoever starts Ingle decides on these alone.

    Control finds the credentials for the S3 endpoint that Ingle was told of.
    """
    made = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    if name == "control" and fetches_from_s3:
        made |= {key: value for key, value in given.items() if key == "HOME" or key.startswith(_OF_S3)}
    return made


class Program:
    """One supervised process."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        document: bytes,
        log: int,
        tell: Callable[[str], None],
        *,
        environment: Mapping[str, str],
        passed: Sequence[int] = (),
        clears_up: bool = False,
    ) -> None:
        self.name = name
        self._command = command
        self._document = document
        self._log = log
        self._tell = tell
        self._environment = environment
        self._passed = passed
        self._clears_up = clears_up
        """Whether it begins with what one before it may have left behind."""
        self._link: socket.socket | None = None
        self._is_ready = False
        self._reason = ""
        self._woken = asyncio.Event()
        self.has_served = asyncio.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.is_stopping = False

    async def run(self) -> Ending | None:
        """Keep the process running until `stop`; one that keeps dying is started ever more slowly.

        Return how it ended where it never served and does not come to.
        """
        failures = 0
        loop = asyncio.get_running_loop()
        while not self.is_stopping:
            started = loop.time()
            status = await self._run_once()
            if self.is_stopping:
                break
            ending = Ending(name=self.name, status=status, reason=self._reason, was_ready=self._is_ready)
            failures = failures if loop.time() - started < _STEADY_S else 0
            pause_s = plan_restart(ending, failures, has_served=self.has_served.is_set())
            if pause_s is None:
                return ending
            self._tell(str(ending))
            failures += 1
            await self._pause(pause_s)
        return None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def _run_once(self) -> int:
        """Start the process and return how it ended."""
        self._is_ready, self._reason = False, ""
        try:
            self.process = self._start()
        except OSError as error:  # the host is short of something now: a restart must not end all other programs
            self._let_go()
            self._reason = f"can't be started: {error.strerror}"
            return _NOT_STARTED
        handle = os.pidfd_open(self.process.pid)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        self._hear()  # what it said last
        self._let_go()
        return self.process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start the process in a session of its own, with descriptors and variables of our choice alone."""
        self._link, theirs = socket.socketpair()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until it disregards them
        try:
            process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=self._log,
                stderr=self._log,
                cwd="/",
                env=dict(self._environment),
                umask=0o077,
                pass_fds=self._passed,
                start_new_session=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        with contextlib.suppress(OSError):
            self._link.sendall(self._document)
        self._link.setblocking(False)
        asyncio.get_running_loop().add_reader(self._link.fileno(), self._hear)
        return process

    def _hear(self) -> None:
        """Take what the program says of itself."""
        if self._link is None:
            return
        told = read_line(self._link, 65536)
        if told is None:
            return
        if not told:
            asyncio.get_running_loop().remove_reader(self._link.fileno())
        for line in told.splitlines():
            if line == READY:
                self._is_ready = True
                self.has_served.set()
            elif line.startswith(FAILED):
                self._reason = line.removeprefix(FAILED).decode("utf-8", "replace")

    def _let_go(self) -> None:
        if self._link is not None:
            asyncio.get_running_loop().remove_reader(self._link.fileno())
            self._link.close()
            self._link = None

    async def _pause(self, seconds: float) -> None:
        """Wait for so long, or until the program is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    def _order(self, order: bytes) -> None:
        self.is_stopping = True
        self._woken.set()
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.send(order)

    def leave(self) -> None:
        """Tell it that its lease is over: it ends when it has served, and is not started again."""
        self._order(LEAVE)

    async def stop(self) -> None:
        """Have it stop and wait; SIGKILL after the program's own limit, or soon where it has not begun to serve."""
        self._order(STOP)
        limit_s = _STOP_LIMIT_S[self.name] if self._is_ready or self._clears_up else _NOT_READY_S
        end = asyncio.get_running_loop().time() + limit_s
        while self.is_running and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        if self.process is not None and self.is_running:
            self.process.kill()

    async def clear_up(self) -> None:
        """Where the process has ended by itself, start it once more, to stop at once: it clears up what is left."""
        if self._clears_up and self.process is not None and self.process.returncode:
            running = asyncio.create_task(self._run_once())
            await asyncio.sleep(0)
            await self.stop()
            await running


def python_command(python: str, *arguments: str) -> list[str]:
    """Return a command that runs a module of ours, whatever is in the working directory and in PYTHON* variables."""
    return [python, "-I", "-m", *arguments]
