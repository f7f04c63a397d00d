"""A command answers at once: it loads nothing that another command or a program needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"boto3", "botocore.session", "botocore.client", "samtranslator", "pydantic", "yaml", "asyncio", "watchfiles",
         "structlog", "cryptography", "ingle.control", "ingle.gateway", "ingle.worker", "ingle.transport"}  # fmt: skip
SCRIPT = """
import sys
from ingle.app.main import app
try:
    app(sys.argv[1:])
except SystemExit:
    pass
sys.stdout.write(" ".join(sys.modules))
"""


@pytest.mark.parametrize(
    "words",
    [("env",), ("invoke", "f"), ("list",), ("logs", "f"), ("delete", "f"), ("rollback", "f"), ("deploy", "."), ("--help",)],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_command_loads_only_what_it_needs(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoint").write_text("http://127.0.0.1:1")
    held = '{"access_key_id": "A", "secret_access_key": "b", "region": "us-east-1", "account_id": "000000000000"}'
    (tmp_path / "credentials.json").write_text(held)
    environment = {**os.environ, "INGLE_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    loaded = set(done.stdout.split())
    assert "ingle.cli.commands" in loaded, done.stderr
    assert loaded & HEAVY == set()
    if words != ("list",):
        assert "rich" not in loaded
