"""Layers: published, listed and deleted as boto3 expects, and found in /opt by the functions that name them."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from harness import Ingle, running_ingle, zip_of
from tests.system.layers import lay
from tests.system.test_functions_api import FAST, create, refused

OWN = "arn:aws:lambda:us-east-1:000000000000:layer:"
USES = """
import os, subprocess
import greeting
def handler(event, context):
    tool = subprocess.run(["/opt/bin/tool"], capture_output=True, text=True).stdout if event == "tool" else ""
    return {"said": greeting.SAID, "from": greeting.__file__, "tool": tool}
"""


@pytest.fixture
def publish(functions: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Publish layers named after the test; their versions are deleted afterwards."""
    made: list[tuple[str, int]] = []

    def act(files: Mapping[str, str | bytes] | bytes, number: int = 0, **settings: Any) -> dict[str, Any]:
        content = files if isinstance(files, bytes) else zip_of(files)
        name = f"{request.node.originalname[:60]}-{number}"
        answer = functions.publish_layer_version(LayerName=name, Content={"ZipFile": content}, **settings)
        made.append((name, answer["Version"]))
        return dict(answer)

    yield act
    for name, version in made:
        functions.delete_layer_version(LayerName=name, VersionNumber=version)


@pytest.fixture
def name(functions: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name that no function has, freed afterwards."""
    chosen = request.node.originalname[:60]
    yield chosen
    functions.delete_function(FunctionName=chosen)


def wait(functions: Any, name: str) -> None:
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=FAST)


# the operations


def test_a_layer_version_is_shown_as_lambda_shows_it(functions: Any, publish: Any) -> None:
    content = zip_of({"python/x.py": "1"})
    settings = {
        "Description": "d", "LicenseInfo": "MIT", "CompatibleRuntimes": ["python3.11", "python3.12"],
        "CompatibleArchitectures": ["x86_64"],
    }  # fmt: skip
    made = publish(content, **settings)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["LayerVersionArn"] == made["LayerArn"] + ":1"
    assert made["LayerArn"].startswith(OWN)
    assert made["Version"] == 1
    assert {name: made[name] for name in settings} == settings
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    made["Content"].pop("Location")
    assert made["Content"] == {"CodeSha256": digest, "CodeSize": len(content)}
    assert made["CreatedDate"].endswith("+0000")
    name = made["LayerArn"].rpartition(":")[2]
    made.pop("ResponseMetadata")
    for got in (
        functions.get_layer_version(LayerName=name, VersionNumber=1),
        functions.get_layer_version(LayerName=made["LayerArn"], VersionNumber=1),
        functions.get_layer_version_by_arn(Arn=made["LayerVersionArn"]),
    ):
        got.pop("ResponseMetadata")
        got["Content"].pop("Location")
        assert got == made
    plain = publish(content, 1)
    assert plain["Description"] == ""
    assert {"LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures"}.isdisjoint(plain)


def test_versions_are_listed_newest_first_and_their_numbers_never_come_twice(functions: Any, publish: Any) -> None:
    names = {publish({"x": "1"}, 0, CompatibleRuntimes=["python3.11"])["LayerArn"].rpartition(":")[2]}
    names.add(publish({"x": "2"}, 0, CompatibleRuntimes=["nodejs20.x"])["LayerArn"].rpartition(":")[2])
    (name,) = names

    def numbers(**wishes: Any) -> list[int]:
        listed = functions.list_layer_versions(LayerName=name, **wishes)["LayerVersions"]
        return [one["Version"] for one in listed]

    assert numbers() == [2, 1]
    assert numbers(CompatibleRuntime="python3.11") == [1]
    assert numbers(CompatibleArchitecture="arm64") == []
    page = functions.list_layer_versions(LayerName=name, MaxItems=1)
    assert [one["Version"] for one in page["LayerVersions"]] == [2]
    assert numbers(Marker=page["NextMarker"]) == [1]
    for _ in range(2):  # deleting is idempotent
        gone = functions.delete_layer_version(LayerName=name, VersionNumber=2)
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert publish({"x": "3"}, 0)["Version"] == 3
    assert numbers() == [3, 1]
    assert functions.list_layer_versions(LayerName="nobody")["LayerVersions"] == []


def test_layers_are_listed_with_their_newest_version_that_suits(functions: Any, publish: Any) -> None:
    for number in range(3):
        publish({"x": "1"}, number, CompatibleRuntimes=["python3.11"])
        publish({"x": "2"}, number)
    mine = "test_layers_are_listed_with"

    def listed(**wishes: Any) -> dict[str, int]:
        pages = functions.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 2}, **wishes)
        found = [layer for page in pages for layer in page["Layers"]]
        for layer in found:
            assert layer["LatestMatchingVersion"]["LayerVersionArn"].startswith(layer["LayerArn"] + ":")
        return {
            one["LayerName"][-1]: one["LatestMatchingVersion"]["Version"]
            for one in found
            if one["LayerName"].startswith(mine)
        }

    assert listed() == {"0": 2, "1": 2, "2": 2}
    assert listed(CompatibleRuntime="python3.11") == {"0": 1, "1": 1, "2": 1}


def test_what_is_wrong_with_a_layer_is_said_in_lambdas_words(functions: Any, publish: Any) -> None:
    arn = publish({"x": "1"})["LayerArn"]
    missing = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")
    assert refused(functions.get_layer_version, LayerName=arn, VersionNumber=7) == missing
    assert refused(functions.get_layer_version, LayerName="nobody", VersionNumber=1) == missing
    assert refused(functions.get_layer_version_by_arn, Arn=OWN + "nobody:1") == missing
    for call in (functions.get_layer_version, functions.delete_layer_version):
        low = refused(call, LayerName=arn, VersionNumber=0)
        assert low == ("InvalidParameterValueException", 400, "Layer Version Cannot be less than 1")
    content = {"ZipFile": b"no zip"}
    code, status, message = refused(functions.publish_layer_version, LayerName="l", Content=content)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert message.startswith("Could not unzip uploaded file.")
    foreign = "arn:aws:lambda:us-east-1:111111111111:layer:l"
    content = {"ZipFile": zip_of({"x": "1"})}
    assert refused(functions.publish_layer_version, LayerName=foreign, Content=content)[0] == "AccessDeniedException"


def test_layers_that_a_function_cannot_have_are_refused_in_lambdas_words(functions: Any, publish: Any) -> None:
    one, two = (publish({"x": str(version)})["LayerVersionArn"] for version in range(2))

    def said(*arns: str) -> str:
        code, status, message = refused(lambda: create(functions, "refused", Layers=list(arns)))
        assert (code, status) == ("InvalidParameterValueException", 400)
        return message

    assert said(OWN + "nobody:3") == f"Layer version {OWN}nobody:3 does not exist."
    assert said(*[f"{OWN}l{number}:1" for number in range(6)]) == "Cannot reference more than 5 layers."
    assert said(one, two) == (
        "Two different versions of the same layer are not allowed to be referenced in the same function."
        f" {one} and {two} are versions of the same layer."
    )
    assert said(one.replace("us-east-1", "eu-west-1")) == (
        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
    )


def test_layers_count_as_stored_code(functions: Any, publish: Any) -> None:
    content = zip_of({"x": "x" * 1_000_000})
    before = functions.get_account_settings()["AccountUsage"]["TotalCodeSize"]
    publish(content)
    assert functions.get_account_settings()["AccountUsage"]["TotalCodeSize"] == before + len(content)


def test_code_and_layers_together_have_250_mb(functions: Any, publish: Any, name: str) -> None:
    big = zip_of({"big": bytes(200_000_000)}, compress=True)
    code = zip_of({"app.py": "", "big": bytes(62_144_001)}, compress=True)
    arn = publish(big)["LayerVersionArn"]
    too_much = (
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is"
        " 262144001 bytes."
    )
    assert refused(lambda: create(functions, name, Layers=[arn], Code={"ZipFile": code}))[2] == too_much
    create(functions, name, Code={"ZipFile": code})
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert refused(functions.update_function_configuration, FunctionName=name, Layers=[arn])[2] == too_much


def test_a_function_shows_its_layers_and_keeps_them_through_updates(functions: Any, publish: Any, name: str) -> None:
    first, second = (publish({"x": "x" * number}, number) for number in range(2))
    shown = [{"Arn": one["LayerVersionArn"], "CodeSize": one["Content"]["CodeSize"]} for one in (first, second)]
    made = create(functions, name, Layers=[one["Arn"] for one in shown])
    assert made["Layers"] == shown
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    numbered = functions.publish_version(FunctionName=name)
    assert numbered["Layers"] == shown
    functions.update_function_code(FunctionName=name, ZipFile=zip_of({"app.py": "handler = print"}))
    wait(functions, name)
    functions.update_function_configuration(FunctionName=name, Layers=[shown[1]["Arn"]], Timeout=9)
    wait(functions, name)
    assert functions.get_function_configuration(FunctionName=name)["Layers"] == [shown[1]]
    functions.update_function_configuration(FunctionName=name, Layers=[])
    wait(functions, name)
    assert "Layers" not in functions.get_function_configuration(FunctionName=name)
    assert functions.get_function_configuration(FunctionName=name, Qualifier="1")["Layers"] == shown


def test_what_is_deleted_leaves_no_chunk_of_its_layers() -> None:
    with running_ingle() as ingle:
        client = ingle.client()
        content = {"ZipFile": zip_of({"python/greeting.py": "SAID = 1"})}
        arn = client.publish_layer_version(LayerName="l", Content=content)["LayerVersionArn"]
        ingle.deploy("f", {"app.py": "def handler(e, c):\n    return 1\n"}, Layers=[arn])
        client.update_function_code(FunctionName="f", ZipFile=zip_of({"app.py": ""}))
        wait(client, "f")
        client.delete_layer_version(LayerName="l", VersionNumber=1)
        assert chunks(ingle)
        client.delete_function(FunctionName="f")
        assert not chunks(ingle)


def chunks(ingle: Ingle) -> list[str]:
    return [path.name for path in (ingle.data_dir / "chunks").rglob("*") if path.is_file()]


def test_layers_and_functions_that_have_them_survive_a_restart() -> None:
    with running_ingle("--isolation", "process", "--insecure") as ingle:
        client = ingle.client()
        content = {"ZipFile": zip_of({"python/greeting.py": "SAID = 'kept'"})}
        arn = client.publish_layer_version(LayerName="l", Content=content)["LayerVersionArn"]
        ingle.deploy("f", {"app.py": USES}, Layers=[arn])
        ingle.stop()
        ingle.start()
        client = ingle.client()
        assert json.loads(client.invoke(FunctionName="f")["Payload"].read())["said"] == "kept"
        ingle.deploy("g", {"app.py": USES}, Layers=[arn])
        assert json.loads(client.invoke(FunctionName="g")["Payload"].read())["said"] == "kept"


# in /opt


@pytest.fixture(params=["strongest", "process"])
def running(request: pytest.FixtureRequest) -> Iterator[Ingle]:
    """An Ingle in the strongest isolation, and one whose functions find their layers without any."""
    if request.param == "strongest":
        yield request.getfixturevalue("ingle")
    else:
        with running_ingle("--isolation", "process", "--insecure") as other:
            yield other


def said(ingle: Ingle, name: str, event: Any = None) -> Any:
    answer = ingle.client().invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


FINDS = """
import ctypes, subprocess
import greeting
def handler(event, context):
    tool = subprocess.run(["tool"], capture_output=True, text=True).stdout
    return [greeting.SAID, tool, bool(ctypes.CDLL("libown.so")), event]
"""


def any_library() -> bytes:
    """Return a small shared library of this host's, under whatever name."""
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/lib" in line}
    libraries = [path for path in map(Path, mapped) if re.match(r"lib(z|ffi|m|bz2)[.-]", path.name)]
    return min(libraries, key=lambda path: path.stat().st_size).read_bytes()


def test_a_python_function_finds_modules_programs_and_libraries_of_its_layer(ingle: Ingle, deploy: Any) -> None:
    tool = "#!/bin/sh\necho from the layer\n"
    arn = lay(ingle, "all", {"python/greeting.py": "SAID = 1", "bin/tool": tool, "lib/libown.so": any_library()})
    name = deploy(FINDS, Layers=[arn])
    assert said(ingle, name, "first") == [1, "from the layer\n", True, "first"]
    assert said(ingle, name, "again") == [1, "from the layer\n", True, "again"]


@pytest.mark.skipif(not Path("/usr/bin/node").exists(), reason="this host has no node")
def test_a_node_function_finds_modules_of_its_layer(ingle: Ingle, deploy: Any) -> None:
    arn = lay(ingle, "nodes", {"nodejs/node_modules/greeting/index.js": "exports.said = 'layer';"})
    code = "const {said} = require('greeting'); exports.handler = async () => ({said});"
    name = deploy("", files={"index.js": code}, runtime="nodejs20.x", Handler="index.handler", Layers=[arn])
    assert said(ingle, name) == {"said": "layer"}


def test_a_function_imports_from_its_layers_and_later_ones_win(running: Ingle) -> None:
    first = lay(running, "first", {"python/greeting.py": "SAID = 'first'", "python/other.py": "x = 1"})
    second = lay(running, "second", {"python/greeting.py": "SAID = 'second'"})
    running.deploy("one", {"app.py": USES}, Layers=[first, second])
    running.deploy("other", {"app.py": "import other\n" + USES}, Layers=[second, first])
    assert said(running, "one")["said"] == "second"
    assert said(running, "other")["said"] == "first"
    client = running.client()
    client.update_function_configuration(FunctionName="other", Layers=[first, second])
    wait(client, "other")
    assert said(running, "other")["said"] == "second"


def test_the_folder_of_ones_python_version_comes_first(running: Ingle) -> None:
    paths = ("python/greeting.py", "python/lib/python3.11/site-packages/greeting.py")
    arn = lay(running, "versions", {path: f"SAID = '{path}'" for path in paths})
    running.deploy("versions", {"app.py": USES}, Layers=[arn])
    assert said(running, "versions")["said"] == paths[1]


def test_a_deleted_layer_version_goes_on_in_functions_that_have_it(running: Ingle) -> None:
    arn = lay(running, "going", {"python/greeting.py": "SAID = 'still'"})
    running.deploy("going", {"app.py": USES}, Layers=[arn])
    client = running.client()
    client.delete_layer_version(LayerName="going", VersionNumber=1)
    assert said(running, "going")["said"] == "still"
    client.update_function_code(FunctionName="going", ZipFile=zip_of({"app.py": USES + "\n"}))
    wait(client, "going")
    assert said(running, "going")["said"] == "still"
    client.update_function_configuration(FunctionName="going", Timeout=9)
    wait(client, "going")
    assert said(running, "going")["said"] == "still"
    assert client.get_function_configuration(FunctionName="going")["Layers"][0]["Arn"] == arn
    assert refused(lambda: client.create_function(
        FunctionName="late", Runtime="python3.11", Handler="app.handler", Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": zip_of({"app.py": USES})}, Layers=[arn],
    ))[2] == f"Layer version {arn} does not exist."  # fmt: skip


def test_programs_of_a_layer_run_and_opt_is_read_only(ingle: Ingle) -> None:
    arn = lay(ingle, "tools", {"python/greeting.py": "SAID = 1", "bin/tool": "#!/bin/bash\necho from a layer\n"})
    ingle.deploy("tools", {"app.py": USES}, Layers=[arn])
    assert said(ingle, "tools", "tool")["tool"] == "from a layer\n"
    source = "def handler(e, c):\n    try:\n        open('/opt/x', 'w')\n    except OSError as error:\n        return {'errno': error.errno}\n"
    ingle.deploy("writes", {"app.py": source}, Layers=[arn])
    assert said(ingle, "writes")["errno"] in (13, 30)
