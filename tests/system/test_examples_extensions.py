"""The examples of extensions, and Powertools: deployed as examples/README.md has it, and their logs read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT, Ingle, zip_of
from tests.system.layers import lay
from tests.system.test_extensions import log_of

EXAMPLES = ROOT / "examples"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
HELLO = (EXAMPLES / "hello" / "app.py").read_text()
PURE = ["aws-lambda-powertools==3.37.0", "aws-xray-sdk==2.15.0", "jmespath", "typing-extensions", "wrapt"]
BESIDE = ["botocore", "dateutil", "urllib3", "six.py"]
"""What aws-xray-sdk imports besides, and the tests have already."""


@pytest.mark.parametrize(
    ("example", "extension", "said"),
    [
        ("extension-shell", "tally", r"^served 2 invocations$"),
        ("extension-python", "summary.py", r'^summary SPINDOWN {"invocations": 2, "errors": 0, "billed_ms": \d+}$'),
    ],
)
def test_an_extension_says_at_the_end_what_it_has_seen(
    ingle: Ingle, deploy_alone: Any, call: Any, functions: Any, logs: Any, example: str, extension: str, said: str
) -> None:
    source = (EXAMPLES / example / "extensions" / extension).read_text()
    layer = lay(ingle, example, {f"extensions/{extension}": source})
    name = deploy_alone(HELLO, Layers=[layer])
    for _ in range(2):
        assert call(name, {"name": "you"}).payload == {"message": "Hello, you, from Ingle"}
    functions.update_function_configuration(FunctionName=name, Description="another")
    assert any(line.startswith(f"EXTENSION\tName: {extension}\tState: Ready") for line in log_of(logs, name, said))


def libraries(folder: Path) -> dict[str, bytes]:
    """Install what the example requires; AWS's own client comes from beside us, without its 20 MB of service models."""
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps", "--target", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--only-binary", ":all:", *options, *PURE],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    installed = Path(pytest.__file__).parent.parent
    places = [(folder, path) for path in folder.rglob("*")]
    for name in BESIDE:
        paths = [installed / name] if name.endswith(".py") else (installed / name).rglob("*")
        places += [(installed, path) for path in paths]
    return {
        f"python/{path.relative_to(base)}": path.read_bytes()
        for base, path in places
        if path.is_file() and path.suffix != ".pyc" and "botocore/data" not in str(path)
    }


def test_powertools_logs_traces_and_measures(ingle: Ingle, deploy: Any, invoke: Any, logs: Any, tmp_path: Path) -> None:
    content = {"ZipFile": zip_of(libraries(tmp_path), compress=True)}
    layer = ingle.client().publish_layer_version(LayerName="powertools", Content=content)["LayerVersionArn"]
    source = (EXAMPLES / "powertools" / "app.py").read_text()
    name = deploy(source, Layers=[layer], runtime=RUNTIME, MemorySize=256, Timeout=20)
    assert invoke(name, {"name": "you"}).payload == {"message": "Hello, you"}
    lines = log_of(logs, name, "^REPORT")
    told = [json.loads(line) for line in lines if line.startswith("{")]
    greeted = next(one for one in told if one.get("message") == "greeted")
    assert (greeted["greeting"], greeted["service"], greeted["cold_start"]) == ("Hello, you", "greeter", True)
    assert greeted["function_name"] == name
    assert greeted["function_arn"].endswith(f":function:{name}")
    assert greeted["xray_trace_id"].startswith("1-")
    measured = {key for one in told if "_aws" in one for key in one}
    assert {"Greetings", "ColdStart"} <= measured
