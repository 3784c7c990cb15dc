"""The row of a batch in the README's table of Report Assets, which is made where it is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

TITLE = "Report Assets"
HEADER = ("Batch", "Trials", "Best", "Report")
_HEADING = re.compile(rf"^#+ .*\b{TITLE}\b", re.IGNORECASE)
_ANY_HEADING = re.compile(r"^#+ ")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")


class Asset(NamedTuple):
    """What the row of a batch says."""

    batch_id: str
    folder: str
    """From the README's folder; with `/` at the end."""
    trials: str
    best: str
    report: str
    """Path of the report."""


def with_rows(text: str, assets: Sequence[Asset]) -> str:
    """The README with a row for each batch: in place of the one it has, or at the end of the table.

    Its line ends stay what they are.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.removesuffix(end).split(end) if text else []
    for asset in assets:
        _put(lines, asset)
    return end.join(lines) + end


def relative(path: Path, folder: Path) -> str:
    """A path for a link that stands in a file of `folder`."""
    return quote(os.path.relpath(path, folder).replace(os.sep, "/"))


def _put(lines: list[str], asset: Asset) -> None:
    first, end = _table(lines)
    row = _row(asset, len(_cells(lines[first])))
    link = f"]({asset.folder})"
    for i in range(first + 2, end):
        if link in lines[i]:
            lines[i] = row
            return
    lines.insert(end, row)


def _table(lines: list[str]) -> tuple[int, int]:
    """Where the table's header stands, and where its rows end; a missing table is made."""
    heading = next((i for i, text in _outside_code(lines) if _HEADING.match(text)), None)
    if heading is None:
        lines += ["", f"## {TITLE}"]
        heading = len(lines) - 1
    for i, text in _outside_code(lines):
        if i <= heading:
            continue
        if _ANY_HEADING.match(text):
            break
        if "|" in lines[i - 1] and _RULE.match(text) and i - 1 > heading:
            end = next((j for j in range(i + 1, len(lines)) if "|" not in lines[j]), len(lines))
            return i - 1, end
    made = ["", _line(HEADER), _line(["---"] * len(HEADER))]
    after = ["" for text in lines[heading + 1 : heading + 2] if text]
    lines[heading + 1 : heading + 1] = made + after
    return heading + 2, heading + 4


def _outside_code(lines: Sequence[str]) -> list[tuple[int, str]]:
    """The lines that are no code, with their places: a shell's comment looks like a heading."""
    found, inside = [], False
    for i, text in enumerate(lines):
        if _FENCE.match(text):
            inside = not inside
        elif not inside:
            found.append((i, text))
    return found


def _row(asset: Asset, columns: int) -> str:
    """As many cells as the table has; a table of another shape keeps its own."""
    link = f"[{_plain(asset.batch_id)}]({asset.folder})"
    report = f"[report]({asset.report})"
    cells = [link, asset.trials, asset.best, report]
    if columns < len(cells):
        cells = [link, ", ".join(cells[1:]), ""][:columns]
    return _line(cells + [""] * (columns - len(cells)))


def _cells(line: str) -> list[str]:
    return line.strip().strip("|").split("|")


def _plain(text: str) -> str:
    """A name as text: none of its signs divides cells or ends a link."""
    return re.sub(r"([\\|\[\]<>`*_])", r"\\\1", text)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
