"""What `ingle deploy` sends, where `ingle rollback` goes, and what a directory is taken for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingle.cli.archives import is_ignored, zip_directory
from ingle.cli.commands.rollback import version_before
from ingle.cli.deployment import describe, differing, sha256_of
from ingle.cli.inference import infer

CURRENT: dict[str, Any] = {
    "MemorySize": 128, "Timeout": 3, "Handler": "app.handler", "Environment": {"Variables": {"A1": "x", "B1": "y"}},
    "Layers": [{"Arn": "arn:l:1", "CodeSize": 3}], "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
}  # fmt: skip


def test_only_what_differs_is_sent() -> None:
    same = {"MemorySize": 128, "Layers": ["arn:l:1"], "Environment": {"Variables": {"B1": "y", "A1": "x"}}}
    assert differing({**same, "LoggingConfig": {"LogFormat": "Text"}}, CURRENT) == {}
    assert differing({"Layers": [], "Timeout": 3, "Handler": "b.c"}, CURRENT) == {"Layers": [], "Handler": "b.c"}
    assert differing({"Environment": {"Variables": {"A1": "x"}}}, CURRENT) != {}
    assert differing({"Layers": [], "Environment": {"Variables": {}}, "Description": ""}, {}) == {}


def test_changes_are_told_without_the_values_of_variables() -> None:
    wanted = {"MemorySize": 256, "Layers": [], "Environment": {"Variables": {"A1": "hidden", "C1": "hidden"}}}
    assert describe(wanted, CURRENT) == [
        "memory: 128 MB -> 256 MB",
        "layers: arn:l:1 -> none",
        "variable A1: changed",
        "variable B1: removed",
        "variable C1: added",
    ]


def test_a_directory_is_the_same_zip_as_long_as_its_files_are(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    first = sha256_of(zip_directory(tmp_path))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("x")
    (tmp_path / "app.py").touch()
    assert sha256_of(zip_directory(tmp_path)) == first
    (tmp_path / ".ingleignore").write_text("# what tests need\ntests/\n\n*.csv\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_app.py").write_text("x")
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "again").symlink_to(tmp_path)
    assert sha256_of(zip_directory(tmp_path)) == first
    (tmp_path / "app.py").chmod(0o755)
    assert sha256_of(zip_directory(tmp_path)) != first


@pytest.mark.parametrize(
    ("path", "is_out"),
    [
        ("a.log", True),
        ("x/a.log", True),
        ("docs/a.py", True),
        ("x/docs/a.py", False),
        ("x/build/y", True),
        ("a", False),
    ],
)
def test_patterns_ignore_names_anywhere_and_paths_from_the_top(path: str, is_out: bool) -> None:
    assert is_ignored(tuple(path.split("/")), ("*.log", "docs/*", "build")) is is_out


def test_runtime_and_handler_follow_from_the_files(tmp_path: Path) -> None:
    assert infer(tmp_path) is None
    (tmp_path / "index.mjs").write_text("")
    node = infer(tmp_path)
    assert node is not None
    assert (node[0][:6], node[1]) == ("nodejs", "index.handler")
    (tmp_path / "main.py").write_text("lambda_handler = 1\n")
    (tmp_path / "lambda_function.py").write_text("async def other(): ...\ndef lambda_handler(event, context): ...\n")
    python = infer(tmp_path)
    assert python is not None
    assert (python[0][:8], python[1]) == ("python3.", "lambda_function.lambda_handler")
    (tmp_path / "code.zip").write_bytes(zip_directory(tmp_path))
    assert infer(tmp_path / "code.zip") == python
    assert infer(tmp_path / "main.py") is None
    (tmp_path / "bootstrap").write_text("")
    assert infer(tmp_path) == ("provided.al2023", "bootstrap")


def test_a_rollback_goes_to_the_newest_earlier_version_of_other_code() -> None:
    published = [{"Version": str(number), "CodeSha256": code} for number, code in ((1, "a"), (2, "b"), (4, "b"))]
    assert version_before("$LATEST", published, "c") == "4"
    assert version_before("$LATEST", published, "b") == "1"
    assert version_before("4", published, "b") == "1"
    assert version_before("1", published, "a") is None


def test_the_command_line_starts_without_what_only_one_command_needs() -> None:
    program = "import sys, ingle.app.main; print({'samtranslator', 'watchfiles', 'boto3', 'yaml'} & sys.modules.keys())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
