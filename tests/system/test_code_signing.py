"""Code signing: configs, `ingle sign`, and what may be deployed, with boto3."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from harness import INGLE, Ingle, zip_of
from tests.system.test_functions_api import FAST, HELLO, create, refused

CSC = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:"
UNKNOWN = CSC + "csc-00000000000000000"
SOMEBODY = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/somebody/abcdefghij"
INVALID = ("InvalidCodeSignatureException", 400)
REFUSED = ("CodeVerificationFailedException", 400)


def sign(path: Path, key: Path, content: bytes, *arguments: str) -> tuple[bytes, str]:
    """Return the signed archive, and the ARN that `ingle sign` prints."""
    path.write_bytes(content)
    command: list[Any] = [INGLE, "sign", path, "--key", key, "--profile", "team", *arguments]
    arn = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return path.read_bytes(), arn


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, str]:
    """A signed archive of a function, one that was changed behind its signature, and the publisher's ARN."""
    folder = tmp_path_factory.mktemp("publisher")
    content, arn = sign(folder / "app.zip", folder / "key.pem", zip_of(HELLO), "--new-key", "--days", "9")
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    changed = folder / "changed.zip"
    changed.write_bytes(content)

    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("evil.py", "")
    return content, changed.read_bytes(), arn


@pytest.fixture
def make(functions: Any) -> Any:
    """Make code signing configs that go with the test."""
    made: list[str] = []

    def act(*publishers: str, policy: str | None = None, **wishes: Any) -> dict[str, Any]:
        if policy is not None:
            wishes["CodeSigningPolicies"] = {"UntrustedArtifactOnDeployment": policy}
        answer = functions.create_code_signing_config(
            AllowedPublishers={"SigningProfileVersionArns": list(publishers)}, **wishes
        )
        made.append(answer["CodeSigningConfig"]["CodeSigningConfigArn"])
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
        return dict(answer["CodeSigningConfig"])

    yield act
    for arn in made:
        for function in functions.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]:
            functions.delete_function(FunctionName=function)
        functions.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_a_config_is_made_shown_changed_and_tagged(functions: Any, make: Any) -> None:
    made = make(SOMEBODY, Description="d", Tags={"a": "b"})
    arn = made["CodeSigningConfigArn"]
    assert arn == CSC + made["CodeSigningConfigId"]
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert functions.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"] == made
    functions.tag_resource(Resource=arn, Tags={"c": "d"})
    assert functions.list_tags(Resource=arn)["Tags"] == {"a": "b", "c": "d"}
    changed = functions.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}
    )["CodeSigningConfig"]
    assert changed["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    assert (changed["Description"], changed["AllowedPublishers"]) == ("d", made["AllowedPublishers"])
    others = {arn, *(make(SOMEBODY)["CodeSigningConfigArn"] for _ in range(2))}
    pages = list(functions.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 2}))
    listed = [one["CodeSigningConfigArn"] for page in pages for one in page["CodeSigningConfigs"]]
    assert others <= set(listed)
    assert len(pages) > 1


def test_configs_that_are_not_there_are_told_apart(functions: Any, make: Any) -> None:
    text = f"The Lambda code signing configuration {UNKNOWN} can not be found."
    for call in (
        functions.get_code_signing_config, functions.update_code_signing_config, functions.delete_code_signing_config,
        functions.list_functions_by_code_signing_config,
    ):  # fmt: skip
        assert refused(call, CodeSigningConfigArn=UNKNOWN) == ("ResourceNotFoundException", 404, text)
    missing = refused(create, functions=functions, name="unsigned", CodeSigningConfigArn=UNKNOWN)
    assert missing == (
        "CodeSigningConfigNotFoundException", 404,
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted:"
        f" {UNKNOWN}.",
    )  # fmt: skip
    wrong = {"AllowedPublishers": {"SigningProfileVersionArns": ["arn:aws:s3:::b"]}}
    assert refused(functions.create_code_signing_config, **wrong)[:2] == ("InvalidParameterValueException", 400)
    none: dict[str, Any] = {"AllowedPublishers": {"SigningProfileVersionArns": []}}
    assert refused(functions.create_code_signing_config, **none)[:2] == ("ValidationException", 400)


