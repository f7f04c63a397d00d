"""What a user would pick instead: ministack and serverless-offline, installed in a cache and started on loopback."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import ECHO, ROOT, free_port, zip_of

CACHE = ROOT / ".rivals"


class Rival:
    """A system to compare with: installed on construction, serving inside its `with` block."""

    name = ""
    path = ""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="rival-"))

    def command(self) -> tuple[list[str], dict[str, str]]:
        raise NotImplementedError

    def deploy(self) -> None:
        """Put the echo function there, where starting is not enough."""

    def __enter__(self) -> Self:
        arguments, environment = self.command()
        self.process = subprocess.Popen(
            arguments,
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait()
        self.deploy()
        return self

    def _wait(self) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Ministack(Rival):
    """ministack with its own warm Lambda workers (plain processes, no isolation, no signature check)."""

    name = "ministack"
    path = "/2015-03-31/functions/echo/invocations"

    def command(self) -> tuple[list[str], dict[str, str]]:
        home = CACHE / "ministack"
        if not (home / "bin" / "ministack").exists():
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            subprocess.run([home / "bin" / "pip", "install", "-q", "ministack"], check=True)
        return [os.fspath(home / "bin" / "ministack")], {"GATEWAY_PORT": str(self.port), "LAMBDA_EXECUTOR": "local"}

    def deploy(self) -> None:
        import boto3

        client = boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_function(
            FunctionName="echo",
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/benchmark",
            Code={"ZipFile": zip_of({"app.py": ECHO})},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="echo")


class ServerlessOffline(Rival):
    """serverless-offline 13 on serverless 3 (the last that starts without an account), with a Node.js function."""

    name = "serverless-offline (node)"
    path = "/2015-03-31/functions/bench-dev-echo/invocations"

    def command(self) -> tuple[list[str], dict[str, str]]:
        home = CACHE / "serverless"
        if not (home / "node_modules" / ".bin" / "serverless").exists():
            home.mkdir(parents=True, exist_ok=True)
            (home / "package.json").write_text(json.dumps({"name": "rival", "private": True}))
            packages = ["serverless@3", "serverless-offline@13"]
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=home, check=True)
        (self.folder / "node_modules").symlink_to(home / "node_modules")
        (self.folder / "app.js").write_text("exports.handler = async (event) => event;\n")
        (self.folder / "serverless.yml").write_text(
            "service: bench\nframeworkVersion: '3'\nprovider: {name: aws, runtime: nodejs20.x}\n"
            "plugins: [serverless-offline]\nfunctions: {echo: {handler: app.handler}}\n"
            f"custom: {{serverless-offline: {{lambdaPort: {self.port}, httpPort: {free_port()}, reloadHandler: false}}}}\n"
        )
        arguments = [os.fspath(home / "node_modules" / ".bin" / "serverless"), "offline", "start"]
        return arguments, {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off"}


def rivals() -> list[Rival]:
    """Return the rivals that this machine can install and start."""
    found: list[Rival] = []
    for kind, needs in ((Ministack, "python3"), (ServerlessOffline, "npm")):
        if shutil.which(needs):
            found.append(kind())
    return found
