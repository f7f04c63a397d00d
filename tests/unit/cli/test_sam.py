"""What a template's names stand for, in which order its resources are made, and what can't be."""

from pathlib import Path
from typing import Any

import pytest

from ingle.cli.sam.intrinsics import Resolver, Scope, TemplateError, references
from ingle.cli.sam.naming import stack_name_of
from ingle.cli.sam.shapes import arguments_of
from ingle.cli.sam.stack import order_of
from ingle.protocol import load_service

RESOURCES: dict[str, dict[str, Any]] = {
    "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "visits"}},
    "Queue": {"Type": "AWS::SQS::Queue"},
}
SCOPE = Scope(
    values={"Stage": "dev", "AWS::Region": "eu-west-1", "Hello": "hello", "Hello.Arn": "arn:hello"},
    resources=RESOURCES,
    mappings={"Sizes": {"dev": {"memory": 128}}},
    conditions={
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
        "Never": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Always": {"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
    },
)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Fn::GetAtt": ["Hello", "Arn"]}, "arn:hello"),
        ({"Fn::GetAtt": "Hello.Arn"}, "arn:hello"),
        ({"Fn::Sub": "${Stage}/${Hello.Arn}/${AWS::Region}/${!Literal}"}, "dev/arn:hello/eu-west-1/${Literal}"),
        ({"Fn::Sub": ["${a}-${Stage}", {"a": {"Ref": "Hello"}}]}, "hello-dev"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-dev"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 128),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Never", "yes", {"Fn::If": ["Always", "some", "none"]}]}, "some"),
        ([1, {"Ref": "AWS::NoValue"}, {"x": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}}], [1, {}]),
    ],
)
def test_functions_are_carried_out(value: Any, resolved: Any) -> None:
    resolver = Resolver(SCOPE)
    assert resolver.resolve(value) == resolved
    assert resolver.missing == []


def test_what_is_not_made_is_stood_for_by_its_name_and_noted() -> None:
    resolver = Resolver(SCOPE)
    assert resolver.resolve([{"Ref": "Table"}, {"Fn::GetAtt": "Queue.Arn"}]) == ["visits", "Queue.Arn"]
    assert resolver.missing == ["Table", "Queue"]


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Nobody"}, {"Fn::Base64": "x"}, {"Fn::GetAtt": "Arn"}, {"Fn::If": ["No", 1, 2]},
        {"Fn::FindInMap": ["Sizes", "prod", "memory"]}, {"Fn::Select": [7, ["a"]]}, {"Fn::Sub": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_said(value: Any) -> None:
    with pytest.raises(TemplateError):
        Resolver(SCOPE).resolve(value)


def test_resources_are_made_behind_those_they_need() -> None:
    function = "AWS::Lambda::Function"
    resources: dict[str, dict[str, Any]] = {
        "A": {"Type": function, "Properties": {"x": {"Fn::Sub": "${B.Arn}"}}},
        "B": {"Type": function, "DependsOn": ["C"], "Properties": {"x": [{"Ref": "Table"}]}},
        "C": {"Type": function},
        **RESOURCES,
    }
    assert order_of(resources) == ["C", "B", "A"]
    resources["C"] = {"Type": function, "Properties": {"x": {"Ref": "A"}}}
    with pytest.raises(TemplateError, match="circle: A -> B -> C -> A"):
        order_of(resources)
    assert set(references(resources["A"]["Properties"])) == {"B"}


def test_values_get_the_types_of_the_api_and_the_rest_is_named() -> None:
    model = load_service("lambda")
    wanted = {"Timeout": "9", "Environment": {"Variables": {"AB": True, "N": 1}, "X": 1}, "Layers": ["a"], "Other": 1}
    assert arguments_of(model, "CreateFunction", wanted) == (
        {"Timeout": 9, "Environment": {"Variables": {"AB": "true", "N": "1"}}, "Layers": ["a"]},
        ["Other", "Environment.X"],
    )
    for wrong in ({"Environment": "x"}, {"Layers": "a"}, {"Handler": ["a"]}):
        with pytest.raises(TemplateError, match=next(iter(wrong))):
            arguments_of(model, "CreateFunction", wrong)


def test_a_stack_is_called_as_its_project_is(tmp_path: Path) -> None:
    project = tmp_path / "shop"
    build = project / ".aws-sam" / "build"
    build.mkdir(parents=True)
    assert stack_name_of(project / "template.yaml") == "shop"
    assert stack_name_of(build / "template.yaml") == "shop"
    for text, name in (
        ('version = 0.1\n[default.global.parameters]\nstack_name = "all"\n', "all"),
        ('[default.global.parameters]\nstack_name = "all"\n[default.deploy.parameters]\nstack_name = "mine"\n', "mine"),
        ('[prod.deploy.parameters]\nstack_name = "other"\n', "shop"),
        ("default = 1\n", "shop"),
    ):
        (project / "samconfig.toml").write_text(text)
        assert stack_name_of(build / "template.yaml") == name
    (project / "samconfig.toml").write_text("[")
    with pytest.raises(TemplateError, match="not TOML"):
        stack_name_of(project / "template.yaml")
