"""How a link looks on the wire is known in one package: no other file names its headers or its targets."""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "ingle"
LINKS = SOURCE / "links"
PROGRAMS = ("app", "control", "gateway", "worker")
PRIVATE_HEADERS = "x-ingle-"


def targets_of(path: Path) -> set[bytes]:
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, bytes) and value.startswith(b"/")}


def test_private_headers_occur_in_the_links_alone() -> None:
    found = [path for path in SOURCE.rglob("*.py") if PRIVATE_HEADERS in path.read_text()]
    assert found
    assert [path for path in found if not path.is_relative_to(LINKS)] == []


def test_programs_reach_each_other_by_links_alone() -> None:
    """An endpoint makes the one client; it is used by hand for what the gateway passes on as it is."""
    makers = [path.name for name in PROGRAMS for path in (SOURCE / name).rglob("*.py") if makes_a_client(path)]
    assert makers == []
    senders = [path.name for name in PROGRAMS for path in (SOURCE / name).rglob("*.py") if names_a_target(path)]
    assert senders == []


def calls_of(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def makes_a_client(path: Path) -> bool:
    return any(isinstance(call.func, ast.Name) and call.func.id == "HttpClient" for call in calls_of(path))


def names_a_target(path: Path) -> bool:
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "request"
        and any(isinstance(argument, ast.Constant) for argument in call.args)
        for call in calls_of(path)
    )


def test_targets_of_links_occur_in_the_links_alone() -> None:
    targets = {target for path in LINKS.rglob("*.py") for target in targets_of(path)}
    assert targets
    elsewhere = {
        (path.name, target)
        for name in PROGRAMS
        for path in (SOURCE / name).rglob("*.py")
        for target in targets_of(path) & targets
    }
    assert elsewhere == set()
