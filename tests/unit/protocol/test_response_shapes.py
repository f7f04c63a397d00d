"""What checks every answer of the system tests sees what it shall see."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore_wire import described
from response_shapes import check_answer

ALIAS = {"Name": "a", "FunctionVersion": "1"}
ERROR = {"Type": "User", "Message": "m"}


def answer(status: int, body: Any, code: str = "") -> Any:
    return SimpleNamespace(
        status_code=status,
        headers={"x-amzn-errortype": code},
        content=b"" if body is None else json.dumps(body).encode(),
    )


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("GetAlias", answer(200, ALIAS)),
        ("DeleteFunction", answer(204, None)),
        ("GetAlias", answer(404, ERROR, "ResourceNotFoundException")),
        ("GetAlias", answer(400, {"message": "m"}, "ValidationException")),
    ],
)
def test_what_the_model_allows_passes(operation: str, given: Any) -> None:
    check_answer(described("lambda").operation_model(operation), given)


@pytest.mark.parametrize(
    ("operation", "given", "text"),
    [
        ("GetAlias", answer(200, {**ALIAS, "Colour": "red"}), "has no members"),
        ("GetAlias", answer(200, {**ALIAS, "Name": 1}), "no string"),
        ("GetAlias", answer(200, {**ALIAS, "Name": "12"}), "Name is"),
        ("GetAlias", answer(200, {"RoutingConfig": {"AdditionalVersionWeights": {"1": 2.0}}}), "measures 2"),
        ("GetAlias", answer(201, ALIAS), "answered 201"),
        ("GetFunctionConfiguration", answer(200, {"State": "Happy"}), "none of"),
        ("GetFunctionConfiguration", answer(200, {"EphemeralStorage": {}}), "lacks Size"),
        ("GetAlias", answer(409, ERROR, "ResourceConflictException"), "declares no"),
        ("GetAlias", answer(400, ERROR, "ResourceNotFoundException"), "with 400"),
        ("GetAlias", answer(404, {"message": "m"}, "ResourceNotFoundException"), "has no members"),
    ],
)
def test_what_the_model_does_not_allow_is_seen(operation: str, given: Any, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check_answer(described("lambda").operation_model(operation), given)
