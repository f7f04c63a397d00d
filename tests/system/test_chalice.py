"""AWS Chalice, a tool that knows nothing of Ingle: it is pointed at it and deploys as it does on AWS."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from harness import ROOT, Ingle

CHALICE = ROOT / ".venv" / "bin" / "chalice"
NAME = "greetings-dev-greet"


def test_chalice_deploys_an_application_and_it_answers(
    ingle: Ingle, functions: Any, invoke: Any, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "examples" / "chalice", tmp_path / "app")
    held = ingle.credentials
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ingle.port}",
        "AWS_ACCESS_KEY_ID": held["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": held["secret_access_key"],
        "AWS_DEFAULT_REGION": held["region"],
    }
    done = subprocess.run([CHALICE, "deploy"], cwd=tmp_path / "app", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
    assert f"Lambda ARN: {arn}" in done.stdout
    assert invoke(NAME, {"name": "you"}).payload == {"greeting": "Hello, you!", "function": NAME}
    shown = functions.get_function(FunctionName=NAME)
    assert shown["Configuration"]["MemorySize"] == 256
    assert shown["Tags"]["team"] == "greetings"
    functions.delete_function(FunctionName=NAME)
