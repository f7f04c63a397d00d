"""The shape of the code: small functions and files, docstrings, the drawing's sentences, words that stay out."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "ingle"
PYTHON = sorted(path for folder in ("src", "tests", "benchmarks", "scripts") for path in (ROOT / folder).rglob("*.py"))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
TEXTS = [ROOT / name for name in TRACKED if name and not name.startswith("tests/data/")]

# What a machine or a registry is called does not belong into a project that runs anywhere.
FORBIDDEN = [
    "/" + "work/", "pypi" + ".org", "pythonhosted" + ".org", "registry.npm" + "js", "npmjs" + ".com",
    "crates" + ".io", "deb." + "debian", "claude", "anthropic", "chat" + "gpt", "co" + "pilot",
]  # fmt: skip


def functions_of(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_are_small() -> None:
    lengths = [length(one) for path in PYTHON for one in functions_of(ast.parse(path.read_text()))]
    assert sum(one <= 40 for one in lengths) / len(lengths) >= 0.95
    assert sum(one > 60 for one in lengths) / len(lengths) <= 0.02


def test_files_are_small() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in PYTHON}
    assert sum(size <= 500 for size in sizes.values()) / len(sizes) >= 0.95, sorted(sizes.items(), key=lambda x: -x[1])[
        :5
    ]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_opens_with_a_docstring(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", "?", ":", ","))


ROOM_LIMIT = 14
"""Of modules side by side: more than a reader takes in at a glance."""


def test_no_room_is_crowded() -> None:
    sizes = Counter(path.parent for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
    crowded = {str(folder.relative_to(SOURCE)) for folder, count in sizes.items() if count > ROOM_LIMIT}
    assert crowded == set()


def test_a_packages_first_line_is_its_line_in_the_architecture() -> None:
    rows = re.findall(r"^\| `(\w+)`(?:, `\w+`)? \| (.+?) \|", (ROOT / "docs" / "architecture.md").read_text(), re.M)
    sentences = dict(rows)
    packages = [path for path in sorted(SOURCE.iterdir()) if (path / "__init__.py").exists()]
    assert {path.name for path in packages} <= set(sentences)
    for path in packages:
        docstring = ast.get_docstring(ast.parse((path / "__init__.py").read_text()))
        assert docstring is not None
        assert docstring.splitlines()[0] == sentences[path.name], path.name


def public_without_docstring(path: Path) -> list[str]:
    missing = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            one_liner = isinstance(node, ast.FunctionDef) and length(node) <= 4
            if not ast.get_docstring(node) and not one_liner:
                missing.append(f"{path.name}:{node.name}")
    return missing


def test_public_names_say_what_they_do() -> None:
    assert [name for path in sorted(SOURCE.rglob("*.py")) for name in public_without_docstring(path)] == []


def test_the_spawner_imports_the_standard_library_and_itself_only() -> None:
    zygotes = {"awslambdaric"}  # a zygote preloads AWS's runtime client by name, not by an import statement
    for path in (SOURCE / "spawner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            for name in names:
                top = name.partition(".")[0]
                own = name.startswith("ingle.spawner")
                assert own or top in sys.stdlib_module_names or top in zygotes, f"{path}: {name}"


NOT_ROOT = {
    "kernel/seccomp.py",  # a table of the kernel's numbers
    "kernel/call_arguments.py",
    "zygotes/connection.py",  # runs in a confined child alone, as does what it rehearses
    "zygotes/rehearsal.py",
    "zygotes/memory_image.py",  # these run in confined children alone, too
    "zygotes/templates.py",
    "zygotes/holdings.py",
    "zygotes/programs.py",
    "zygotes/init.py",  # has entered an environment's user namespace: no right over the host is left
    "zygotes/interfaces.py",  # is a part of it
    "zygotes/starts.py",
    "zygotes/python/bootstrap.py",
    "zygotes/rootless.py",  # the spawner refuses to be root without isolating as root does
    "images/in_memory.py",
    "runtimes.py",  # `ingle up` looks for runtimes; the spawner is told
    "images/unpack.py",  # reads what customers made, in confined children alone
}


def test_what_runs_as_root_is_short() -> None:
    spawner = SOURCE / "spawner"
    files = {str(path.relative_to(spawner)): path for path in spawner.rglob("*.py")}
    assert files.keys() >= NOT_ROOT
    lines = sum(
        1
        for name, path in files.items()
        if name not in NOT_ROOT
        for line in path.read_text().splitlines()
        if line.strip() and not line.strip().startswith("#")
    )
    assert lines < 1800


@pytest.mark.parametrize("word", FORBIDDEN)
def test_the_projects_words_speak_of_the_project_alone(word: str) -> None:
    found = []
    for path in TEXTS:
        if path == Path(__file__) or not path.exists():
            continue
        if word in path.read_text(errors="replace").lower():
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_every_promise_of_the_specification_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "specification.md").read_text()
    named = re.findall(r"`((?:tests|benchmarks)/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    for file, function in named:
        content = (ROOT / file).read_text()
        assert not function or f"def {function}(" in content, f"{file}::{function}"


def test_every_local_link_of_the_manual_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_fragment_of_a_change_has_a_place_in_the_changelog() -> None:
    """A name that towncrier does not know would be left out of the changelog without a word."""
    kinds = {
        one["directory"] for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    }
    names = [name.removeprefix("changes/") for name in TRACKED if name.startswith("changes/")]
    assert names
    assert [name for name in names if not re.fullmatch(rf"\+[a-z0-9-]+\.({'|'.join(kinds)})\.md", name)] == []
    for name in names:
        text = (ROOT / "changes" / name).read_text()
        assert text[0].isupper() or text.startswith("`"), name
        assert text.rstrip().endswith((".", ")", "`")), name


@pytest.mark.parametrize("page", ["reference/seccomp", "reference/operations"])
def test_a_page_that_is_written_from_the_program_is_what_it_writes_now(page: str) -> None:
    script = f"write_{Path(page).name}_page"
    rendered = subprocess.run(
        [sys.executable, "-c", f"import {script}; print({script}.render(), end='')"],
        cwd=ROOT / "scripts", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert (ROOT / "docs" / f"{page}.md").read_text() == rendered, f"run scripts/{script}.py"
