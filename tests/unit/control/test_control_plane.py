"""Random sequences of operations on functions, versions, aliases, concurrency and tags keep a model of Lambda's rules."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from in_process import RUNTIME, ControlPlane
from sample_code import CODES, DIGESTS, ROLE

OURS = "arn:aws:lambda:us-east-1:000000000000:function:f"
NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ResourceConflictException"
INVALID, STALE = "InvalidParameterValueException", "PreconditionFailedException"


@dataclasses.dataclass(frozen=True)
class Content:
    """What makes a version differ from another, as far as these operations set it."""

    code: int
    timeout: int = 3
    description: str = ""


@dataclasses.dataclass
class Model:
    """A function as the rules have it."""

    latest: Content
    state: str = "Pending"
    is_updating: bool = False
    changes: int = 0
    """Of what isn't shown beside the RevisionId."""
    revision: str = ""
    next_version: int = 1
    versions: dict[str, Content] = dataclasses.field(default_factory=dict)
    sources: dict[str, Content] = dataclasses.field(default_factory=dict)
    """What `$LATEST` was when each was published: a description of its own makes no new version."""
    aliases: dict[str, tuple[str, dict[str, float]]] = dataclasses.field(default_factory=dict)
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    reserved: int | None = None
    seen: Any = None

    def refuses_change(self, revision: str | None = None) -> str:
        if revision not in (None, self.revision):
            return STALE
        return CONFLICT if self.state == "Pending" or self.is_updating else ""

    def refuses_alias(self, version: str, weights: dict[str, float]) -> str:
        if version in weights or (weights and version == "$LATEST"):
            return INVALID
        return "" if {version, *weights} <= {"$LATEST", *self.versions} else NOT_FOUND

    def publish(self, description: str | None) -> str:
        last = list(self.versions)[-1] if self.versions else ""
        if last and self.sources[last] == self.latest:
            return last
        number = str(self.next_version)
        self.sources[number], self.next_version = self.latest, self.next_version + 1
        described = self.latest.description if description is None else description
        self.versions[number] = dataclasses.replace(self.latest, description=described)
        self.changes += 1
        return number

    def finish(self) -> None:
        self.state, self.is_updating = "Active", False


NAMES = st.sampled_from(["f", "f", "f", "g"])
ALIASES = st.sampled_from(["live", "test"])
VERSIONS = st.sampled_from(["1", "2", "3", "$LATEST"])
WEIGHTS = st.dictionaries(st.sampled_from(["1", "2", "3"]), st.sampled_from([0.0, 0.25, 1.0]), max_size=1)
YES_OR_NO = st.booleans()
REVISIONS = {"name": NAMES, "is_stale": st.sampled_from([None, None, None, False, True])}
CODED = {"code": st.sampled_from([0, 1]), "publishes": YES_OR_NO, "waits": YES_OR_NO}
ALIASED = {"name": NAMES, "alias": ALIASES}
STEPS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "create": {"name": NAMES, **CODED},
    "finish": {},
    "update_code": {**REVISIONS, **CODED, "is_dry": YES_OR_NO},
    "update_configuration": {**REVISIONS, "timeout": st.sampled_from([3, 4]), "waits": YES_OR_NO},
    "publish": {**REVISIONS, "description": st.sampled_from([None, "d"])},
    "delete_version": {"name": NAMES, "qualifier": VERSIONS | ALIASES},
    "delete": {"name": NAMES, "comes_again": YES_OR_NO},
    "create_alias": {**ALIASED, "version": VERSIONS, "weights": WEIGHTS},
    "update_alias": {**ALIASED, "version": st.none() | VERSIONS, "weights": st.none() | WEIGHTS},
    "delete_alias": ALIASED,
    "reserve": {"name": NAMES, "units": st.sampled_from([0, 450, 460])},
    "release": {"name": NAMES},
    "tag": {"name": NAMES, "key": st.sampled_from(["a", "made"]), "value": st.sampled_from([None, "x"])},
}
OFTEN = ("update_code", "update_configuration", "publish", "publish", "delete_version", "create_alias", "update_alias")
STEP = st.sampled_from([*STEPS, *OFTEN]).flatmap(
    lambda step: st.tuples(st.just(step), st.fixed_dictionaries(STEPS[step]))
)


