"""The filter patterns of Logs: AWS's own examples, and random patterns against a slow reference that knows their trees."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.telemetry import InvalidFilterPatternError, parse_filter_pattern


def matches(pattern: str, message: str) -> bool:
    return parse_filter_pattern(pattern).extract(message) is not None


# AWS's examples (CloudWatch Logs user guide, "Filter pattern syntax"), and what a real account answered

LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = json.dumps(
    {
        "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": None, "cluster.name": "c",
        "user": {"id": 1, "email": "John.Stiles@example.com"}, "coordinates": [[0, 1, 2], [4, 5, 6]],
        "actions": ["GET", "PUT", "DELETE"], "someInt": 123, "someFloat": 12.34, "round": 12.0, "ThisFlag": True,
        "empty": {}, "number": [1000], "detail-type": "x", "escaped": 'error "message"',
    }
)  # fmt: skip

MATCHING = [
    ("ERROR", "[ERROR 400] BAD REQUEST"),
    ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS"),
    ("?ERROR ?ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST"),
    ("?ERROR ?ARGUMENTS REQUEST", "[INFO] REQUEST FAILED"),
    ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR"),
    ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST"),
    ('" "', "anything"),
    ("", "anything"),
    (r'"say \"hi\" \\"', 'say "hi" \\'),
    ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST"),
    ("%^starting|^initializing|^shutting down%", "initializing ..."),
    (r"%\x28%", "a (b)"),
    ("%[hc]at$%", "the cat\n"),
    ('{ $.eventType = "UpdateTrail" }', EVENT),
    ("{$.eventType=UpdateTrail}", EVENT),
    ("{ $.sourceIPAddress != 123.123.* }", EVENT),
    ('{ $.arrayKey[0] = "value" }', EVENT),
    ("{ $.eventType = %Trail% }", EVENT),
    ("{ $.arrayKey[*] = %val.{2}% }", EVENT),
    (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", EVENT),
    ("{ $.['cluster.name'] = \"c\" }", EVENT),
    ("{ $.SomeObject IS NULL }", EVENT),
    ("{ $.ThisFlag IS TRUE }", EVENT),
    ("{ $.SomeOtherObject NOT EXISTS }", EVENT),
    ('{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "n" && $.actions[2] = "n" }', EVENT),
    ("{ ($.user.id = 1) && ($.objectList[*].id >= 2) }", EVENT),
    ("{ $.number[0] = 1e+3 }", EVENT),
    ("{ $.number[0] != 1e-3 }", EVENT),
    ('{ $.someInt = "123" }', EVENT),
    ('{ $.someInt != "123.0" }', EVENT),
    ("{ $.someInt = 123.0 }", EVENT),
    ("{ $.round = 12 }", EVENT),
    ('{ $.round != "12" }', EVENT),
    ('{ $.someFloat = "*.34" }', EVENT),
    ("{ $.someFloat = 12.* }", EVENT),
    ("{ $.sourceIPAddress != 111*111 }", EVENT),
    ("{ $.sourceIPAddress = *111* }", EVENT),
    ('{ $.eventType = "*" }', EVENT),
    (r'{ $.escaped = "error \"message\"" }', EVENT),
    ('{ $.detail-type = "x" }', EVENT),
    (r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", LINE),
    ("[..., request =*.html*, status_code = 4*, bytes]", LINE),
    ("[ip, ..., status_code = 404 || status_code = 410, bytes > 1000]", LINE),
    ("[w1=ERROR, w2]", "ERROR 09/25/2014 12:00:02 Failed to process request"),
    ("[w1!=ERROR && w1!=WARNING, w2]", "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200"),
    (
        "[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]",
        "I d t GET /service/resource/67 1",
    ),
]
OTHERS = [
    ("error", "ERROR"),
    ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST"),
    ("?ERROR ?ARGUMENTS", "[INFO] REQUEST FAILED"),
    ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS"),
    ("%^[hc]at%", "the cat"),
    ('{ $.notExisted = "UpdateTrail" }', EVENT),
    ('{ $.notExisted != "UpdateTrail" }', EVENT),
    ('{ $.empty != "x" }', EVENT),
    ('{ $.arrayKey != "x" }', EVENT),
    ('{ $.SomeObject != "x" }', EVENT),
    ("{ $.SomeObject NOT EXISTS }", EVENT),
    ('{ $.sourceIPAddress = "11*1" }', EVENT),
    ('{ $.someInt = "123.00" }', EVENT),
    ("{ $.eventType >= 123 }", EVENT),
    ('{ $.ThisFlag[0] = "value" }', EVENT),
    ('{ ($.user.email = "*" || $.coordinates[0][1] = "n") && $.actions[2] = "n" }', EVENT),
    ('{ $.eventType = "UpdateTrail" }', "not JSON"),
    ('{ $.eventType = "UpdateTrail" }', "[1]"),
    ("[ip, user, bytes = 1534]", LINE),
    ("[a, b, c, d, e, f, g, h]", LINE),
    ("[..., bytes > 2000]", LINE),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "message"), MATCHING)
def test_what_aws_says_matches(pattern: str, message: str) -> None:
    assert matches(pattern, message)


@pytest.mark.parametrize(("pattern", "message"), OTHERS)
def test_what_aws_says_does_not_match(pattern: str, message: str) -> None:
    assert not matches(pattern, message)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("Foo(bar)", "Invalid character(s) in term '('"),
        ("`ERROR", "Invalid character(s) in term '`'"),
        ('{ $."sc-status" = 5* }', "Invalid character(s) in term '$.\"'"),
        ('{ $.someInt >= "someString" }', "Invalid character(s) in term '\"someString\"'"),
        ("{ $.someInt > someString }", "Invalid character(s) in term '\"someString\"'"),
        ("%something!%", "Invalid character(s) in term '!'"),
        ("%a(b)%", "Invalid character(s) in term '('"),
        ("%ä%", "Invalid character(s) in term 'ä'"),
        ("{ $.a EXISTS }", "Invalid filter pattern"),
        ("{ $.a IS NOT NULL }", "Invalid filter pattern"),
        ("{ $.a = 1", "Invalid filter pattern"),
        ("{ $.*.b.* = 1 }", "wildcard"),
        ("{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.d[*] = 1 }", "wildcards"),
        ("{ $.a = %a% || $.b = %b% || $.c = %c% }", "regular expressions"),
        ("[a, ..., b, ...]", "ellipsis"),
        ("[a = 1 && b = 2]", "Invalid filter pattern"),
        ("[]", "Invalid character(s) in term ']'"),
        ("[a, b", "Invalid filter pattern"),
        ('"no end', "Invalid character(s) in term '\"'"),
        ("-", "Invalid filter pattern"),
        ("{ " + "(" * 500 + "$.a = 1" + ")" * 500 + " }", "Invalid filter pattern"),
        ("%a{9999}b{9999}%", "too large"),
        ("%a**%", "Invalid character(s) in term '*'"),
        ("%[]%", "Invalid character(s)"),
        ("%%", "Invalid character(s)"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(InvalidFilterPatternError) as caught:
        parse_filter_pattern(pattern)
    assert told in str(caught.value)


def test_values_are_extracted_as_a_metric_filter_shows_them() -> None:
    found = parse_filter_pattern("[..., timestamp, request, status=4*, bytes]").extract(LINE)
    assert found == {
        "$1": "127.0.0.1", "$2": "Prod", "$3": "frank", "$timestamp": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0", "$status": "404", "$bytes": "1534",
    }  # fmt: skip
    assert parse_filter_pattern("{ $.user.id = 1 && $.x NOT EXISTS }").extract(EVENT) == {"$.user.id": "1"}
    assert parse_filter_pattern("ERROR").extract("ERROR") == {}


@pytest.mark.parametrize(
    "pattern",
    [
        "%" + "a*" * 300 + "b%",
        "%" + "[ab]+" * 200 + "c%",
        "%a.{0,900}b.{0,90}c%",
        "%.*.*.*.*.*.*=.*;%",
        "{ $.a = %a*a*a*b% }",
    ],
)
def test_no_expression_takes_longer_than_a_message_is_long(pattern: str) -> None:
    message = "ab" * 50_000
    began_s = time.process_time()
    matches(pattern, json.dumps({"a": message}) if pattern.startswith("{") else message)
    assert time.process_time() - began_s < 3


@pytest.mark.parametrize("message", ["a" + " " * 50_000, "[ " * 25_000, '" a' * 20_000, "[ " * 25_000 + "]x"])
def test_no_column_is_looked_for_twice(message: str) -> None:
    began_s = time.process_time()
    assert matches("[first, ...]", message)
    assert time.process_time() - began_s < 3


def test_a_number_may_have_more_digits_than_python_reads() -> None:
    digits = "1" * 5_000
    assert matches("[a > 1]", digits)
    assert not matches("[a = 1]", digits)
    assert not matches("[a < 1]", f"{digits}.5")
    assert not matches("{ $.a = 1 }", f'{{"a": {digits}}}')


# expressions against Python's

ATOMS = ["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", r"\d", r"\w", r"\s", r"\S", r"\.", "1", " ", "_"]
COUNTS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "{,2}"]
SEQUENCES = st.tuples(
    st.sampled_from(["", "", "^"]),
    st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(COUNTS)), min_size=1, max_size=5),
    st.sampled_from(["", "", "$"]),
).map(lambda parts: parts[0] + "".join(atom + count for atom, count in parts[1]) + parts[2])
EXPRESSIONS = st.lists(SEQUENCES, min_size=1, max_size=3).map("|".join)
TEXTS = st.text(alphabet="abc1._ \nä", max_size=9)


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, TEXTS)
def test_expressions_find_what_pythons_find(expression: str, text: str) -> None:
    assert matches(f"%{expression}%", text) is (re.search(expression, text, re.ASCII) is not None)


# JSON fields: a tree is rendered as a pattern, and evaluated as it is

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([0.5, 12.0, 1.25]),
    st.sampled_from(["", "a", "ab", "12", "x y"]),
)
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3)
    ),
    max_leaves=8,
)
STEPS = st.one_of(st.sampled_from(["a", "b", "c d", "*"]), st.integers(0, 2), st.just("[*]"))
Tree = tuple[Any, ...]


def wild(steps: list[Any]) -> int:
    return sum(step in ("*", "[*]") for step in steps)


SELECTORS = st.lists(STEPS, min_size=1, max_size=3).filter(lambda steps: wild(steps) <= 1 and isinstance(steps[0], str))
TESTS = st.one_of(
    st.tuples(st.sampled_from(["IS NULL", "IS TRUE", "IS FALSE", "NOT EXISTS"])),
    st.tuples(st.sampled_from(["=", "!="]), st.sampled_from(["a", "ab", "a*", "*b", "*", "12", "x y", "*2*", "true", ""])),
    st.tuples(
        st.sampled_from(["=", "!=", "<", ">", "<=", ">="]), st.sampled_from([0, 1, 12, -1, 0.5, 1.25]),
    ),
)  # fmt: skip
LEAVES = st.tuples(st.just("leaf"), SELECTORS, TESTS)
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES, lambda inner: st.tuples(st.sampled_from(["&&", "||"]), inner, inner), max_leaves=3
)


def render_selector(steps: list[Any]) -> str:
    made = "$"
    for step in steps:
        if isinstance(step, int):
            made += f"[{step}]"
        elif step == "[*]":
            made += "[*]"
        else:
            made += f".['{step}']" if " " in step else f".{step}"
    return made


def render(tree: Tree) -> str:
    if tree[0] != "leaf":
        return f"({render(tree[1])}) {tree[0]} ({render(tree[2])})"
    _, steps, test = tree
    if len(test) == 1:
        return f"{render_selector(steps)} {test[0]}"
    operand = f'"{test[1]}"' if isinstance(test[1], str) else str(test[1])
    return f"{render_selector(steps)} {test[0]} {operand}"


def reached(value: Any, steps: list[Any]) -> list[Any]:
    """Go the way by recursion, one branch at a time."""
    if not steps:
        return [value]
    step, rest = steps[0], steps[1:]
    if step == "*":
        return [one for below in value.values() for one in reached(below, rest)] if isinstance(value, dict) else []
    if step == "[*]":
        return [one for below in value for one in reached(below, rest)] if isinstance(value, list) else []
    if isinstance(step, int):
        return reached(value[step], rest) if isinstance(value, list) and step < len(value) else []
    return reached(value[step], rest) if isinstance(value, dict) and step in value else []


def text_holds(operand: str, value: Any) -> bool:
    """Compare with a text: by a regular expression of Python's for the ends that are open."""
    text = json.dumps(value) if not isinstance(value, str) else value
    if operand == "*":
        return True
    body = re.escape(operand.removeprefix("*").removesuffix("*"))
    front, back = operand.startswith("*"), operand.endswith("*")
    return re.fullmatch(f"{'.*' if front else ''}{body}{'.*' if back else ''}", text, re.DOTALL) is not None


COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def test_holds(test: Tree, value: Any) -> bool:
    if test[0].startswith("IS"):
        return bool(value is {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}[test[0]])
    if value is None or isinstance(value, dict | list):
        return False
    operator, operand = test
    if isinstance(operand, str):
        return text_holds(operand, value) is (operator == "=")
    if isinstance(value, bool):
        value = json.dumps(value)
    if isinstance(value, str):
        return operator in ("=", "!=") and (value == str(operand)) is (operator == "=")
    return COMPARE[operator](value, operand)


test_holds.__test__ = False  # type: ignore[attr-defined]


def holds(tree: Tree, document: Any) -> bool:
    if tree[0] == "&&":
        return holds(tree[1], document) and holds(tree[2], document)
    if tree[0] == "||":
        return holds(tree[1], document) or holds(tree[2], document)
    found = reached(document, tree[1])
    return not found if tree[2][0] == "NOT EXISTS" else any(test_holds(tree[2], value) for value in found)


@settings(max_examples=400, deadline=None)
@given(TREES, st.dictionaries(st.sampled_from(["a", "b", "c d"]), DOCUMENTS, max_size=3))
def test_patterns_on_json_hold_where_their_trees_hold(tree: Tree, document: dict[str, Any]) -> None:
    assert matches(f"{{ {render(tree)} }}", json.dumps(document)) is holds(tree, document)


