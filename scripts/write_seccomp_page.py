"""Writes docs/seccomp.md from the filter itself, so that the page can't differ from the program."""

import sys
from pathlib import Path

from ingle.spawner import seccomp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "seccomp.md"


def render() -> str:
    """Return the page."""
    allowed = seccomp.allowed_names()
    refused = sorted(set(seccomp.numbers()) - set(allowed) - {"clone", "clone3", "socket", "ioctl"})
    return f"""# The system calls of an execution environment

Written by `scripts/write_seccomp_page.py` from `spawner/seccomp.py` (x86_64). What is not listed as allowed answers EPERM.

## Allowed ({len(allowed)})

{", ".join(f"`{name}`" for name in allowed)}

## Allowed for some arguments

- `clone`: processes and threads; with any flag that makes a namespace EPERM. `clone3`: ENOSYS, so that libc uses `clone`.
- `socket`: AF_UNIX, AF_INET and AF_INET6 but SOCK_RAW (EPERM); any other family EAFNOSUPPORT.
- `ioctl`: all but TIOCSTI and TIOCLINUX (EPERM).

## Refused by name ({len(refused)})

{", ".join(f"`{name}`" for name in refused)}

Another architecture's calls kill the process; x32 calls answer ENOSYS.
"""


if __name__ == "__main__":
    PAGE.write_text(render())
    sys.stdout.write(f"{PAGE}\n")
