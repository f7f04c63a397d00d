"""Tables of plain text that fit a terminal: columns are left out rather than words broken. Pure."""

from collections.abc import Collection, Sequence

Row = dict[str, str]
"""The cells by their columns; every row of a table has the same columns in the same order."""
_GAP = 2
_SHORTEST = 20
"""To so many characters the cells of the first column may be cut where a terminal is narrow."""


def without(rows: Sequence[Row], column: str) -> list[Row]:
    """Return rows without a column."""
    return [{name: text for name, text in row.items() if name != column} for row in rows]


def fit(rows: Sequence[Row], width: int, optional: Sequence[str]) -> list[Row]:
    """Return rows of which as many optional columns are left out, in that order, as a width demands."""
    kept = list(rows)
    for column in optional:
        if least_width(kept) > width:
            kept = without(kept, column)
    return kept


def least_width(rows: Sequence[Row]) -> int:
    """Return how wide a table is at least: with the cells of its first column cut as far as they may be."""
    widths = _widths(rows)
    return min(widths[0], _SHORTEST) + sum(widths[1:]) + _GAP * (len(widths) - 1) if widths else 0


def render_table(rows: Sequence[Row], width: int | None = None, right: Collection[str] = ()) -> list[str]:
    """Return the lines of a table: a line of column names, and the rows; numbers stand at the right of a column.

    Cells of the first column are cut where a width demands, and never to less than 20 characters.
    """
    if not rows:
        return []
    widths = _widths(rows)
    if width is not None:
        rest = sum(widths[1:]) + _GAP * (len(widths) - 1)
        widths[0] = min(widths[0], max(_SHORTEST, width - rest))
    names = list(rows[0])
    lines = []
    for row in ({name: name for name in names}, *rows):
        cells = [
            _cut(row[name], size).rjust(size) if name in right else _cut(row[name], size).ljust(size)
            for name, size in zip(names, widths, strict=True)
        ]
        lines.append((" " * _GAP).join(cells).rstrip())
    return lines


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]] if rows else []


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"