def test_a_function_takes_a_config_and_keeps_it_from_being_deleted(functions: Any, make: Any, deploy: Any) -> None:
    arn, name = make(SOMEBODY)["CodeSigningConfigArn"], deploy("")
    put, get = functions.put_function_code_signing_config, functions.get_function_code_signing_config
    assert "CodeSigningConfigArn" not in get(FunctionName=name)
    assert refused(put, FunctionName=name, CodeSigningConfigArn=UNKNOWN)[0] == "CodeSigningConfigNotFoundException"
    answer = put(FunctionName=name, CodeSigningConfigArn=arn)
    assert (answer["CodeSigningConfigArn"], answer["FunctionName"]) == (arn, name)
    assert get(FunctionName=name)["CodeSigningConfigArn"] == arn
    listed = functions.list_functions_by_code_signing_config(CodeSigningConfigArn=arn, MaxItems=1)
    assert [one.rpartition(":")[2] for one in listed["FunctionArns"]] == [name]
    assert refused(functions.delete_code_signing_config, CodeSigningConfigArn=arn)[:2] == (
        "ResourceConflictException", 409,
    )  # fmt: skip
    done = functions.delete_function_code_signing_config(FunctionName=name)
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "CodeSigningConfigArn" not in get(FunctionName=name)


def test_enforced_code_is_deployed_if_a_trusted_publisher_signed_it(
    functions: Any, make: Any, publisher: tuple[bytes, bytes, str]
) -> None:
    content, changed, arn = publisher
    config = make(arn, policy="Enforce")["CodeSigningConfigArn"]
    name, settings = "signed", {"CodeSigningConfigArn": config}
    for code, error in ((zip_of(HELLO), REFUSED), (changed, INVALID)):
        seen = refused(create, functions=functions, name=name, Code={"ZipFile": code}, **settings)
        assert seen[:2] == error
    made = create(functions, name, Code={"ZipFile": content}, **settings)
    assert made["SigningProfileVersionArn"] == arn
    assert made["SigningJobArn"].startswith("arn:aws:signer:us-east-1:000000000000:/signing-jobs/")
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert functions.invoke(FunctionName=name)["Payload"].read() == b'"one"'
    for code, error in ((zip_of(HELLO), REFUSED), (changed, INVALID)):
        for dry in (True, False):
            assert refused(functions.update_function_code, FunctionName=name, ZipFile=code, DryRun=dry)[:2] == error
    functions.update_function_code(FunctionName=name, ZipFile=content)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert functions.get_function_configuration(FunctionName=name)["SigningProfileVersionArn"] == arn


def test_a_warning_lets_unsigned_code_pass_but_nothing_broken(
    ingle: Ingle, functions: Any, make: Any, publisher: tuple[bytes, bytes, str]
) -> None:
    content, changed, _ = publisher
    config = make(SOMEBODY)["CodeSigningConfigArn"]
    name = "warned"
    assert "SigningJobArn" not in create(functions, name, CodeSigningConfigArn=config)
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    functions.update_function_code(FunctionName=name, ZipFile=content)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert refused(functions.update_function_code, FunctionName=name, ZipFile=changed)[:2] == INVALID
    create(functions, "warned-too", CodeSigningConfigArn=config)
    pages = functions.get_paginator("list_functions_by_code_signing_config").paginate(
        CodeSigningConfigArn=config, PaginationConfig={"PageSize": 1}
    )
    listed = [[arn.rpartition(":")[2] for arn in page["FunctionArns"]] for page in pages]
    assert listed == [[name], ["warned-too"]]
    told = (ingle.data_dir / "programs.log").read_text().splitlines()
    assert sum("code.untrusted" in line and config in line for line in told) == 3


def test_layers_are_checked_as_code_is(functions: Any, make: Any, publisher: tuple[bytes, bytes, str]) -> None:
    content, changed, arn = publisher
    config = make(arn, policy="Enforce")["CodeSigningConfigArn"]
    layers = [
        functions.publish_layer_version(LayerName=f"signed-{number}", Content={"ZipFile": code})
        for number, code in enumerate((content, zip_of(HELLO), changed))
    ]
    assert [one["Content"].get("SigningProfileVersionArn") for one in layers] == [arn, None, None]
    good, unsigned, broken = (one["LayerVersionArn"] for one in layers)
    wishes = {"Code": {"ZipFile": content}, "CodeSigningConfigArn": config}
    assert refused(create, functions=functions, name="layered", Layers=[good, broken], **wishes)[:2] == INVALID
    made = create(functions, "layered", Layers=[good], **wishes)
    assert made["Layers"][0]["SigningProfileVersionArn"] == arn
    functions.get_waiter("function_active_v2").wait(FunctionName="layered", WaiterConfig=FAST)
    for layer, error in ((unsigned, REFUSED), (broken, INVALID)):
        seen = refused(functions.update_function_configuration, FunctionName="layered", Layers=[layer])
        assert seen[:2] == error
