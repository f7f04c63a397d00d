"""`make demo`: from nothing to a function that has answered, on one screen."""

import io
import json
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

from ingle.app.config import ConfigurationError
from ingle.cli.client import Client, make_client
from ingle.cli.deployment import Declared, apply
from ingle.cli.output import console, say

_EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "hello" / "app.py"
_NAME = "hello"
_WARM = 50


def run_demo(data_dir: Path, port: int) -> int:
    """Start Ingle, show a function's way, serve until Ctrl-C; return the exit status."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    say("Starting Ingle")
    command = [sys.executable, "-I", "-m", "ingle.app.command", "up", "--data", str(data_dir), "--port", str(port)]
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        if not _wait(process, port):
            console.print(f"[red]Ingle did not start[/]; see {data_dir / 'programs.log'}")
            return 1
        _show(data_dir)
        return process.wait()
    except KeyboardInterrupt:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until Ingle serves, however slow this host is; `ingle up` ends by itself where it never will."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(0.2)  # let `ingle up` say its part first
            return True
    return False


def _show(data_dir: Path) -> None:
    client = make_client("lambda", data_dir)
    say(f"\nDeploying examples/hello as {_NAME}, and invoking it {_WARM + 2} times")
    runtime = _deploy(client)
    first, payload = _invoke(client)
    version = client.call("PublishVersion", FunctionName=_NAME)["Version"]
    cold, _ = _invoke(client, Qualifier=version)
    warm = statistics.median(_invoke(client)[0] for _ in range(_WARM))
    console.print(f"\n[bold]{_NAME}[/] ({runtime}) answered {payload}", highlight=False)
    console.print(
        f"  first {first:.1f} ms, cold {cold:.1f} ms (a version that never ran), warm {warm:.2f} ms (median of {_WARM});"
        " with the time of the client",
        highlight=False,
    )
    ingle = Path(sys.executable).parent / "ingle"
    console.print("\nTry next:", highlight=False)
    console.print(f'  eval "$({ingle} env --data {data_dir})"', highlight=False)
    console.print(f"  {ingle} logs {_NAME}", highlight=False)
    console.print(
        f"  aws lambda invoke --function-name {_NAME} --log-type Tail /dev/stdout   (the AWS CLI, where you have it)",
        highlight=False,
    )
    console.print("\nServing until Ctrl-C.", highlight=False)


def _invoke(client: Client, **settings: str) -> tuple[float, str]:
    """Return the milliseconds that an invocation takes, and its answer."""
    started = time.perf_counter()
    answer = client.call("Invoke", FunctionName=_NAME, Payload=json.dumps({"name": "world"}).encode(), **settings)
    return (time.perf_counter() - started) * 1e3, answer["Payload"].decode()


def _deploy(client: Client) -> str:
    from ingle.app.commands.doctor import host_runtimes

    pythons = [entry.name for entry in host_runtimes() if entry.name.startswith("python")]
    if not pythons:
        raise ConfigurationError("no Python runtime was found: run `make setup`, then `ingle doctor`")
    runtime = "python3.11" if "python3.11" in pythons else pythons[-1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", _EXAMPLE.read_text())
    if client.find("GetFunctionConfiguration", FunctionName=_NAME) is not None:
        client.call("DeleteFunction", FunctionName=_NAME)
    settings = {"Runtime": runtime, "Handler": "app.handler"}
    apply(client, Declared(name=_NAME, code={"ZipFile": buffer.getvalue()}, settings=settings))
    return runtime
