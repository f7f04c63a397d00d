"""The minimal read-only root file system that environments of one runtime see."""

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING

from ..kernel import syscalls

if TYPE_CHECKING:
    from ..runtimes import Runtime

CLIENT, OWN = "/var/rapid/client", "/var/rapid/spawner"
"""Where a Python's client and, until all of it is imported, the zygote's own modules are."""

_SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/usr/share/ca-certificates", "/etc/ssl/certs")
_LENT_WITH_USR = (
    "/etc/alternatives",
    "/etc/java-*",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/crypto-policies",
)
"""Where the host's /usr links to: programs by their usual names, Java's settings, whom to trust."""
_ALIASES = ("/bin", "/lib", "/lib64")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
_PACKAGES = re.compile(r"python[\d.]*/(site|dist)-packages|node_modules|nodejs|node")
"""Where a host keeps packages below a `lib`: a function finds its own, its layers' and its runtime's, no others."""
_FILES = {
    "passwd": "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
    "group": "root:x:0:\nsbx_user1051:x:990:\n",
    "hosts": "127.0.0.1 localhost sandbox.localdomain sandbox.local-domain sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "",
    "os-release": 'NAME="Ingle"\nID="ingle"\n',
}


_ENTRYPOINT = '#!/bin/sh\nexec /var/runtime/bootstrap "$@"\n'
"""Lambda's images have it; nothing of Ingle's runs it."""


def runtime_trees(kind: str, runtime: Runtime, packages: str) -> list[tuple[str, str]]:
    """Return what a runtime shows beside the host's programs, as (host path, path inside): as Lambda lays it out.

    The language is in /var/lang, AWS's client and SDK in /var/runtime, and what is ours in /var/rapid.
    """
    zygotes, client = os.path.dirname(os.path.abspath(__file__)), os.path.join(packages, runtime.name)
    if kind not in ("python", "node"):
        return []
    name = os.path.basename(runtime.interpreter)
    trees = [(runtime.prefix, "/var/lang")] if runtime.prefix else [(runtime.interpreter, "/var/lang/bin/" + name)]
    if kind == "node":
        return [*trees, (client, "/var/runtime"), (os.path.join(zygotes, "nodejs"), "/var/rapid")]
    if not runtime.prefix:
        trees.append((f"/usr/lib/{name}", f"/var/lang/lib/{name}"))
    own = os.path.join(zygotes, "python", "bootstrap.py")
    return [*trees, (client, CLIENT), (os.path.dirname(zygotes), OWN), (own, "/var/runtime/bootstrap.py")]


def build_root(place: str, trees: list[tuple[str, str]], *, with_host_proc: bool) -> None:
    """Assemble the root at `place`, enter it by pivot_root and make it read-only.

    `trees` are (host path, path inside) of further directories or files to show. The caller is in a mount namespace of
    its own. Sources are opened before anything is covered, so they may lie under directories that nobody else may enter.
    Without root the kernel mounts a new /proc only where a whole one is to be seen already: `with_host_proc` shows it
    here, and each environment covers it with its own.
    """
    os.umask(0o022)
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    lent = [path for pattern in _LENT_WITH_USR for path in glob.glob(pattern)]
    system = [(path, path) for path in (*_SYSTEM, *lent) if os.path.isdir(path)]
    devices = [("/dev/" + name, "/dev/" + name) for name in _DEVICES]
    opened = [(syscalls.open_tree(source, recursive=True), source, inside) for source, inside in system + trees]
    opened_devices = [(syscalls.open_tree(source, recursive=False), source, inside) for source, inside in devices]
    proc = syscalls.open_tree("/proc", recursive=True) if with_host_proc else -1
    syscalls.mount("ingle-root", place, "tmpfs", syscalls.MS_NOSUID, "size=1m,mode=0755")
    os.chdir(place)
    for name in ("proc", "tmp", "opt", "var/task", "var/runtime", "dev", "etc", "home/sbx_user1051", "mnt", "root"):
        os.makedirs(name, mode=0o755, exist_ok=True)
    for alias in _ALIASES:
        _show_alias(alias, opened)
    for descriptor, source, inside in opened + opened_devices:
        _attach(descriptor, source, "." + inside, is_device=inside.startswith("/dev/"))
    if proc >= 0:
        syscalls.move_mount(proc, "proc")
        os.close(proc)
    for name, target in _LINKS.items():
        os.symlink(target, "dev/" + name)
    _link_client()
    _cover_packages()
    for name, content in _FILES.items():
        with open("etc/" + name, "w") as file:
            file.write(content)
    with open("lambda-entrypoint.sh", "w") as file:
        file.write(_ENTRYPOINT)
    os.chmod("lambda-entrypoint.sh", 0o755)  # noqa: S103 - as in Lambda
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".", syscalls.MNT_DETACH)
    os.chdir("/")
    flags = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("none", "/", None, flags)


def _link_client() -> None:
    """Let /var/runtime hold a Python's client and SDK beside the file that starts them."""
    if os.path.isdir("." + CLIENT):
        for name in os.listdir("." + CLIENT):
            os.symlink(f"{CLIENT}/{name}", f"var/runtime/{name}")


def _cover_packages() -> None:
    """Show an empty directory wherever the host's Pythons and nodes keep packages of their own."""
    libraries = [
        path
        for path in ("usr/lib", "usr/lib64", "lib", "var/lang/lib")
        if os.path.isdir(path) and not os.path.islink(path)
    ]
    for library in libraries:
        for name in os.listdir(library):
            inside = [name, *(f"{name}/{packages}" for packages in ("site-packages", "dist-packages"))]
            for path in inside:
                if _PACKAGES.fullmatch(path) and os.path.isdir(f"{library}/{path}"):
                    _attach(syscalls.open_tree("mnt", recursive=False), "mnt", f"./{library}/{path}", is_device=False)


def _show_alias(alias: str, opened: list[tuple[int, str, str]]) -> None:
    """Show /bin and the like as the host has them: links into /usr, or directories of their own."""
    if os.path.islink(alias):
        os.symlink(os.readlink(alias), "." + alias)
    elif os.path.isdir(alias):
        opened.append((syscalls.open_tree(alias, recursive=True), alias, alias))


def _attach(descriptor: int, source: str, inside: str, *, is_device: bool) -> None:
    if os.path.isdir(source):
        os.makedirs(inside, mode=0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(inside), mode=0o755, exist_ok=True)
        if not os.path.exists(inside):
            os.close(os.open(inside, os.O_CREAT | os.O_WRONLY, 0o644))
    attributes = syscalls.ATTR_NOSUID | (0 if is_device else syscalls.ATTR_RDONLY | syscalls.ATTR_NODEV)
    syscalls.restrict_mount(descriptor, attributes, recursive=not is_device)
    syscalls.move_mount(descriptor, inside)
    os.close(descriptor)
