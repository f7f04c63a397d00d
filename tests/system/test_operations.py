"""Every operation of every model answers as docs/reference/operations.md says."""

import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Ingle, running_ingle

from ingle.protocol import load_service

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operations.md"
SERVICES = ("lambda", "lambda-core", "lambda-microvms", "lambda-web", "logs", "sts")
CODES = {"sts": "NotImplemented"}
"""What a service that is answered in the query protocol calls it."""
UNSIGNED = {
    name: {(403, "MissingAuthenticationTokenException")} for name in ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
}
"""Operations that clients do not sign: these are refused for that."""
SHARED = {"ListTags", "TagResource", "UntagResource"}
"""Operations that lambda-microvms has under the same address as lambda, which answers them."""


def states(service: int) -> dict[str, str]:
    """Return the state of each operation of a section of the page."""
    section = PAGE.read_text().split("\n## ")[service + 1]
    return dict(re.findall(r"^\| (\w+) \| `[^`]+` \| (served|501) \|$", section, re.M))


def answer(client: Any, operation: str, labels: list[str]) -> tuple[int, str, str]:
    """Return status, code and message of what an operation answers that is told nothing it can use."""
    try:
        done = client._make_api_call(operation, dict.fromkeys(labels, "x"))
    except ClientError as error:
        told = error.response["Error"]
        return error.response["ResponseMetadata"]["HTTPStatusCode"], told["Code"], told["Message"]
    return done["ResponseMetadata"]["HTTPStatusCode"], "", ""


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_served_or_answers_501_as_the_page_says(service: str, ingle: Ingle) -> None:
    model, client = load_service(service), ingle.client(service)
    told = states(SERVICES.index(service))
    assert told.keys() == model.operations.keys()
    for name, operation in model.operations.items():
        if service == "lambda-microvms" and name in SHARED:
            continue
        status, code, message = answer(client, name, re.findall(r"\{(\w+)\+?\}", operation.uri))
        if told[name] == "served":
            assert status < 500, name
        else:
            assert (status, code) in UNSIGNED.get(name, {(501, CODES.get(service, "NotImplementedException"))}), name
            assert status != 501 or message.startswith(f"Ingle does not implement {service}:{name}")


def test_calls_beyond_the_rate_are_told_to_come_later() -> None:
    with running_ingle("--call-rate", "3", "--isolation", "process", "--insecure") as running:
        client, west = running.client(), running.client_in("eu-west-3")
        with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
            for _ in range(1000):
                client.get_account_settings()
        answer = caught.value.response
        assert (answer["message"], answer["Reason"]) == ("Rate exceeded", "CallerRateLimitExceeded")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
        west.get_account_settings()
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_function(FunctionName="nobody")