def test_and_binds_more_than_or() -> None:
    document = json.dumps({"a": 1})
    assert matches("{ $.a = 1 || $.a = 2 && $.a = 3 }", document)
    assert not matches("{ ($.a = 1 || $.a = 2) && $.a = 3 }", document)


# columns and terms

WORDS = st.sampled_from(["a", "b", "12", "404", "x.html"])
COLUMNS = st.lists(
    st.one_of(
        st.tuples(st.just("any"), st.just("")),
        st.tuples(st.sampled_from(["=", "!="]), st.sampled_from(["a", "4*", "*.html", "*", "b"])),
        st.tuples(st.sampled_from([">", "<=", "="]), st.sampled_from([12, 100])),
    ),
    min_size=1,
    max_size=4,
)


def column_holds(condition: Tree, word: str) -> bool:
    operator, operand = condition
    if operator == "any":
        return True
    if isinstance(operand, str):
        return text_holds(operand, word) is (operator == "=")
    return word.isdigit() and COMPARE[operator](int(word), operand)


@settings(max_examples=200, deadline=None)
@given(COLUMNS, st.none() | st.integers(0, 4), st.lists(WORDS, max_size=6))
def test_columns_hold_word_by_word(columns: list[Tree], ellipsis_at: int | None, words: list[str]) -> None:
    shown = [f"c{at}" if one[0] == "any" else f"c{at} {one[0]} {one[1]}" for at, one in enumerate(columns)]
    if ellipsis_at is not None:
        shown.insert(min(ellipsis_at, len(columns)), "...")
    given_words = list(words)
    expected = len(words) >= len(columns)
    if expected and ellipsis_at is not None:
        front = min(ellipsis_at, len(columns))
        given_words = words[:front] + words[len(words) - (len(columns) - front) :]
    elif expected:
        given_words = [*words[: len(columns) - 1], " ".join(words[len(columns) - 1 :])]
    expected = expected and all(column_holds(one, word) for one, word in zip(columns, given_words, strict=True))
    assert matches(f"[{', '.join(shown)}]", " ".join(words)) is expected


TERMS = st.lists(st.tuples(st.sampled_from(["", "?", "-"]), st.sampled_from(["a", "b", "ab", "a b"])), max_size=4)


@settings(max_examples=150, deadline=None)
@given(TERMS, st.text(alphabet="ab ", max_size=6))
def test_terms_are_in_a_message_or_not(terms: list[tuple[str, str]], message: str) -> None:
    wanted = {kind: [term for sign, term in terms if sign == kind] for kind in ("", "?", "-")}
    expected = all(term in message for term in wanted[""]) and not any(term in message for term in wanted["-"])
    if wanted["?"] and not wanted[""] and not wanted["-"]:
        expected = any(term in message for term in wanted["?"])
    shown = " ".join(kind + (f'"{term}"' if " " in term else term) for kind, term in terms)
    assert matches(shown, message) is expected
