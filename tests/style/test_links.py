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
