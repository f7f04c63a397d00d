"""What the spawner does for its worker: zygotes, images, environments."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import messages
from .images.in_memory import MemoryImages
from .images.mounted import Images, check_sealed
from .images.unpacked import UnpackedImages
from .kernel import syscalls
from .kernel.cgroups import Group, Groups, favor_migrations
from .kernel.networks import Networks
from .kernel.signals import SIGNALS
from .kernel.user_namespaces import UserNamespaces
from .messages import (
    Assign,
    Attached,
    Born,
    Create,
    Created,
    Exited,
    Failed,
    Level,
    Message,
    NotCreated,
    Reaped,
    Spawn,
    Spawned,
)
from .pool import FLOOR, Demand, target
from .runtimes import Runtime
from .zygotes.root import runtime_trees

_BOOT = "import sys; sys.path.insert(0, {!r}); from spawner.zygotes import zygote; zygote.main(sys.argv[1:])"
_INGLE = str(Path(__file__).resolve().parent.parent)
_READY = 16
_BLANK_TMP_MIB = 512
_TASK, _LAYERS = "/var/task", "/opt"
_QUIET_S = 0.02
_LOOK_AGAIN_S = 1.0
_SLACK = 8
_FEW, _LEFTOVERS_S = 2, 0.005


class Zygote:
    """A running zygote: its process and its link."""

    def __init__(self, runtime: Runtime, packages: str, place: str, *, rootless: bool) -> None:
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.place = place
        os.makedirs(place, mode=0o700, exist_ok=True)
        kind = runtime.name.rstrip("0123456789.x").replace("nodejs", "node")
        interpreter = runtime.interpreter if kind == "python" else sys.executable
        trees = [part for tree in runtime_trees(kind, runtime, packages) for part in tree]
        arguments = [kind, str(theirs.fileno()), "1" if rootless else "0", self.place, *trees]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until it disregards them, too
        self.process = subprocess.Popen(
            [interpreter, "-I", "-S", "-B", "-c", _BOOT.format(_INGLE), *arguments],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def close(self) -> None:
        self.link.close()
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.rmdir(self.place)


class Order:
    """What a worker asked for, and descriptors for the environment's init."""

    def __init__(self, owner: socket.socket, wanted: Spawn, descriptors: list[int]) -> None:
        self.owner = owner
        self.wanted = wanted
        self.descriptors = descriptors


class Environment:
    """What the spawner keeps of an environment until nothing is left of it; blank until it has an order."""

    def __init__(self, identifier: int, runtime: int, group: Group | None) -> None:
        self.identifier = identifier
        self.runtime = runtime
        self.group = group
        self.orders, self.its_orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.order: Order | None = None
        self.owner: socket.socket | None = None
        self.namespace: tuple[int, int] | None = None
        self.listener = -1
        self.pid = 0
        self.handle = -1
        self.is_born = False
        self.is_told = False
        self.is_doomed = False
        """Nobody waits for it any more: it ends as soon as it can be reached, and nobody hears of it."""

    @property
    def is_ready(self) -> bool:
        return self.is_born and self.handle >= 0


