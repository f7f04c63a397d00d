"""The voice of the manual: short sentences, plain words, and links that lead to a page and a heading."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
PAGES = [
    name for name in TRACKED.split() if name == "README.md" or name.startswith("docs/") or name == "examples/README.md"
]
GENERATED = {"docs/reference/operations.md", "docs/reference/seccomp.md"}
"""Pages that a script writes: lists, for the most part."""
WRITTEN = sorted(set(PAGES) - GENERATED)

MOST_WORDS = 30
OLD_TURNS = {
    r"\b(?:has|have|had) not\b(?! (?:yet )?(?:\w+ed|\w+en|been|begun|run|come|gone|made|found|had|got|met)\b)": "does not have",
    r"\bwant of\b": "lack of",
    r"\bbehind (?!a (?:function URL|load balancer|proxy|wrapper)|it\b)": "after",
    r"\bbut for\b": "except",
    r"(?:^|[.;:] )Who (?!\w+ .*\?)": "a noun: the caller who",
}
"""Turns that make a reader stop, and what to write instead."""

_BLOCK_START = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")
_ENDS = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[\"'(*]*[A-Z0-9`/.-])")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs)\.")


def _prose_lines(text: str) -> list[str]:
    """Return the lines of a page with those of code, tables, headings and comments made empty."""
    lines, is_fenced, before = [], False, ""
    for line in text.splitlines():
        is_fence = line.lstrip().startswith("```")
        is_fenced ^= is_fence
        is_code = line.startswith("    ") and not before.strip()
        is_out = is_fenced or is_fence or is_code or line.startswith(("|", "#", "<!--"))
        lines.append("" if is_out else line)
        before = "" if is_code else line
    return lines


def blocks_of(text: str) -> list[str]:
    """Return the paragraphs and list items of a page, each in one line; inline code counts as one word."""
    blocks = [""]
    for line in _prose_lines(text):
        if not line.strip() or _BLOCK_START.match(line):
            blocks.append("")
        blocks[-1] += " " + _BLOCK_START.sub("", line).strip()
    cleaned = (re.sub(r"!?\[([^]]*)]\([^)]*\)", r"\1", block) for block in blocks)
    return [re.sub(r"`[^`]*`", "`code`", block).strip() for block in cleaned if block.strip()]


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a page's prose."""
    return [
        sentence
        for block in blocks_of(text)
        for sentence in _ENDS.split(_ABBREVIATION.sub(r"\1", block))
        if sentence.strip()
    ]


def cells_of(text: str) -> list[str]:
    """Return the cells of a page's tables, with inline code as one word."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [cell.strip() for row in rows for cell in re.sub(r"`[^`]*`", "`code`", row).strip("|").split("|")]


def words_in(sentence: str) -> int:
    """Return how many words a sentence has: what has a letter or a digit."""
    return sum(any(letter.isalnum() for letter in word) for word in sentence.split())


def test_sentences_are_told_apart() -> None:
    page = "# Title\n\nOne `a. b` is.\nTwo has 0.3 s. `x` is three!\n\n    code. here\n\n- four. Five\n  goes on\n\n| t. t |\n"
    assert sentences_of(page) == ["One `code` is.", "Two has 0.3 s.", "`code` is three!", "four.", "Five goes on"]
    assert words_in("one - two (three), `four`") == 4


@pytest.mark.parametrize("page", WRITTEN)
def test_no_sentence_is_too_long_to_be_understood_at_once(page: str) -> None:
    text = (ROOT / page).read_text()
    told = sentences_of(text) + [part for cell in cells_of(text) for part in re.split(r"; |(?<=\.) ", cell)]
    long = [one for one in told if words_in(one) > MOST_WORDS]
    assert long == [], f"more than {MOST_WORDS} words"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_uses_an_old_turn(page: str) -> None:
    text = (ROOT / page).read_text()
    for one in sentences_of(text) + cells_of(text):
        for turn, better in OLD_TURNS.items():
            assert not re.search(turn, one), f"write {better!r}: {one}"


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site both make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        words = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[ ]+", "-", re.sub(r"[^\w\- ]", "", words).strip()))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page_and_to_a_heading_of_it(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^    .*$", "", text, flags=re.M)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        led = (ROOT / page).parent / path if path else ROOT / page
        assert led.is_file(), target  # the site has no page for a folder
        assert not anchor or anchor in anchors_of(led.read_text()), target


def test_every_page_stands_in_the_contents_of_the_site() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    pages = {name.removeprefix("docs/") for name in PAGES if name.startswith("docs/")}
    assert {name for name in pages if not name.startswith("decisions/")} == listed - {"index.md", "examples.md"}


def test_each_question_of_the_tour_has_a_file_that_exists() -> None:
    answers = dict(re.findall(r"^\| (.+\?) \| `(.+)` \|$", (ROOT / "docs" / "tour.md").read_text(), re.M))
    assert len(answers) >= 20
    for question, file in answers.items():
        assert file.startswith("src/ingle/"), question
        assert (ROOT / file).is_file(), f"{question} {file}"
