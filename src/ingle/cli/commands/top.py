"""`ingle top`."""

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingle.cli.client import data_dir_of, get_json
from ingle.cli.commands.options import data_option
from ingle.cli.output import console

if TYPE_CHECKING:
    from rich.table import Table

_WORDS = ("function", "version", "environment", "tenant", "state")
_FIGURES = ("memory", "cpu", "cpu time", "age", "invocations")
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
        from rich.console import Console

        (console if console.is_terminal else Console(width=_FILE_WIDTH)).print(table_of(look(), None))
    else:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(look(), look, every_s)


def _follow(now: Look, look: Callable[[], Look], every_s: float) -> None:
    from rich.live import Live

    with Live(table_of(now, None), console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            before, now = now, look()
            live.update(table_of(now, before), refresh=True)


def table_of(now: Look, before: Look | None) -> "Table":
    """Return the table of a look; how much of a processor each takes is what it took since the look before."""
    from rich.table import Table

    at_s, environments, pools, isolation = now
    states = Counter(one["state"] for one in environments)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    title = f"{len(environments)} environment{'s' * (len(environments) != 1)}" + (f": {told}" if told else "")
    blank = ", ".join(f"{one['runtime']} {one['ready']} of {one['wanted']}" for one in pools)
    caption = f"isolation: {isolation}" + (f"; blank environments ready: {blank}" if blank else "")
    table = Table(
        title=title,
        caption=caption,
        caption_justify="left",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 1),
    )
    for word in _WORDS:
        table.add_column(word, overflow="fold", min_width=len(word))
    for figure in _FIGURES:
        table.add_column(figure, justify="right", no_wrap=True)
    took_us = {one["id"]: one["cpu_us"] for one in before[1]} if before is not None else {}
    for one in environments:
        share = _UNKNOWN
        if before is not None and one["cpu_us"] is not None and took_us.get(one["id"]) is not None:
            share = f"{(one['cpu_us'] - took_us[one['id']]) / (at_s - before[0]) / 1e4:.0f} %"
        table.add_row(
            one["function"], one["version"], one["id"], one["tenant"] or "", one["state"], _memory(one["memory_bytes"]),
            share, _cpu_time(one["cpu_us"]), _age(one["age_s"]), str(one["invocations"]),
        )  # fmt: skip
    return table


def _memory(size_bytes: int | None) -> str:
    return _UNKNOWN if size_bytes is None else f"{size_bytes / (1 << 20):.1f} MiB"


def _cpu_time(cpu_us: int | None) -> str:
    return _UNKNOWN if cpu_us is None else f"{cpu_us / 1e6:.2f} s"


def _age(age_s: float) -> str:
    minutes, seconds = divmod(int(age_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
