"""Markdown that reads well as plain text too: padded tables and numbers of three decimals.

Numbers are rounded here and nowhere else: everything before this module compares full precision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Figures: TypeAlias = Mapping[str, str]
"""Plots by name, as paths relative to the report."""
MISSING = "-"
"""What a table shows for a value that is not there (or is not a number)."""


def number(value: float | None, decimals: int = 3) -> str:
    """A fixed number of decimals; `MISSING` for None and NaN.

    >>> number(0.81249), number(-0.0001), number(None), number(12.34, 1)
    ('0.812', '0.000', '-', '12.3')
    """
    if value is None or math.isnan(value):
        return MISSING
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(value: float | None, decimals: int = 3) -> str:
    """A difference with its sign, even where that is all that is left of it; only 0 has none.

    >>> signed(0.0123), signed(-0.5), signed(-0.0002), signed(0.0), signed(float("nan"))
    ('+0.012', '-0.500', '-0.000', '0.000', '-')
    """
    if value is None or math.isnan(value) or value == 0:
        return number(value, decimals)
    return f"{value:+.{decimals}f}"


def setting(value: Any) -> str:
    """A parameter's value: lists as JSON, whole numbers whole, other numbers with three decimals.

    >>> setting((10, 30)), setting(14), setting(0.0812), setting(None)
    ('[10, 30]', '14', '0.081', '-')
    """
    match value:
        case None:
            return MISSING
        case bool() | str() | int():
            return str(value)
        case float():
            return number(value)
        case _:
            return json.dumps(value)


def cell(text: str) -> str:
    r"""Free text (a reason, a host) on one line, without what would end a cell.

    >>> print(cell("out of memory: 3|4\n  at step 2"))
    out of memory: 3\|4 at step 2
    """
    return " ".join(text.split()).replace("|", "\\|")


def bold(text: str) -> str:
    """Strong emphasis, unless there is nothing to emphasise."""
    return text if text == MISSING else f"**{text}**"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """A pipe table; the first `text_columns` columns are aligned left, the others, which hold numbers, right.

    >>> print(table(["run", "value"], [["run_025", "0.5"], ["run_1000", "12.25"]]))
    | run      | value |
    | :------- | ----: |
    | run_025  |   0.5 |
    | run_1000 | 12.25 |
    """
    body = [list(row) for row in rows]
    widths = [max(3, *(len(row[column]) for row in [list(headers), *body])) for column in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            text.ljust(width) if column < text_columns else text.rjust(width)
            for column, (text, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        f":{'-' * (width - 1)}" if column < text_columns else f"{'-' * (width - 1)}:"
        for column, width in enumerate(widths)
    ]
    return "\n".join([line(headers), f"| {' | '.join(rule)} |", *(line(row) for row in body)])


def picture(figures: Figures, name: str, alternative: str) -> str:
    """A reference to a plot; nothing when there is no such plot."""
    return f"![{alternative}]({figures[name]})" if name in figures else ""


def section(blocks: Iterable[str]) -> str:
    """Blocks (headings, paragraphs, tables) with an empty line between them; empty blocks are left out."""
    return "\n\n".join(block for block in blocks if block)
