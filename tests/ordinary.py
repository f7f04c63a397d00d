"""Runs a command as an ordinary user: a host uid that is not root's, no capability, no group.

Started by root as `python ordinary.py COMMAND…`. Interpreters, and perhaps this checkout, may lie in a home that root
alone may enter; they are shown in its place, in a mount namespace that ends with the command.
"""

import os
import pwd
import stat
import sys
from pathlib import Path

from ingle.spawner.kernel import syscalls

USER = 61_234
ROOT = Path(__file__).resolve().parent.parent


def main(command: list[str]) -> None:
    """Become the user and the command."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # $HOME may say something else
    if not home.stat().st_mode & stat.S_IXOTH:
        wanted = [home / ".pyenv", home / ".local" / "share" / "uv", Path(sys.base_prefix), ROOT]
        show([path for path in wanted if path.is_relative_to(home) and path.exists()], home)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    os.execvp(command[0], command)  # noqa: S606 - a command of ours


def show(trees: list[Path], home: Path) -> None:
    """Have nothing but these trees in `home`, for everybody to read."""
    outermost = [tree for tree in trees if not any(tree != other and tree.is_relative_to(other) for other in trees)]
    opened = {tree: syscalls.open_tree(str(tree), recursive=True) for tree in dict.fromkeys(outermost)}
    syscalls.mount("homes", str(home), "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=1m,mode=0755")
    for tree, descriptor in opened.items():
        tree.mkdir(parents=True)
        syscalls.move_mount(descriptor, str(tree))


if __name__ == "__main__":
    os.umask(0o022)
    main(sys.argv[1:])
