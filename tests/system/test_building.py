"""`ingle deploy` of a directory that asks for packages: it tells which are missing, and `--build` brings them along."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from harness import Ingle

from ingle.app.commands.doctor import host_runtimes
from ingle.app.main import app
from ingle.cli.dependencies import NotBuiltError, build, missing_packages

PYTHON = "import tiny_one\ndef handler(event, context):\n    return tiny_one.VALUE\n"
NODE = "exports.handler = async () => require('tiny-one')\n"


def make_wheel(folder: Path) -> None:
    """Write a wheel of `tiny-one`."""
    about = "tiny_one-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_one-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_one.py", "VALUE = 'from a wheel'\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-one\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", f"tiny_one.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")


def make_package(path: Path) -> None:
    """Write an npm package `tiny-one`."""
    files = {
        "package/package.json": '{"name": "tiny-one", "version": "1.0.0"}',
        "package/index.js": "module.exports = 'from npm'",
    }
    with tarfile.open(path, "w:gz") as package:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            package.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory; pip and npm find `tiny-one` beside it, and nothing else."""
    make_wheel(tmp_path)
    make_package(tmp_path / "tiny.tgz")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "function"
    folder.mkdir()
    return folder


def ask_of_python(source: Path) -> None:
    (source / "app.py").write_text(PYTHON)
    (source / "requirements.txt").write_text("# what it takes\nboto3>=1\ntiny.one==1.0  # and no more\n")


def ask_of_node(source: Path) -> None:
    wanted = {"tiny-one": f"file:{source.parent / 'tiny.tgz'}", "@aws-sdk/client-s3": "*"}
    (source / "index.js").write_text(NODE)
    (source / "package.json").write_text(json.dumps({"dependencies": wanted}))


def test_what_neither_the_directory_nor_the_runtime_holds_is_missing(source: Path) -> None:
    assert missing_packages(source) == []
    ask_of_python(source)
    ask_of_node(source)
    assert missing_packages(source) == ["tiny.one", "tiny-one"]
    (source / "tiny_one-1.0.dist-info").mkdir()
    (source / "node_modules" / "tiny-one").mkdir(parents=True)
    assert missing_packages(source) == []


def test_what_was_built_once_is_taken_from_the_cache_until_the_list_changes(source: Path) -> None:
    ask_of_python(source)
    (source / "requirements.txt").write_text("tiny-one")
    first = build(source, "python3.11")
    assert first is not None
    assert sorted(path.name for path in first.iterdir()) == ["tiny_one-1.0.dist-info", "tiny_one.py"]
    assert sorted(path.name for path in source.iterdir()) == ["app.py", "requirements.txt"]
    assert build(source, "python3.11") == first
    assert build(source, "python3.12") != first
    (source / "requirements.txt").write_text("tiny-one\nnobody-has-this")
    with pytest.raises(NotBuiltError, match="nobody-has-this"):
        build(source, "python3.11")


@pytest.fixture
def run(ingle: Ingle, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line within this process."""
    ingle.announcement()
    monkeypatch.setenv("INGLE_DATA", str(ingle.data_dir))
    return lambda *words: CliRunner().invoke(app, list(map(str, words)))


def test_a_python_function_gets_its_packages_by_a_build(run: Any, source: Path, invoke: Any) -> None:
    ask_of_python(source)
    (source / "requirements.txt").write_text("tiny-one")
    told = run("deploy", source, "--name", "built-python", "--runtime", "python3.11", "--handler", "app.handler")
    assert told.exit_code == 0
    assert f"tiny-one: asked for, but not in {source}; `ingle deploy {source} --build` brings it along" in told.output
    assert invoke("built-python").payload["errorType"] == "Runtime.ImportModuleError"
    built = run("deploy", source, "--name", "built-python", "--build")
    assert built.output.startswith("updated built-python"), built.output
    assert invoke("built-python").payload == "from a wheel"


def test_a_function_in_node_gets_its_packages_by_a_build(run: Any, source: Path, invoke: Any) -> None:
    node = next((one.name for one in host_runtimes() if one.name.startswith("nodejs")), None)
    if node is None:
        pytest.skip("this host has no node")
    ask_of_node(source)
    wanted = {"tiny-one": f"file:{source.parent / 'tiny.tgz'}"}
    (source / "package.json").write_text(json.dumps({"dependencies": wanted}))
    built = run("deploy", source, "--name", "built-node", "--runtime", node, "--handler", "index.handler", "--build")
    assert built.output.startswith("created built-node"), built.output
    assert invoke("built-node").payload == "from npm"


def test_deploying_for_a_runtime_that_is_not_here_says_what_brings_it(run: Any, source: Path) -> None:
    (source / "app.rb").write_text("")
    told = run("deploy", source, "--name", "no-ruby", "--runtime", "ruby3.3", "--handler", "app.handler")
    assert told.exit_code == 0
    assert "Runtime.Unavailable: this host has no ruby3.3" in told.output
