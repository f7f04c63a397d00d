"""The commands of the manual: each is one that `ingle` has, with options that it takes."""

import re
from pathlib import Path

import click
import pytest

from ingle.app.main import app

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_END_OF_COMMAND = {"|", "||", "&", "&&", ";", ">", ")"}


def commands_of(text: str) -> list[list[str]]:
    """Return the words of each `ingle ...` in a page's code, indented or inline."""
    text = text.replace("\\\n", " ")
    lines = re.findall(r"^    (?:\$ |.*?[(;&] ?|[A-Z_]+=\S+ |sudo -E )*ingle (.+)$", text, re.M)
    inline = re.findall(r"`ingle ([^`]+)`", text)
    return [words for line in lines + [re.sub(r"\s+", " ", one) for one in inline] if (words := _words(line))]


def _words(line: str) -> list[str]:
    words = []
    for word in line.split():
        if word in _END_OF_COMMAND or word.startswith("#") or "$(" in word:
            break
        bare, closes, _ = word.partition(')"')
        words.append(bare)
        if closes:
            break
    return words


def unknown_in(words: list[str]) -> list[str]:
    """Return what of a command `ingle` does not have."""
    found: click.Command = app
    context = click.Context(app)
    while isinstance(found, click.Group) and words and words[0].isalpha() and words[0].islower():
        inner = found.get_command(context, words[0])
        if inner is None:
            return [words[0]]
        found, words = inner, words[1:]
    known = {name for option in found.get_params(context) for name in option.opts} | {"-h"}
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_ingle_has_the_commands_and_options_that_a_page_shows(page: Path) -> None:
    wrong = [(words, unknown) for words in commands_of(page.read_text()) if (unknown := unknown_in(words))]
    assert wrong == []


def test_commands_are_found_and_wrong_ones_told() -> None:
    page = "    ingle up &   # it\n    sudo -E ingle list\n\nUse `ingle deploy\nx --urls` or `ingle fly`.\n"
    found = commands_of(page)
    assert [words[0] for words in found] == ["up", "list", "deploy", "fly"]
    assert [unknown_in(words) for words in found] == [[], [], ["--urls"], ["fly"]]
