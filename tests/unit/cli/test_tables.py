"""Tables that fit: no word is broken, whatever the terminal's width."""

from typing import Any

import pytest

from ingle.cli.commands.top import lines_of
from ingle.cli.tables import render_table


def environment(function: str, **changed: Any) -> dict[str, Any]:
    shown = {
        "function": function, "version": "$LATEST", "id": "0c8ba2aa5c5f4cb1", "tenant": None, "state": "idle",
        "memory_bytes": 12_900_000, "cpu_us": 1_234_567, "age_s": 3, "invocations": 1200,
    }  # fmt: skip
    return {**shown, **changed}


FLEET = [
    environment("hello"),
    environment("thumbnail-generator-in-production", version="12", tenant="tenant-blue", state="initializing"),
    environment("orders", memory_bytes=118_000_000, cpu_us=9_876_543_210, age_s=259_200, invocations=123_456_789),
]
POOLS = [{"runtime": "python3.11", "ready": 2, "wanted": 2}]


@pytest.mark.parametrize(("width", "columns"), [
    (80, "function version state memory age invocations"),
    (110, "function version tenant state memory cpu age invocations"),
    (130, "function version environment tenant state memory cpu cpu time age invocations"),
])  # fmt: skip
def test_top_fits_a_terminal_and_breaks_no_word(width: int, columns: str) -> None:
    lines = lines_of((10.0, FLEET, POOLS, "sandbox"), (9.0, FLEET, POOLS, "sandbox"), width)
    assert all(len(line) <= width for line in lines), lines
    assert " ".join(lines[1].split()) == columns
    assert len(lines) == 1 + 1 + len(FLEET) + 2
    for word in ("hello", "$LATEST", "initializing", "112.5 MiB", "72:00:00", "123456789"):
        assert any(word in line for line in lines), word
    assert sum("thumbnail-generator" in line for line in lines) == 1


def test_nothing_is_shown_of_tenants_where_there_is_none() -> None:
    lines = lines_of((10.0, [environment("hello")], [], "sandbox"), None, 200)
    assert lines[1].split() == ["function", "version", "environment", "state", "memory", "cpu", "cpu", "time", "age",
                                "invocations"]  # fmt: skip
    assert lines_of((10.0, [], [], "sandbox"), None, 80) == ["0 environments", "isolation: sandbox"]


def test_a_table_that_goes_to_no_terminal_is_as_wide_as_it_needs() -> None:
    rows = [{"name": "n" * 60, "memory": "1 MB"}, {"name": "m", "memory": "128 MB"}]
    assert render_table(rows, right=("memory",)) == [
        f"name{' ' * 56}  memory", f"{'n' * 60}    1 MB", f"m{' ' * 59}  128 MB",
    ]  # fmt: skip
