"""What an answer tells of is there for the very next call."""

from typing import Any

from harness import zip_of
from tests.system.test_functions_api import refused

SOURCE = "def handler(event, context):\n    return context.function_version\n"
CHANGED = SOURCE + "# changed\n"


def create(client: Any, name: str, **more: Any) -> Any:
    wish = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Handler": "app.handler",
    }
    return client.create_function(Code={"ZipFile": zip_of({"app.py": SOURCE})}, **wish | more)


def test_a_version_that_is_made_with_its_code_takes_an_alias_and_is_waited_for(functions: Any) -> None:
    name = "answers-published"
    made = create(functions, name, Publish=True)
    try:
        assert (made["FunctionArn"].rpartition(":")[2], made["Version"]) == (name, "1")
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion=made["Version"])
        functions.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="live")
        again = functions.update_function_code(FunctionName=name, ZipFile=zip_of({"app.py": SOURCE}), Publish=True)
        assert (again["Version"], again["State"]) == ("1", "Active")
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        stored = functions.get_account_settings()["AccountUsage"]["TotalCodeSize"]
        new = zip_of({"app.py": CHANGED})
        updated = functions.update_function_code(FunctionName=name, ZipFile=new, Publish=True)
        assert (updated["Version"], updated["State"], updated["StateReasonCode"]) == ("2", "Pending", "Creating")
        assert "LastUpdateStatus" not in updated
        assert functions.get_account_settings()["AccountUsage"]["TotalCodeSize"] - stored >= len(new)
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=updated["Version"])
        functions.get_waiter("function_updated_v2").wait(
            FunctionName=name, Qualifier="live", WaiterConfig={"Delay": 0.05}
        )
        assert functions.invoke(FunctionName=name, Qualifier="live")["Payload"].read() == b'"2"'
    finally:
        functions.delete_function(FunctionName=name)


def test_neither_a_tag_nor_a_version_costs_an_environment(functions: Any, deploy: Any) -> None:
    name = deploy("import uuid\nME = str(uuid.uuid4())\ndef handler(event, context):\n    return ME\n")
    first = functions.invoke(FunctionName=name)["Payload"].read()
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"a": "b"})
    functions.publish_version(FunctionName=name)
    functions.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    assert functions.invoke(FunctionName=name)["Payload"].read() == first


def test_an_arn_that_ends_with_the_word_function_means_a_function_of_that_name(functions: Any) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function"
    for call, told in ((functions.get_function, ""), (functions.delete_function, ""), (functions.invoke, ":$LATEST")):
        assert refused(call, FunctionName=arn) == (
            "ResourceNotFoundException", 404, f"Function not found: {arn}:function{told}",
        )  # fmt: skip


def test_a_publisher_without_a_version_is_taken_and_shown(functions: Any) -> None:
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:123456789012:/signing-profiles/test"]}
    made = functions.create_code_signing_config(AllowedPublishers=publishers)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    config = made["CodeSigningConfig"]["CodeSigningConfigArn"]
    shown = functions.get_code_signing_config(CodeSigningConfigArn=config)["CodeSigningConfig"]
    assert shown["AllowedPublishers"] == publishers
    functions.delete_code_signing_config(CodeSigningConfigArn=config)
