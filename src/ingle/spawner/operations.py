"""What the spawner does for its worker: zygotes, images, environments."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from . import messages
from .cgroups import Group, Groups, favor_migrations
from .images import Images, MemoryImages
from .messages import Kind
from .networks import Networks
from .runtimes import Runtime
from .user_namespaces import UserNamespaces

_BOOT = "import sys; sys.path.insert(0, {!r}); from spawner.zygotes import zygote; zygote.main(sys.argv[1:])"
_INGLE = str(Path(__file__).resolve().parent.parent)
_READY = 16


class Zygote:
    """A running zygote: its process and its link."""

    def __init__(self, runtime: Runtime, packages: str, place: str, *, rootless: bool) -> None:
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.place = place
        os.makedirs(place, mode=0o700, exist_ok=True)
        kind = runtime.name.rstrip("0123456789.x").replace("nodejs", "node")
        interpreter = runtime.interpreter if kind == "python" else sys.executable
        trees = [runtime.prefix, runtime.prefix] if runtime.prefix else []
        client = str(Path(packages, runtime.name)) if kind == "python" else ""
        if kind == "python":
            trees += [client, "/var/runtime"]
        if kind == "node":
            script = str(Path(__file__).parent / "zygotes" / "nodejs" / "runtime.cjs")
            trees += [script, "/var/runtime/runtime.cjs"]
        arguments = [kind, str(theirs.fileno()), "1" if rootless else "0", self.place, *trees]
        self.process = subprocess.Popen(
            [interpreter, "-s", "-B", "-c", _BOOT.format(_INGLE), *arguments],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        theirs.close()

    def close(self) -> None:
        self.link.close()
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.rmdir(self.place)


class Environment:
    """What the spawner keeps of an environment until nothing is left of it."""

    def __init__(self, identifier: int, token: int, runtime: int, group: Group | None) -> None:
        self.identifier = identifier
        self.token = token
        self.runtime = runtime
        self.group = group
        self.namespace: tuple[int, int] | None = None
        self.listener = -1
        self.pid = 0
        self.handle = -1
        self.status = -1
        self.is_told = False
        self.is_doomed = False
        """Nobody waits for it any more: it ends as soon as it can be reached, and nobody hears of it."""


class Operations:
    """Carries out messages; owns everything that must be undone."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        runtimes: list[Runtime],
        packages: str,
        place: str,
        cgroup: str,
        *,
        rootless: bool,
    ) -> None:
        self._selector = selector
        self._place = place
        self._runtimes = runtimes
        self._packages = packages
        self._rootless = rootless
        self._groups: Groups | None = None
        self._namespaces = UserNamespaces()
        self._networks = Networks()
        self._images: Images | MemoryImages = MemoryImages()
        if not rootless:
            self._groups = Groups(cgroup)
            self._groups.clear()
            self._images = Images(os.path.join(place, "images"))
            favor_migrations(os.path.join(place, "cgroup"))
        self._zygotes: dict[int, Zygote] = {}
        self._environments: dict[int, Environment] = {}
        self._attached: set[int] = set()
        self._next = 1
        self.worker: socket.socket | None = None

    # messages of the worker

    def prepare(self, runtime: int) -> Zygote:
        """Return the runtime's zygote, started now where there is none; it may still be preloading."""
        zygote = self._zygotes.get(runtime)
        if zygote is None:
            zygote = Zygote(
                self._runtimes[runtime],
                self._packages,
                os.path.join(self._place, f"root-{runtime}"),
                rootless=self._rootless,
            )
            self._zygotes[runtime] = zygote
            self._selector.register(zygote.link, selectors.EVENT_READ, lambda: self._hear_zygote(runtime, zygote))
        return zygote

    def attach(self, token: int, image: int) -> None:
        number = self._images.attach(image)
        self._attached.add(number)
        self._tell(Kind.ATTACHED, token, number)

    def detach(self, number: int) -> None:
        if number in self._attached:
            self._attached.discard(number)
            self._images.detach(number)

    def spawn(self, values: list[int], descriptors: list[int]) -> None:
        """Start an environment: token, runtime, memory MiB, /tmp MiB, image (0: none); configuration, output, telemetry."""
        token, runtime, memory_mib, tmp_mib, image, _ = values
        zygote = self.prepare(runtime)
        identifier, self._next = self._next, self._next + 1
        group = self._groups.create(str(identifier), memory_mib) if self._groups is not None else None
        environment = Environment(identifier, token, runtime, group)
        self._environments[identifier] = environment
        try:
            self._create(zygote, environment, tmp_mib, image, descriptors)
        except BaseException:
            self._clean_up(environment)
            raise

    def _create(
        self, zygote: Zygote, environment: Environment, tmp_mib: int, image: int, descriptors: list[int]
    ) -> None:
        group = environment.group
        with contextlib.ExitStack() as stack:
            environment.status, status = os.pipe2(os.O_CLOEXEC)
            stack.callback(os.close, status)
            passed = [*descriptors, status]
            code_kind = 0
            if image:
                code = self._images.mount_descriptor(image)
                stack.callback(os.close, code)
                passed.append(code)
                code_kind = 2 if self._rootless else 1
            if not self._rootless:
                environment.namespace = self._namespaces.take()
                network, environment.listener = self._networks.take()
                stack.callback(os.close, network)
                passed += [environment.namespace[1], network]
            entrances = group.entrances() if group is not None else []
            for entrance in entrances:
                stack.callback(os.close, entrance)
            values = [environment.identifier, tmp_mib, int(self._rootless), code_kind, len(entrances), 0]
            messages.send(zygote.link, Kind.CREATE, *values, descriptors=[*passed, *entrances])

    def stop(self, identifier: int) -> None:
        environment = self._environments.get(identifier)
        if environment is not None:
            _kill(environment)

    def get_ahead(self) -> bool:
        """Make one namespace of those that are kept ready; return whether more are wanted."""
        if self._rootless:
            return False
        return self._namespaces.make_ahead(_READY) or self._networks.make_ahead(_READY)

    # what zygotes say

    def _hear_zygote(self, runtime: int, zygote: Zygote) -> None:
        message = messages.receive(zygote.link)
        if message is None:
            self._lose_zygote(runtime, zygote)
            return
        kind, values, descriptors = message
        if kind == Kind.LISTENING:
            self._environments[values[0]].listener = descriptors[0]
            self._tell_spawned(self._environments[values[0]])
        elif kind == Kind.CREATED:
            environment = self._environments[values[0]]
            environment.pid = values[1]
            with contextlib.suppress(ProcessLookupError):
                environment.handle = os.pidfd_open(values[1])
            if environment.is_doomed:
                _kill(environment)
            self._tell_spawned(environment)
        elif kind == Kind.FAILED:
            self._end(self._environments[values[0]])
        elif kind == Kind.REAPED:
            self._bury(runtime, values[0])

    def _lose_zygote(self, runtime: int, zygote: Zygote) -> None:
        """A zygote that dies takes its environments along (their parent-death signal)."""
        self._selector.unregister(zygote.link)
        zygote.close()
        self._zygotes.pop(runtime, None)
        for environment in list(self._environments.values()):
            if environment.runtime == runtime:
                self._end(environment)

    def _tell_spawned(self, environment: Environment) -> None:
        if environment.listener < 0 or not environment.pid or environment.is_told or environment.is_doomed:
            return
        environment.is_told = True
        peak = environment.group.peak_descriptor() if environment.group is not None else -1
        passed = [environment.listener] + ([peak] if peak >= 0 else [])
        self._tell(Kind.SPAWNED, environment.token, environment.identifier, environment.pid, descriptors=passed)
        for descriptor in passed:
            os.close(descriptor)
        environment.listener = -1

    def _bury(self, runtime: int, pid: int) -> None:
        for environment in list(self._environments.values()):
            if environment.pid == pid and environment.runtime == runtime:
                self._end(environment)

    def _end(self, environment: Environment) -> None:
        """Clean up behind an environment whose processes are gone, then tell the worker how it ended."""
        raw = _read_status(environment.status)
        status = struct.unpack("<i", raw)[0] if len(raw) == 4 else int(signal.SIGKILL)
        group = environment.group
        out_of_memory = group is not None and group.was_out_of_memory()
        peak = group.peak_bytes() if group is not None else 0
        self._clean_up(environment)
        if environment.is_told:
            self._tell(Kind.EXITED, environment.identifier, status, int(out_of_memory), peak)
        elif not environment.is_doomed:
            self._tell(Kind.FAILED, environment.token)

    def _clean_up(self, environment: Environment) -> None:
        """Undo everything that was made for an environment."""
        del self._environments[environment.identifier]
        for descriptor in (environment.handle, environment.status, environment.listener):
            if descriptor >= 0:
                os.close(descriptor)
        if environment.group is not None:
            environment.group.remove()
        if environment.namespace is not None:
            self._namespaces.give_back(*environment.namespace)

    def _tell(self, kind: int, *values: int, descriptors: list[int] | None = None) -> None:
        if self.worker is not None:
            with contextlib.suppress(OSError):  # a worker that is gone is noticed by its closed link
                messages.send(self.worker, kind, *values, descriptors=descriptors or [])

    # ends

    def stop_all(self) -> None:
        """Kill every environment and forget every image: their worker is gone."""
        for environment in self._environments.values():
            environment.is_doomed = True
            _kill(environment)
        for number in list(self._attached):
            self.detach(number)

    @property
    def is_empty(self) -> bool:
        return not self._environments

    def close(self) -> None:
        for runtime, zygote in list(self._zygotes.items()):
            self._lose_zygote(runtime, zygote)
        self._images.close()
        if self._groups is not None:
            self._groups.clear()
            self._groups.remove()


def _kill(environment: Environment) -> None:
    if environment.handle >= 0:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(environment.handle, signal.SIGKILL)


def _read_status(descriptor: int) -> bytes:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 4)
    except BlockingIOError:
        return b""