class Operations:
    """Carries out messages; owns everything that must be undone."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        runtimes: list[Runtime],
        packages: str,
        place: str,
        groups: Groups | None,
        *,
        rootless: bool,
        unpack_images: bool,
    ) -> None:
        self._selector = selector
        self._place = place
        self._runtimes = {runtime.fingerprint: runtime for runtime in runtimes}
        self._packages = packages
        self._rootless = rootless
        self._groups = groups
        self._namespaces = UserNamespaces()
        self._networks = Networks()
        self._images: Images | MemoryImages = MemoryImages()
        if groups is not None:
            groups.clear()
        if not rootless:
            kind = UnpackedImages if unpack_images else Images
            self._images = kind(os.path.join(place, "images"))
            favor_migrations(os.path.join(place, "cgroup"))
        self._mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._zygotes: dict[int, Zygote] = {}
        self._environments: dict[int, Environment] = {}
        self._unborn: dict[int, Environment] = {}  # those of them that will be blank
        self._living: dict[tuple[int, int], Environment] = {}  # by runtime and process id
        self._blanks: dict[int, list[Environment]] = {}
        self._demand: dict[int, Demand] = {}
        self._levels: dict[int, tuple[int, int]] = {}
        self._last_order = 0.0
        self._leftovers: list[Group] = []  # of ended environments that the kernel has not let go of
        self._attached: dict[int, socket.socket] = {}
        self._next = 1
        self.workers: list[socket.socket] = []

    # messages of the worker

    def prepare(self, runtime: int) -> Zygote:
        """Return the runtime's zygote, started now where there is none; it may still be preloading."""
        zygote = self._zygotes.get(runtime)
        if zygote is None:
            place = os.path.join(self._place, f"root-{runtime}")
            zygote = Zygote(self._runtimes[runtime], self._packages, place, rootless=self._rootless)
            self._zygotes[runtime] = zygote
            self._selector.register(zygote.link, selectors.EVENT_READ, lambda: self._hear_zygote(runtime, zygote))
        return zygote

    def attach(self, owner: socket.socket, token: int, image: int) -> None:
        """Make an image known; the worker hears when it can be used, or that it can't."""
        number, unpacking = self._images.begin(image)
        if unpacking < 0:
            self._attached[number] = owner
            _tell(owner, Attached(token, number))
        else:
            self._selector.register(
                unpacking, selectors.EVENT_READ, lambda: self._hear_unpacked(owner, token, number, unpacking)
            )

    def _hear_unpacked(self, owner: socket.socket, token: int, number: int, unpacking: int) -> None:
        self._selector.unregister(unpacking)
        os.close(unpacking)
        try:
            self._images.finish(number)
        except OSError as error:
            sys.stderr.write(f"spawner: {error}\n")
            _tell(owner, Failed(token))
            return
        if owner not in self.workers:
            self._images.detach(number)
            return
        self._attached[number] = owner
        _tell(owner, Attached(token, number))

    def detach(self, owner: socket.socket, number: int) -> None:
        if self._attached.get(number) is owner:
            del self._attached[number]
            self._images.detach(number)

    def spawn(self, owner: socket.socket, wanted: Spawn, descriptors: list[int]) -> None:
        """Give a worker an environment.

        The descriptors are its configuration, the write ends for output, telemetry and extensions' output, and the
        link to its init; for a copy also the image that it becomes, which nobody can change any more.
        """
        for image in descriptors[5:]:
            check_sealed(image)
        order = Order(owner, wanted, descriptors)
        if any(self._attached.get(image) is not owner for image in (wanted.code, wanted.layers) if image):
            raise LookupError("the worker has no such image")
        self._demand.setdefault(wanted.runtime, Demand()).taken(time.monotonic())
        self._last_order = time.monotonic()
        blanks = self._blanks.get(wanted.runtime)
        if blanks:
            self._assign(blanks.pop(), order)
            return
        order.descriptors = [os.dup(descriptor) for descriptor in descriptors]
        try:
            self._create(wanted.runtime, order)
        except BaseException:
            _close_all(order.descriptors)
            raise

    def _create(self, runtime: int, order: Order | None) -> None:
        """Have an environment born, for an order or to be kept blank."""
        zygote = self.prepare(runtime)
        identifier, self._next = self._next, self._next + 1
        environment = Environment(
            identifier, runtime, self._groups.create(str(identifier)) if self._groups is not None else None
        )
        self._environments[identifier] = environment
        try:
            self._conceive(zygote, environment, order)
        except BaseException:
            self._clean_up(environment)
            raise
        environment.order = order
        if order is None:
            self._unborn[identifier] = environment
        self._selector.register(environment.orders, selectors.EVENT_READ, lambda: self._hear_init(environment))

    def _conceive(self, zygote: Zygote, environment: Environment, order: Order | None) -> None:
        group = environment.group
        with contextlib.ExitStack() as stack, environment.its_orders as orders:
            passed = [orders.fileno()]
            images = [0, 0]
            if not self._rootless:
                environment.namespace = self._namespaces.take()
                network, environment.listener = self._networks.take()
                stack.callback(os.close, network)
                passed += [environment.namespace[1], network]
            elif order is not None:  # without root nobody can mount them from outside
                images = [order.wanted.code, order.wanted.layers]
                for image in filter(None, images):
                    passed.append(self._images.mount_descriptor(image))
                    stack.callback(os.close, passed[-1])
            entrances = group.entrances() if group is not None else []
            for entrance in entrances:
                stack.callback(os.close, entrance)
            creation = Create(
                identifier=environment.identifier,
                tmp_mib=order.wanted.tmp_mib if order is not None else _BLANK_TMP_MIB,
                is_rootless=int(self._rootless),
                has_code=int(bool(images[0])),
                has_layers=int(bool(images[1])),
                groups=len(entrances),
            )
            messages.send(zygote.link, creation, [*passed, *entrances])

    def _advance(self, environment: Environment) -> None:
        """An environment has come a step further: give it to whom it was made for, or keep it."""
        if not environment.is_ready:
            return
        self._unborn.pop(environment.identifier, None)
        order, environment.order = environment.order, None
        if environment.is_doomed:
            _kill(environment)
        elif order is None:
            self._blanks.setdefault(environment.runtime, []).append(environment)
        else:
            try:
                self._assign(environment, order)
            except OSError as error:
                sys.stderr.write(f"spawner: an environment could not be assigned: {error}\n")
                _tell(order.owner, Failed(order.wanted.token))
        if order is not None:
            _close_all(order.descriptors)

    def _assign(self, environment: Environment, order: Order) -> None:
        """Make a blank environment somebody's: limits, code, and the worker's link to its init."""
        try:
            if environment.group is not None:
                environment.group.limit(order.wanted.memory_mib)
            if not self._rootless:
                self._furnish(environment, order)
            messages.send(environment.orders, Assign(), order.descriptors)
        except BaseException:
            environment.is_doomed = True
            _kill(environment)
            raise
        self._selector.unregister(environment.orders)
        environment.orders.close()
        environment.is_told, environment.owner = True, order.owner
        passed = [environment.listener]
        if environment.group is not None:
            passed += [*environment.group.descriptors(), environment.group.peak_descriptor()]
        passed = [descriptor for descriptor in passed if descriptor >= 0]
        _tell(order.owner, Spawned(order.wanted.token, environment.identifier, environment.pid), passed)
        _close_all(passed)
        environment.listener = -1

    def _furnish(self, environment: Environment, order: Order) -> None:
        """Mount code and layers in an environment's own mount namespace, which nothing of a customer's has seen yet."""
        wanted = order.wanted
        places = [(image, place) for image, place in ((wanted.code, _TASK), (wanted.layers, _LAYERS)) if image]
        mounts = [(self._images.mount_descriptor(image), place) for image, place in places]
        try:
            with open(f"/proc/{environment.pid}/ns/mnt") as namespace:
                syscalls.setns(namespace.fileno(), syscalls.CLONE_NEWNS)
            try:
                for mount, place in mounts:
                    syscalls.move_mount(mount, place)
                if wanted.tmp_mib != _BLANK_TMP_MIB:
                    flags = syscalls.MS_REMOUNT | syscalls.MS_NOSUID | syscalls.MS_NODEV
                    syscalls.mount("none", "/tmp", None, flags, f"size={wanted.tmp_mib}m")
            finally:
                syscalls.setns(self._mounts, syscalls.CLONE_NEWNS)
        finally:
            _close_all([mount for mount, _ in mounts])

    def stop(self, owner: socket.socket, identifier: int) -> None:
        environment = self._environments.get(identifier)
        if environment is not None and environment.owner is owner:
            _kill(environment)

    def get_ahead(self) -> float | None:
        """Make one of what is kept ready; return in how many seconds more is wanted, None where nothing is."""
        self._leftovers = [group for group in self._leftovers if not group.remove_nowait()]
        if self._rootless:
            return _LEFTOVERS_S if self._leftovers else None
        wait_s = self._last_order + _QUIET_S - time.monotonic()
        if wait_s <= 0 or self._is_running_out():  # what has just been ordered needs the processor more
            is_short = self._namespaces.make_ahead(_READY) or self._networks.make_ahead(_READY)
            wait_s = 0.0 if is_short or (not self._unborn and self._make_blank()) else _LOOK_AGAIN_S
        return min(wait_s, _LEFTOVERS_S) if self._leftovers else wait_s

    def _is_running_out(self) -> bool:
        """Whether blanks go as fast as they come, and nobody who has an order waits for the processor."""
        is_late = any(environment.order for environment in self._environments.values())
        return not is_late and any(len(self._blanks.get(runtime, [])) < _FEW for runtime in self._demand)

    def _make_blank(self) -> bool:
        """Have one more blank environment born where fewer are kept than recent demand wants, one at a time."""
        now = time.monotonic()
        kept = {runtime: len(self._blanks.get(runtime, [])) for runtime in self._zygotes}
        for runtime, count in kept.items():
            demand = self._demand.get(runtime)
            wanted = target(demand.level(now) if demand is not None else 0.0, sum(kept.values()) - count)
            self._tell_level(runtime, wanted)
            if count < wanted:
                self._create(runtime, None)
                return True
            blanks = self._blanks.get(runtime, [])
            if len(blanks) > max(wanted, FLOOR) + _SLACK:
                _kill(blanks.pop(0))
        return False

    def _tell_level(self, runtime: int, wanted: int) -> None:
        level = len(self._blanks.get(runtime, [])), wanted
        if self._levels.get(runtime) != level:
            self._levels[runtime] = level
            for worker in self.workers:
                _tell(worker, Level(runtime, *level))

    # what zygotes say

    def _hear_zygote(self, runtime: int, zygote: Zygote) -> None:
        received = _received(zygote.link)
        if received is None:
            self._lose_zygote(runtime, zygote)
            return
        message = received.message
        if isinstance(message, Created):
            environment = self._environments[message.identifier]
            environment.pid = message.pid
            self._living[runtime, environment.pid] = environment
            with contextlib.suppress(ProcessLookupError):
                environment.handle = os.pidfd_open(message.pid)
            self._advance(environment)
            if environment.is_doomed:
                _kill(environment)
        elif isinstance(message, NotCreated):
            self._end(self._environments[message.identifier])
        elif isinstance(message, Reaped):
            buried = self._living.get((runtime, message.pid))
            if buried is not None:
                self._end(buried)

    def _lose_zygote(self, runtime: int, zygote: Zygote) -> None:
        """A zygote that dies takes its environments along (their parent-death signal)."""
        self._selector.unregister(zygote.link)
        zygote.close()
        self._zygotes.pop(runtime, None)
        for environment in list(self._environments.values()):
            if environment.runtime == runtime:
                _kill(environment)  # what is frozen would wait for ever
                self._end(environment)

    def _hear_init(self, environment: Environment) -> None:
        """An environment's init says that it is born; what it says later, it says to its worker."""
        if environment.identifier not in self._environments:  # its zygote has taken it along, a moment ago
            return
        received = _received(environment.orders)
        if received is None or environment.is_born:  # it has ended: the zygote will tell, too
            self._selector.unregister(environment.orders)
            return
        environment.is_born = isinstance(received.message, Born)
        if received.descriptors:
            environment.listener = received.descriptors[0]
        self._advance(environment)

    def _end(self, environment: Environment) -> None:
        """Clean up behind an environment whose processes are gone, then tell the worker how it ended."""
        group = environment.group
        out_of_memory = group is not None and group.was_out_of_memory()
        peak = group.peak_bytes() if group is not None else 0
        self._clean_up(environment)
        if environment.is_told:
            if not environment.is_doomed and environment.owner is not None:
                _tell(environment.owner, Exited(environment.identifier, int(out_of_memory), peak))
        elif environment.order is not None:
            _tell(environment.order.owner, Failed(environment.order.wanted.token))
            _close_all(environment.order.descriptors)

    def _clean_up(self, environment: Environment) -> None:
        """Undo everything that was made for an environment."""
        del self._environments[environment.identifier]
        self._unborn.pop(environment.identifier, None)
        self._living.pop((environment.runtime, environment.pid), None)
        blanks = self._blanks.get(environment.runtime, [])
        if environment in blanks:
            blanks.remove(environment)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(environment.orders)
        environment.orders.close()
        environment.its_orders.close()
        for descriptor in (environment.handle, environment.listener):
            if descriptor >= 0:
                os.close(descriptor)
        if environment.group is not None and not environment.group.remove_nowait():
            self._leftovers.append(environment.group)
        if environment.namespace is not None:
            self._namespaces.give_back(*environment.namespace)

    # workers come and go

    def join(self, worker: socket.socket) -> None:
        self.workers.append(worker)
        self._levels.clear()  # so that it is told

    def leave(self, worker: socket.socket) -> None:
        """Kill every environment of a worker that is gone, and forget its images."""
        self.workers.remove(worker)
        for environment in self._environments.values():
            if worker in (environment.owner, environment.order and environment.order.owner):
                environment.is_doomed = True
                _kill(environment)
        for number in [number for number, owner in self._attached.items() if owner is worker]:
            self.detach(worker, number)

    def close(self) -> None:
        for runtime, zygote in list(self._zygotes.items()):
            self._lose_zygote(runtime, zygote)
        self._images.close()
        if self._groups is not None:
            self._groups.clear()
            self._groups.remove()


def _tell(worker: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    with contextlib.suppress(OSError):  # a worker that is gone is noticed by its closed link
        messages.send(worker, message, descriptors)


def _received(link: socket.socket) -> messages.Received | None:
    """Return the next message; None where the peer is gone, or says what is no message."""
    try:
        return messages.receive(link)
    except OSError as error:
        sys.stderr.write(f"spawner: {error}\n")
        return None


def _kill(environment: Environment) -> None:
    if environment.handle >= 0:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(environment.handle, signal.SIGKILL)
        if environment.group is not None:
            environment.group.thaw()


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