class World:
    """A control plane and the model of it; each step is an operation on both."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.plane = ControlPlane(Path(self.folder.name))
        self.models: dict[str, Model] = {}
        self.create("f", 0, publishes=True, waits=True)
        self.create_alias("f", "live", "1", {})
        self.everything_reads_as_the_model_has_it()

    def close(self) -> None:
        self.plane.close()
        self.folder.cleanup()

    def act(self, error: str, operation: str, **arguments: Any) -> bool:
        """Call an operation that must end with this error, "" for none; say whether it was done."""
        assert self.plane.code_of(operation, **arguments) == error
        return not error

    def revision(self, name: str, is_stale: bool | None) -> dict[str, str]:
        if is_stale is None or name not in self.models:
            return {}
        return {"RevisionId": "stale" if is_stale else self.models[name].revision}

    def create(self, name: str, code: int, publishes: bool, waits: bool) -> None:
        wish = {"FunctionName": name, "Runtime": RUNTIME, "Handler": "app.h", "Role": ROLE, "Tags": {"made": "now"}}
        error = CONFLICT if name in self.models else ""
        if self.act(error, "CreateFunction", **wish, Code={"ZipFile": CODES[code]}, Publish=publishes):
            self.models[name] = Model(latest=Content(code), tags={"made": "now"})
            if publishes:
                self.models[name].publish(None)
            self.finish(now=waits)

    def finish(self, *, now: bool = True) -> None:
        """Do what is pending, if not later."""
        if not now:
            return
        self.everything_reads_as_the_model_has_it()
        self.plane.finish()
        for model in self.models.values():
            if model.state == "Pending" or model.is_updating:
                model.finish()

    def update_code(
        self, name: str, code: int, publishes: bool, is_stale: bool | None, is_dry: bool, waits: bool
    ) -> None:
        model, revision = self.models.get(name), self.revision(name, is_stale)
        error = model.refuses_change(revision.get("RevisionId")) if model else NOT_FOUND
        wish = {"ZipFile": CODES[code], "Publish": publishes, "DryRun": is_dry, **revision}
        if self.act(error, "UpdateFunctionCode", FunctionName=name, **wish) and model and not is_dry:
            model.latest, model.is_updating = dataclasses.replace(model.latest, code=code), True
            if publishes:
                model.publish(None)
            self.finish(now=waits)

    def update_configuration(self, name: str, timeout: int, is_stale: bool | None, waits: bool) -> None:
        model, revision = self.models.get(name), self.revision(name, is_stale)
        error = model.refuses_change(revision.get("RevisionId")) if model else NOT_FOUND
        if self.act(error, "UpdateFunctionConfiguration", FunctionName=name, Timeout=timeout, **revision) and model:
            model.latest, model.is_updating = dataclasses.replace(model.latest, timeout=timeout), True
            self.finish(now=waits)

    def publish(self, name: str, description: str | None, is_stale: bool | None) -> None:
        model, revision = self.models.get(name), self.revision(name, is_stale)
        wish = {"FunctionName": name, **revision, **({"Description": description} if description else {})}
        error = model.refuses_change(revision.get("RevisionId")) if model else NOT_FOUND
        if error or model is None:
            self.act(error, "PublishVersion", **wish)
            return
        assert self.plane.call("PublishVersion", **wish)["Version"] == model.publish(description)

    def delete_version(self, name: str, qualifier: str) -> None:
        model = self.models.get(name)
        if qualifier == "$LATEST":
            error = INVALID
        elif model is None:
            error = NOT_FOUND
        elif qualifier in model.aliases:
            error = INVALID
        else:
            error = CONFLICT if any(qualifier in (at, *also) for at, also in model.aliases.values()) else ""
        if self.act(error, "DeleteFunction", FunctionName=name, Qualifier=qualifier) and model:
            model.versions.pop(qualifier, None)

    def delete(self, name: str, comes_again: bool) -> None:
        if self.act("" if name in self.models else NOT_FOUND, "DeleteFunction", FunctionName=name):
            del self.models[name]
        if comes_again or name == "f":  # which is there most of the time, so that the rules have something to do
            self.create(name, 0, publishes=True, waits=True)

    def create_alias(self, name: str, alias: str, version: str, weights: dict[str, float]) -> None:
        model = self.models.get(name)
        error = INVALID if version in weights or (weights and version == "$LATEST") else NOT_FOUND
        if model:
            error = model.refuses_alias(version, weights) or (CONFLICT if alias in model.aliases else "")
        routing = {"AdditionalVersionWeights": weights}
        wish = {"FunctionName": name, "Name": alias, "FunctionVersion": version, "RoutingConfig": routing}
        if self.act(error, "CreateAlias", **wish) and model:
            model.aliases[alias] = (version, weights)

    def update_alias(self, name: str, alias: str, version: str | None, weights: dict[str, float] | None) -> None:
        model = self.models.get(name)
        before = model.aliases.get(alias) if model else None
        wish: dict[str, Any] = {"FunctionName": name, "Name": alias}
        wish |= {} if version is None else {"FunctionVersion": version}
        wish |= {} if weights is None else {"RoutingConfig": {"AdditionalVersionWeights": weights}}
        if model is None or before is None:
            self.act(NOT_FOUND, "UpdateAlias", **wish)
            return
        after = (before[0] if version is None else version, before[1] if weights is None else weights)
        if self.act(model.refuses_alias(*after), "UpdateAlias", **wish):
            model.aliases[alias] = after

    def delete_alias(self, name: str, alias: str) -> None:
        model = self.models.get(name)
        if self.act("" if model else NOT_FOUND, "DeleteAlias", FunctionName=name, Name=alias) and model:
            model.aliases.pop(alias, None)

    def reserve(self, name: str, units: int) -> None:
        model = self.models.get(name)
        others = sum(other.reserved or 0 for key, other in self.models.items() if key != name)
        error = NOT_FOUND
        if model:
            error = model.refuses_change() or (INVALID if units and 1000 - others - units < 100 else "")
        wish = {"FunctionName": name, "ReservedConcurrentExecutions": units}
        if self.act(error, "PutFunctionConcurrency", **wish) and model:
            model.reserved = units

    def release(self, name: str) -> None:
        model = self.models.get(name)
        if self.act(model.refuses_change() if model else NOT_FOUND, "DeleteFunctionConcurrency", FunctionName=name):
            self.models[name].reserved = None

    def tag(self, name: str, key: str, value: str | None) -> None:
        model, arn = self.models.get(name), f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
        error = model.refuses_change() if model else NOT_FOUND
        if value is None:
            done = self.act(error, "UntagResource", Resource=arn, TagKeys=[key])
        else:
            done = self.act(error, "TagResource", Resource=arn, Tags={key: value})
        if done and model:
            model.changes += 1
            model.tags.pop(key, None)
            model.tags |= {key: value} if value else {}

    def everything_reads_as_the_model_has_it(self) -> None:
        listed = self.plane.call("ListFunctions", FunctionVersion="ALL")["Functions"]
        wanted = [(name, one) for name in sorted(self.models) for one in ["$LATEST", *self.models[name].versions]]
        assert [(one["FunctionName"], one["Version"]) for one in listed] == wanted
        for one in listed:
            self.check_version(one)
        for name, model in self.models.items():
            self.check_function(name, model)
        routes = {route.name: route for route in self.plane.publisher.snapshot().functions}
        for name, model in self.models.items():
            routed = {key: (alias.version, alias.weights) for key, alias in routes[name].aliases.items()}
            assert routed == model.aliases
            assert routes[name].versions.keys() == {"$LATEST", *model.versions}
        assert routes.keys() == self.models.keys()

    def check_version(self, shown: dict[str, Any]) -> None:
        model = self.models[shown["FunctionName"]]
        wanted = model.versions.get(shown["Version"], model.latest)
        assert (shown["Timeout"], shown["Description"]) == (wanted.timeout, wanted.description)
        assert shown["CodeSha256"] == DIGESTS[wanted.code]

    def check_function(self, name: str, model: Model) -> None:
        shown = self.plane.call("GetFunction", FunctionName=name)
        configuration = shown["Configuration"]
        assert configuration["State"] == model.state
        status = "" if model.state == "Pending" else "InProgress" if model.is_updating else "Successful"
        assert configuration.get("LastUpdateStatus", "") == status
        assert shown.get("Tags", {}) == model.tags
        reserved = {} if model.reserved is None else {"ReservedConcurrentExecutions": model.reserved}
        assert shown.get("Concurrency", {}) == reserved
        seen = (model.latest, model.state, model.is_updating, model.changes)
        assert (configuration["RevisionId"] == model.revision) == (seen == model.seen)  # a new one for each change
        model.revision, model.seen = configuration["RevisionId"], seen
        aliases = self.plane.call("ListAliases", FunctionName=name)["Aliases"]
        assert {one["Name"]: one["FunctionVersion"] for one in aliases} == {
            alias: version for alias, (version, _) in model.aliases.items()
        }


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


# Not shrunk: that would take longer than a run of all tests may.
@settings(
    max_examples=15, deadline=None, phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
@given(st.lists(STEP, min_size=50, max_size=50))
def test_no_sequence_of_operations_breaks_the_rules(steps: list[tuple[str, dict[str, Any]]]) -> None:
    world = World()
    try:
        for step, arguments in steps:
            getattr(world, step)(**arguments)
            world.everything_reads_as_the_model_has_it()
    finally:
        world.close()


def test_what_is_set_while_an_update_ends_stays(world: World) -> None:
    plane = world.plane
    plane.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    alias = {"FunctionName": "f", "Name": "late", "FunctionVersion": "1"}
    plane.follow(plane.publisher, "announce", "CreateAlias", **alias)
    plane.finish()
    assert plane.call("GetFunctionConfiguration", FunctionName="f")["Timeout"] == 9
    assert plane.call("GetAlias", FunctionName="f", Name="late")["FunctionVersion"] == "1"


def test_of_two_updates_that_come_together_one_is_refused(world: World) -> None:
    plane = world.plane
    plane.follow(plane.code, "keep", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    assert plane.code_of("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1]) == CONFLICT
    shown = plane.call("GetFunctionConfiguration", FunctionName="f")
    assert (shown["Timeout"], shown["CodeSha256"]) == (9, DIGESTS[0])


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("TagResource", {"Resource": OURS, "Tags": {"a": "b"}}),
        (
            "AddPermission",
            {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
        ),
        ("PublishVersion", {"FunctionName": "f"}),
    ],
)
def test_an_update_takes_no_change_beside_it_for_another_update(
    world: World, operation: str, change: dict[str, Any]
) -> None:
    plane = world.plane
    plane.follow(plane.code, "keep", operation, **change)
    assert plane.code_of("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1]) == ""
    plane.finish()
    assert plane.call("GetFunctionConfiguration", FunctionName="f")["CodeSha256"] == DIGESTS[1]


def test_an_update_that_gives_way_leaves_nothing_on_disk(world: World) -> None:
    plane = world.plane
    layer = plane.call("PublishLayerVersion", LayerName="l", Content={"ZipFile": CODES[1]})["LayerVersionArn"]
    before = set(plane.chunks.names())
    plane.follow(plane.code, "add_layers", "UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    assert plane.code_of("UpdateFunctionConfiguration", FunctionName="f", Layers=[layer]) == CONFLICT
    assert set(plane.chunks.names()) == before


def test_a_function_that_is_deleted_while_it_is_made_leaves_nothing_on_disk(world: World) -> None:
    plane = world.plane
    plane.call("DeleteFunction", FunctionName="f")
    create = {"Runtime": RUNTIME, "Role": ROLE, "Handler": "app.h", "Code": {"ZipFile": CODES[0]}}
    plane.call("CreateFunction", FunctionName="f", **create)
    plane.follow(plane.code, "prepare", "DeleteFunction", FunctionName="f")
    plane.finish()
    assert not list(plane.chunks.names())
