"""Writes docs/reference/seccomp.md from the filter itself, so that the page can't differ from the program."""

import errno
import sys
from collections.abc import Iterable
from pathlib import Path

from ingle.spawner.kernel import call_arguments as arguments
from ingle.spawner.kernel import seccomp
from ingle.spawner.zygotes import interfaces

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "seccomp.md"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _answer(number: int) -> str:
    return errno.errorcode[number] if number else "success, without effect"


def _options() -> str:
    told = []
    for level, options in arguments.REFUSED_OPTIONS.items():
        told += [f"{name} ({_answer(answer)})" for name, (_, answer) in options.items()]
        told[-1] += f" at {level}"
    return ", ".join(told)


def _inner_options() -> str:
    return ", ".join(f"{name} ({_answer(answer)})" for name, (_, answer) in arguments.INNER_OPTIONS.items())


def render() -> str:
    """Return the page."""
    allowed = seccomp.allowed_names()
    refused = sorted(set(seccomp.numbers()) - set(allowed) - seccomp.looked_at())
    bits = "".join(f"- `{name}`: {_answer(rule.answer)} for {rule.why}.\n" for name, rule in arguments.BITS.items())
    objects = "".join(f"| {name} | {calls} |\n" for name, calls in arguments.OBJECTS.items())
    effects = "".join(f"- `{name}`: {why}.\n" for name, why in arguments.WITHOUT_EFFECT.items())
    return f"""# The system calls of an execution environment

`scripts/write_seccomp_page.py` writes this page from `spawner/kernel/seccomp.py` and `spawner/kernel/call_arguments.py` (x86_64). A call that is
not listed as allowed answers EPERM.

## Allowed ({len(allowed)})

{_code(allowed)}

## Allowed for some arguments

Each line has the arguments that are allowed, or the answer to those that are not.

- `clone3`: nothing. The answer is ENOSYS, so that libc uses `clone`.
- `socket`: AF_UNIX. Of AF_INET and AF_INET6: streams and datagrams (else EPERM) by TCP and UDP (else EPROTONOSUPPORT). Any
  other family: EAFNOSUPPORT.
- `socketpair`: AF_UNIX, else EAFNOSUPPORT.
- `ioctl`: {_code(arguments.IOCTLS)}; else ENOTTY.
- `prctl`: {_code(arguments.PRCTLS)}; else EINVAL.
- `setsockopt`: the levels {_code(arguments.LEVELS)} (else ENOPROTOOPT), except these options: {_options()}.
{bits}
## Without effect

These calls answer success and do nothing. An environment can write only memory, and none of them is about memory.

{effects}
## Each shared thing, and all the calls that reach it

| thing | calls |
|---|---|
{objects}
## Refused by name ({len(refused)})

{_code(refused)}

## Netlink sockets

Programs list the interfaces of their network by a netlink socket. If an environment may have such sockets, its init has a
filter that differs in the points below. Everything that the init starts has a second filter. `zygotes/interfaces.py` makes the
sockets.

- `socket`: AF_NETLINK datagrams and raw sockets (else ESOCKTNOSUPPORT) of NETLINK_ROUTE (else EPROTONOSUPPORT). The kernel
  passes the call on to the init. The init makes at most {interfaces.MOST} sockets at a time for its environment. To a request for
  more it answers ENFILE.
- `setsockopt`: {_inner_options()} at SOL_SOCKET, which the init may set.
- `seccomp` SET_MODE_FILTER and `ioctl` {_code(arguments.NOTIFICATIONS)} are for the init alone.

This needs Linux 5.14. From Linux 6.14 on it also needs a kernel that loads no modules (`kernel.modules_disabled` is 1,
`kernel.modprobe` is empty, or there are none). Elsewhere AF_NETLINK is a family like any other.

A call of another architecture kills the process. An x32 call answers ENOSYS.
"""


if __name__ == "__main__":
    PAGE.write_text(render())
    sys.stdout.write(f"{PAGE}\n")
