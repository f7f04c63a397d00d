"""The examples that answer the web, and the runtime in bash: deployed as a user would, and called."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness import ROOT, Ingle, zip_of
from url_caller import Caller

from ingle.app.main import app

EXAMPLES = ROOT / "examples"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
Serve = Callable[..., str]


@pytest.fixture(scope="module")
def client(ingle: Ingle) -> Any:
    return ingle.client()


@pytest.fixture(scope="module")
def serve(ingle: Ingle, client: Any) -> Iterator[Serve]:
    """Deploy an example with `ingle deploy` and return its name."""
    made: list[str] = []

    def act(example: str, *words: str) -> str:
        name = f"example-{example}"
        told = CliRunner().invoke(
            app, ["deploy", str(EXAMPLES / example), "--name", name, "--data", str(ingle.data_dir), *words]
        )
        assert told.exit_code == 0, told.output
        made.append(name)
        return name

    yield act
    for name in made:
        client.delete_function(FunctionName=name)


@pytest.fixture(scope="module")
def publish(ingle: Ingle, client: Any, serve: Serve) -> Callable[..., Caller]:
    """Deploy an example and open its URL to everybody, as examples/README.md has it."""

    def act(example: str, *words: str) -> Caller:
        name = serve(example, *words)
        everybody = {"FunctionName": name, "Principal": "*"}
        url = client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
        action = "lambda:InvokeFunctionUrl"
        client.add_permission(StatementId="url", Action=action, FunctionUrlAuthType="NONE", **everybody)
        action = "lambda:InvokeFunction"
        client.add_permission(StatementId="invoke", Action=action, InvokedViaFunctionUrl=True, **everybody)
        return Caller(ingle, url)

    return act


@pytest.fixture(scope="module")
def libraries(client: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install what Flask's and FastAPI's examples require, once, as a layer."""
    folder = tmp_path_factory.mktemp("libraries")
    required = [word for name in ("flask", "fastapi") for word in ("-r", str(EXAMPLES / name / "requirements.txt"))]
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--only-binary",
        ":all:",
        "--target",
        str(folder),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *required], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    files = {f"python/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    layer = client.publish_layer_version(LayerName="web-libraries", Content={"ZipFile": zip_of(files, compress=True)})
    return str(layer["LayerVersionArn"])


def python(layer: str) -> tuple[str, ...]:
    return "--runtime", RUNTIME, "--timeout", "10", "--memory", "256", "--layers", layer


def test_a_flask_application_has_its_paths_cookies_forms_and_files(publish: Any, libraries: str) -> None:
    flask = publish("flask", *python(libraries))
    first = flask.ask("GET", "/hello/J%C3%BCrgen")
    assert (first.status, first.body.decode()) == (200, "Hello, Jürgen, for the 1. time")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    again = flask.ask("GET", "/hello/you", Cookie=first.headers["set-cookie"].partition(";")[0])
    assert again.body == b"Hello, you, for the 2. time"
    part = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    body = (part.format("a", "", "b") + part.format("f", '; filename="f"', "12345") + "--x--\r\n").encode()
    form = flask.ask("POST", "/form", body, Content_Type="multipart/form-data; boundary=x")
    assert (form.status, form.value) == (201, {"fields": {"a": "b"}, "files": {"f": 5}})
    dot = flask.ask("GET", "/dot.gif")
    assert (dot.headers["content-type"], dot.body[:6], len(dot.body)) == ("image/gif", b"GIF89a", 43)
    assert flask.ask("GET", "/nothing").status == 404


def test_a_fastapi_application_checks_answers_and_documents_itself(publish: Any, libraries: str) -> None:
    fastapi = publish("fastapi", *python(libraries))
    assert fastapi.ask("GET", "/?name=you").value == {"message": "Hello, you, from FastAPI on Ingle"}
    note = fastapi.ask("POST", "/notes", b'{"text":"x","stars":4}', Content_Type="application/json")
    assert (note.status, note.value) == (201, {"text": "x", "stars": 5})
    assert fastapi.ask("POST", "/notes", b"{}", Content_Type="application/json").status == 422
    assert fastapi.ask("GET", "/openapi.json").value["info"]["title"] == "Notes"


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Web:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): return event['rawPath']"
      FunctionUrlConfig: {AuthType: NONE}
Outputs:
  Url: {Value: !GetAtt WebUrl.FunctionUrl}
"""


def test_a_sam_template_with_an_open_url_is_open(ingle: Ingle, client: Any, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    runner, data = CliRunner(), ["--data", str(ingle.data_dir)]
    told = runner.invoke(app, ["deploy", str(template), "--name", "example-sam-web", *data])
    assert told.exit_code == 0, told.output
    url = told.output.partition("output Url: ")[2].split()[0]
    assert Caller(ingle, url).ask("GET", "/hello").body == b"/hello"
    client.delete_function(FunctionName="example-sam-web-Web")


@pytest.mark.skipif(not Path("/usr/bin/node").exists(), reason="this host has no node")
def test_a_node_function_counts_visits_in_a_cookie(publish: Any) -> None:
    node = publish("node")
    first = node.ask("GET", "/?name=you")
    assert first.body.decode().startswith("Hello, you, from node ")
    assert first.headers["x-request"] == first.headers["x-amzn-requestid"]
    assert first.headers["set-cookie"] == "visits=1; HttpOnly; SameSite=Lax"
    assert node.ask("GET", "/", Cookie="visits=1").body.decode().endswith("visit 2\n")


def test_a_runtime_in_bash_answers_and_tells_its_errors(serve: Serve, client: Any) -> None:
    name = serve("bootstrap-shell", "--handler", "greet.handler")
    answers = [
        client.invoke(FunctionName=name, Payload=event.encode()) for event in ('{"name":"Zoë"}', "{}", '{"name":"you"}')
    ]
    greeted, failed, after = [json.loads(answer["Payload"].read()) for answer in answers]
    assert greeted["message"].startswith("Hello, Zoë, from bash ")
    assert (answers[1]["FunctionError"], failed) == (
        "Unhandled", {"errorMessage": 'the event has no "name"', "errorType": "Shell.Error"}
    )  # fmt: skip
    assert after["message"].startswith("Hello, you, ")
