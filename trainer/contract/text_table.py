"""Plain tables for terminals, pipes and logs: no colours, no box drawing, never cut to a width."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns two spaces apart; a column of numbers is right-aligned, None is an empty cell.

    >>> print(text_table(["name", "n"], [["a", 5], ["bcd", 12]]))
    name   n
    a      5
    bcd   12
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    numeric = [all(isinstance(row[i], int | float | None) for row in rows) and bool(rows) for i in range(len(header))]
    lines = []
    for line in [list(header), *cells]:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def counted(number: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "worker"), counted(0, "worker")
    ('1 worker', '0 workers')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(42), duration(200), duration(7500)
    ('42 s', '3 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
