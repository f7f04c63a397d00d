"""Templates and their copies: a Python runtime after its init, as an image, and what a copy of it makes fresh.

In a template, AWS's client runs init and the hooks before the snapshot; where it would ask for its restore (or, where
nobody asked for SnapStart, for its first event) it is parked: its image goes to the worker, and that is the end of the
template. A copy goes on at that point: with descriptors, /tmp, variables and randomness of its own.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import sys
from typing import Any

from . import connection, memory_image
from .holdings import Holdings

SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Numeric libraries start a thread for each processor at import, unless one of these says otherwise."""
_GIVEN = (0, 1, 2, 4, 5)
"""The descriptors that every runtime finds, a copy its own."""
_IMAGES = "/ingle/template"
NoImageError = memory_image.NoImageError


def become(settings: dict[str, Any]) -> None:
    """Become the template whose image was handed down, if one was. Returns only where it isn't of this zygote any more."""
    if not settings.get("becomes_template"):
        return
    memory_image.become(marshal.dumps(settings))
    os.close(memory_image.IMAGE)


def step_aside(settings: dict[str, Any]) -> None:
    """Have a template's init run in a child, so that no copy has the process id by which it has drawn randomness.

    Copies and the first process of a template all have the same: an OpenSSL that a library brings along, and `tempfile`,
    take that for being no fork. We end as the child does.
    """
    if not settings.get("is_template"):
        return
    child = os.fork()
    if child == 0:
        return
    os.closerange(3, 64)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def arrange(client: Any, settings: dict[str, Any]) -> None:
    """Have AWS's client parked once its init is over, in a template; say so where a copy has become none.

    `os.environ` is as the function shall find it.
    """
    if settings.get("becomes_template"):
        connection.current().tell("POST", _IMAGES + "/stale")
    if not settings.get("is_template"):
        return
    added = [name for name in SINGLE_THREADED if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        client.restore_next = lambda self: _park(settings, added)
        return
    wait = client.wait_next_invocation

    def wait_first(self: Any) -> Any:
        client.wait_next_invocation = wait
        _park(settings, added)
        return wait(self)

    client.wait_next_invocation = wait_first


def _park(settings: dict[str, Any], added: list[str]) -> None:
    """Send this process's image to the worker and stand still; return in each copy."""
    link = connection.current()
    try:
        _check_alone()
        held, handlers = Holdings(_GIVEN, "/tmp"), _own_handlers()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()  # a collection in a copy shall not write to what it shares
        is_copy = memory_image.take(link.fileno(), lambda length: connection.head("POST", _IMAGES, length))
    except NoImageError as error:
        link.tell("POST", _IMAGES + "/refusal", str(error).encode())
    else:
        if is_copy:
            _freshen(settings, added, held, handlers)
            return
    while True:
        signal.pause()


def _own_handlers() -> list[tuple[int, Any]]:
    """Return the signals that this process handles or ignores otherwise than a Python that has just begun."""
    usual: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGPIPE: signal.SIG_IGN,
        signal.SIGXFSZ: signal.SIG_IGN,
    }
    found = [(number, signal.getsignal(number)) for number in signal.valid_signals()]
    return [
        (number, one)
        for number, one in found
        if (callable(one) or one is signal.SIG_IGN) and one is not usual.get(number)
    ]


def _freshen(settings: dict[str, Any], added: list[str], held: Holdings, handlers: list[tuple[int, Any]]) -> None:
    """Make a copy of what it has become: nothing that the template had is shared, nothing random is said twice."""
    own = marshal.loads(memory_image.left())  # noqa: S302 - written by this very process before it became another
    for name, value in own["environment"].items():
        if settings["environment"].get(name) != value:
            os.environ[name] = value
    for name in added:
        if os.environ.get(name) == "1":
            del os.environ[name]
    held.restore()
    for number, handler in handlers:
        signal.signal(number, handler)
    _reseed()


def _reseed() -> None:
    """Draw new randomness where a fork isn't noticed; `random` has done so, OpenSSL does, as the process id is new."""
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_add(os.urandom(32), 32.0)
    seed = getattr(sys.modules.get("numpy.random"), "seed", None)
    if callable(seed):
        seed()


def _check_alone() -> None:
    """Raises NoImageError where something runs that an image of this process doesn't have."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise NoImageError(f"its init has left {threads} threads running, and a copy has one")
    ours = {1, os.getppid(), os.getpid()}
    if any(name.isdigit() and int(name) not in ours for name in os.listdir("/proc")):
        raise NoImageError("its init has left other processes running, and a copy has one")
