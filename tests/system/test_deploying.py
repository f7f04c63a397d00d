"""`ingle deploy`, `watch`, `invoke`, `delete`: a user's way from a directory to a function that answers."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness import INGLE, ROOT, Ingle

from ingle.app.main import app

Run = Callable[..., str]


@pytest.fixture
def run(ingle: Ingle, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line within this process; return what it prints."""
    ingle.announcement()  # it serves a moment before it says where
    monkeypatch.setenv("INGLE_DATA", str(ingle.data_dir))

    def act(*words: Any, status: int = 0, text: str | None = None) -> str:
        done = CliRunner().invoke(app, list(map(str, words)), input=text)
        assert done.exit_code == status, done.output
        return done.output

    return act


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a function."""
    (tmp_path / "app.py").write_text("def lambda_handler(event, context):\n    return ['one', event]\n")
    return tmp_path


def test_a_directory_is_deployed_changed_invoked_and_deleted(run: Run, source: Path, functions: Any) -> None:
    name = "deployed-dir"
    named = (source, "--name", name)
    assert "created deployed-dir (python3.11, app.lambda_handler," in run("deploy", *named, "--env", "ONE=1")
    assert run("deploy", *named) == f"nothing changed in {name}\n"
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "app.pyc").write_bytes(b"x")
    assert run("deploy", *named) == f"nothing changed in {name}\n"

    (source / "app.py").write_text("import os\ndef lambda_handler(e, c):\n    return [os.environ['ONE'], e]\n")
    told = run("deploy", *named, "--memory", 256, "--timeout", 9, "--env", "TWO=secret", "--publish")
    assert told.startswith(f"updated {name}\n  code: ")
    assert "  memory: 128 MB -> 256 MB\n  timeout: 3 s -> 9 s\n  variable TWO: added\n  version 1\n" in told
    assert "secret" not in told
    shown = functions.get_function_configuration(FunctionName=name)
    assert (shown["MemorySize"], shown["Environment"]["Variables"]) == (256, {"ONE": "1", "TWO": "secret"})

    told = run("deploy", *named, "--env", "ONE=1", "--remove-env", "TWO", "--remove-env", "NEVER", "--no-layers")
    assert told == f"updated {name}\n  variable TWO: removed\n"
    (source / "event.json").write_text('{"n": 1}')
    assert run("invoke", name, "-e", source / "event.json") == '["1", {"n": 1}]\n'
    assert run("invoke", name, "-e", "-", text="2") == '["1", 2]\n'
    assert "REPORT RequestId" in run("invoke", name, "--tail")
    assert run("delete", name) == f"deleted {name}\n"
    assert "not found" in run("invoke", name, status=1)


def test_a_public_url_is_made_in_one_step(run: Run, source: Path, ingle: Ingle) -> None:
    (source / "app.py").write_text("def handler(event, context):\n    return event['rawPath']\n")
    told = run("deploy", source, "--name", "public", "--url")
    by_path = told.splitlines()[-1].split()[-1]
    assert by_path.startswith(f"http://127.0.0.1:{ingle.port}/lambda-url/")
    assert f".lambda-url.us-east-1.localhost:{ingle.port}/" in told.splitlines()[-2]
    with urllib.request.urlopen(f"{by_path}some/where") as answer:
        assert answer.read() == b"/some/where"
    again = run("deploy", source, "--name", "public", "--url")
    assert again.splitlines()[1:] == told.splitlines()[1:]
    run("delete", "public")


def test_functions_are_listed_their_logs_shown_and_failures_told(run: Run, source: Path) -> None:
    (source / "app.py").write_text("def handler(e, c):\n    print('greeted')\n    return e['n']\n")
    run("deploy", source, "--name", "listed", "--memory", 256)
    assert run("invoke", "listed", '{"n": 1}') == "1\n"
    assert "listed: KeyError: 'n'" in run("invoke", "listed", status=1).replace(" failed", "")
    row = next(line for line in run("list").splitlines() if line.startswith("listed "))
    assert row.split()[1:6] == ["python3.11", "256", "MB", "3", "s"]
    end = time.monotonic() + 20
    while "greeted" not in CliRunner().invoke(app, ["logs", "listed"]).output:  # they are shipped every 200 ms
        assert time.monotonic() < end
    run("delete", "listed")
    assert "not found" in run("invoke", "nobody", status=1).lower()
    assert "logged nothing" in run("logs", "nobody", status=1)
    (source / "app.py").unlink()
    assert "name --runtime and --handler" in run("deploy", source, status=1)
    assert "is not there" in run("deploy", source / "gone", status=1)


def test_a_saved_file_is_live_in_the_next_invocation(ingle: Ingle, source: Path, invoke: Any, functions: Any) -> None:
    command = [str(word) for word in (INGLE, "watch", source, "--name", "watched", "--data", ingle.data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    try:
        told = iter(process.stdout.readline, "")
        assert any("watching" in line for line in told)
        for word, draft in (("two", "app.py"), ("three", "app.py~")):  # some editors write a draft and rename it
            (source / draft).write_text(f"def lambda_handler(event, context):\n    return '{word}'\n")
            (source / draft).rename(source / "app.py")
            # A file that is written in place may be seen half written, and is then told twice.
            assert any("live after" in line and invoke("watched").payload == word for line in told)
        (source / ".git").mkdir()
        (source / ".git" / "index").write_text("x")
        (source / "app.py").write_text("\n\ndef lambda_handler(event, context:\n    return 1\n")
        line = next(line for line in told if "code: " in line)
        assert line.endswith("SyntaxError app.py:3: '(' was never closed\n")
        (source / "app.py").write_text("def lambda_handler(event, context):\n    print('printed')\n")
        assert any("live after" in line for line in told)
        invoke("watched")
        assert any(line.endswith("$LATEST printed\n") for line in told)
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "code: " not in rest
    functions.delete_function(FunctionName="watched")


def test_a_sam_template_is_made_once_and_then_only_what_differs(
    run: Run, tmp_path: Path, invoke: Any, functions: Any
) -> None:
    shutil.copytree(ROOT / "examples" / "sam", tmp_path / "shop")
    template = tmp_path / "shop" / "template.yaml"
    told = run("deploy", template)
    for line in (
        "created   Greet  function shop-greet-dev",
        "alias shop-greet-dev:live",
        "layer shop-words:1",
        ".lambda-url.us-east-1.localhost:",
        "created   GreetEventInvokeConfig  event-invoke config",
        "permission of * to lambda:InvokeFunctionUrl",
        "created   GreetLetter  event source mapping of arn:aws:sqs:us-east-1:000000000000:letters: ",
        "created   Ask  function shop-Ask",
        "not made  Visits  AWS::DynamoDB::Table",
        "not made  GreetMorning  AWS::Events::Rule",
        "not made  GreetMorningPermission  AWS::Lambda::Permission",
        "Environment names Visits, which is not made",
        "policies of Greet: AWSLambdaBasicExecutionRole, S3ReadPolicy",
        "output Greeter: arn:aws:lambda:us-east-1:000000000000:function:shop-greet-dev:live",
    ):
        assert line in told
    assert "failed" not in told
    assert invoke("shop-greet-dev:live").payload == "Hello, the dev world!"
    assert invoke("shop-Ask").payload == "arn:aws:lambda:us-east-1:000000000000:function:shop-greet-dev"
    again = run("deploy", template)
    assert "created" not in again
    assert "updated" not in again

    (tmp_path / "shop" / "layer" / "python" / "words.py").write_text("GREETING = 'Bye'\n")
    text = template.read_text().replace("greetings", "farewells").replace("BatchSize: 5", "BatchSize: 6")
    template.write_text(text.replace("ReservedConcurrentExecutions: 5", "ReservedConcurrentExecutions: 6"))
    told = run("deploy", template)
    for line in (
        "layer shop-words:2",
        "updated   Greet  function shop-greet-dev",
        "tag team: greetings -> farewells",
        "reserved concurrency: 5 -> 6",
        "function version: 1 -> 2",
        "batch size: 5 -> 6",
        "unchanged Ask  function shop-Ask",
    ):
        assert line in told
    assert invoke("shop-greet-dev:live").payload == "Bye, the dev world!"
    assert "one of dev, prod" in run("deploy", template, "--parameter", "Stage=x", status=1)
    assert "--memory doesn't belong here: a template says that" in run("deploy", template, "--memory", 1, status=1)
    assert "--parameter doesn't belong here: it is for a template" in run("deploy", ".", "--parameter", "A=b", status=1)
    for mapping in functions.list_event_source_mappings(FunctionName="shop-greet-dev:live")["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    run("delete", "shop-greet-dev")
    run("delete", "shop-Ask")


def test_a_template_of_which_a_part_fails_says_why_and_makes_the_rest(
    run: Run, source: Path, invoke: Any, functions: Any
) -> None:
    function = {"Handler": "app.lambda_handler", "Role": {"Fn::GetAtt": "Role.Arn"}, "Code": "."}
    good = {**function, "FunctionName": "half-good", "Runtime": "python3.11", "Timeout": "4"}
    lambda_ = "AWS::Lambda::"
    resources = {
        "Alias": {"Type": f"{lambda_}Alias", "Properties": {"FunctionName": {"Ref": "Bad"}, "Name": "live"}},
        "Bad": {"Type": f"{lambda_}Function", "Properties": {**function, "Runtime": "cobol9"}},
        "Good": {
            "Type": f"{lambda_}Function",
            "Properties": {**good, "ReservedConcurrentExecutions": {"Ref": "Units"}},
        },
        "Image": {"Type": f"{lambda_}Function", "Properties": {"PackageType": "Image", "Code": {"ImageUri": "some:1"}}},
        "Never": {"Type": f"{lambda_}Function", "Condition": "IsNever", "Properties": good},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "worker"}},
    }
    template = {
        "Parameters": {"Units": {"Type": "Number"}},
        "Conditions": {"IsNever": {"Fn::Equals": [{"Ref": "Units"}, "0"]}},
        "Resources": resources,
    }
    (source / "half.json").write_text(json.dumps(template))
    assert "parameter Units has no default" in run("deploy", source / "half.json", status=1)
    told = run("deploy", source / "half.json", "--name", "half", "--parameter", "Units=3", status=1)
    for line in (
        "failed    Bad  AWS::Lambda::Function",
        "cobol9",
        "failed    Alias  AWS::Lambda::Alias",
        "it needs Bad",
        "failed    Image  AWS::Lambda::Function",
        "Ingle does not support container images yet",
    ):
        assert line in told
    assert "created   Good  function half-good" in told
    assert "not enforced yet role Role" in told
    assert "Never" not in told
    assert invoke("half-good", 1).payload == ["one", 1]
    shown = functions.get_function(FunctionName="half-good")
    assert shown["Configuration"]["Role"] == "arn:aws:iam::000000000000:role/worker"
    assert (shown["Configuration"]["Timeout"], shown["Concurrency"]["ReservedConcurrentExecutions"]) == (4, 3)
    run("delete", "half-good")


def test_a_rollback_gives_back_the_code_of_a_version_or_moves_an_alias(
    run: Run, source: Path, invoke: Any, functions: Any
) -> None:
    name = "rolled"
    for word in ("one", "two"):
        (source / "app.py").write_text(f"def handler(event, context):\n    return '{word}'\n")
        run("deploy", source, "--name", name, "--publish")
    assert run("rollback", name).startswith("rolled back rolled: to the code of version 1\n  code: ")
    assert invoke(name).payload == "one"
    run("rollback", name, "--to", 2)
    assert invoke(name).payload == "two"

    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert run("rollback", name) == "rolled back rolled:live: version 2 -> 1\n"
    assert (invoke(f"{name}:live").payload, invoke(name).payload) == ("one", "two")
    assert "no version before it has other code" in run("rollback", f"{name}:live", status=1)
    assert "no alias staging" in run("rollback", f"{name}:staging", status=1)
    run("rollback", f"{name}:live", "--to", 2)
    assert invoke(f"{name}:live").payload == "two"
    run("delete", name)
    assert "not found" in run("rollback", name, status=1).lower()
