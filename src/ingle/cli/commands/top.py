"""`ingle top`."""

import contextlib
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ingle.cli.client import data_dir_of, get_json
from ingle.cli.commands.options import data_option
from ingle.cli.output import say
from ingle.cli.tables import Row, fit, least_width, render_table, without

_FIGURES = ("memory", "cpu", "cpu time", "age", "invocations")
_SHORT_ID = 8
_LEFT_OUT = ("cpu time", "environment", "cpu", "tenant", "age")
"""What a narrow terminal does without, in this order."""
_UNKNOWN = "-"
_FILE_WIDTH = 160
"""How wide a table is that goes to no terminal."""
Look = tuple[float, list[dict[str, Any]], list[dict[str, Any]], str]
"""When it was taken, by the monotonic clock, every environment, the levels of the blank pools, the isolation."""


@click.command()
@click.option("--once", is_flag=True, help="Print one table and end.")
@click.option("--json", "as_json", is_flag=True, help="Print what there is now as JSON and end.")
@click.option("--every", "every_s", type=click.FloatRange(min=0.1), default=1.0, help="Seconds between two looks.")
@data_option
def top(once: bool, as_json: bool, every_s: float, data: Path | None) -> None:
    """Show the execution environments, by version, until Ctrl-C."""
    path = data_dir_of(data)

    def look() -> Look:
        environments: list[dict[str, Any]] = get_json("/environments", path)
        environments.sort(key=lambda one: (one["function"], one["version"], -one["age_s"]))
        return time.monotonic(), environments, get_json("/pools", path), get_json("/health", path)["isolation"]

    if as_json:
        sys.stdout.write(json.dumps(look()[1]) + "\n")
    elif once:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_WIDTH
        for line in lines_of(look(), None, width):
            say(line)
    else:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(look(), look, every_s)


def _follow(now: Look, look: Callable[[], Look], every_s: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    screen = Console()

    def show(before: Look | None) -> Text:
        return Text("\n".join(lines_of(now, before, screen.width)), no_wrap=True, overflow="ellipsis")

    with Live(show(None), console=screen, screen=screen.is_terminal, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            before, now = now, look()
            live.update(show(before), refresh=True)


def lines_of(now: Look, before: Look | None, width: int) -> list[str]:
    """Return the screen of a look, so wide; a processor's share is what was taken of it since the look before."""
    _, environments, pools, isolation = now
    states = Counter(one["state"] for one in environments)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    title = f"{len(environments)} environment{'s' * (len(environments) != 1)}" + (f": {told}" if told else "")
    blank = ", ".join(f"{one['runtime']} {one['ready']} of {one['wanted']}" for one in pools)
    rows = [_row(one, now, before) for one in environments]
    if not any(row["tenant"] for row in rows):
        rows = without(rows, "tenant")
    if least_width(rows) > width:
        rows = [{**row, "environment": row["environment"][:_SHORT_ID]} for row in rows]
    table = render_table(fit(rows, width, _LEFT_OUT), width, _FIGURES)
    return [title, *table, f"isolation: {isolation}", *([f"blank environments ready: {blank}"] if blank else [])]


def _row(one: dict[str, Any], now: Look, before: Look | None) -> Row:
    share = _UNKNOWN
    took_us = {other["id"]: other["cpu_us"] for other in before[1]} if before is not None else {}
    if before is not None and one["cpu_us"] is not None and took_us.get(one["id"]) is not None:
        share = f"{(one['cpu_us'] - took_us[one['id']]) / (now[0] - before[0]) / 1e4:.0f} %"
    return {
        "function": one["function"], "version": one["version"], "environment": one["id"], "tenant": one["tenant"] or "",
        "state": one["state"], "memory": _memory(one["memory_bytes"]), "cpu": share, "cpu time": _cpu_time(one["cpu_us"]),
        "age": _age(one["age_s"]), "invocations": str(one["invocations"]),
    }  # fmt: skip


def _memory(size_bytes: int | None) -> str:
    return _UNKNOWN if size_bytes is None else f"{size_bytes / (1 << 20):.1f} MiB"


def _cpu_time(cpu_us: int | None) -> str:
    return _UNKNOWN if cpu_us is None else f"{cpu_us / 1e6:.2f} s"


def _age(age_s: float) -> str:
    minutes, seconds = divmod(int(age_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
