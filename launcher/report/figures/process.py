"""Draws the report's charts in a process of its own (`figures.process` as a module, asked in msgpack).

Surprising: this is no matter of speed. The renderer is a JavaScript engine of 100 MB with threads of its own; nothing
that happens to it, not even a crash, can stop a plan, and the launcher stays as small as it is. So that it starts
quickly, this file imports next to nothing of the report.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import msgspec

from truestrength.launcher.report.figures import style
from truestrength.launcher.report.figures.pictures import Picture
from truestrength.trainer.contract.charts import renderer
from truestrength.trainer.contract.files import write_text

_TAG = re.compile(r"<[a-z][^>]*>")
_MARK = re.compile(r' aria-label="#([^"]*)"')
_SAID = re.compile(r' (?:aria-label|aria-roledescription|aria-hidden|role|pointer-events)="[^"]*"')
_NOTHING = re.compile(r'<path class="foreground" d=""[^>]*/>|<path class="background" d="[^"]*"/>')
_PLACES = re.compile(r' (transform|d)="([^"]*)"')
_DIGITS = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_ID = re.compile(r'(\bid="|url\(#)([A-Za-z]+_?)(\d+)')


def draw_all(pictures: Sequence[Picture]) -> dict[str, str]:
    """Write every picture that can be drawn, one that is wanted twice from one drawing.

    Returns:
        Why the others could not, by their paths.
    """
    problems = {}
    drawn: dict[tuple[str, str], str] = {}
    for picture in pictures:
        same = (Path(picture.path).stem, picture.digest)
        try:
            drawn[same] = drawn.get(same) or svg(picture)
            write_text(Path(picture.path), drawn[same])
        except Exception as error:
            problems[picture.path] = f"{type(error).__name__}: {error}"
    return problems


def svg(picture: Picture) -> str:
    """The chart as SVG, with its name for screen readers and the digest of what it shows."""
    name = Path(picture.path).stem
    head = f'<svg role="img" aria-label="{escape(name)}" data-shows="{escape(picture.digest)}" '
    return with_own_ids(smaller(renderer.svg(_description(picture))), name).replace("<svg ", head, 1)


def _description(picture: Picture) -> style.Node:
    if picture.course:
        from truestrength.launcher.report.figures.course import course_chart  # noqa: PLC0415 - it reads tables; few charts need that

        return style.described(course_chart(picture.course))
    return picture.description or {}


def smaller(drawn: str) -> str:
    """The same picture in half the bytes, its marks named.

    The whole of it is one image for screen readers, so what the renderer says of each part is not heard: of that only
    what marks stand for is kept, as `data-mark`. Places are rounded to a tenth of a pixel.
    """
    return _NOTHING.sub("", _TAG.sub(_smaller_tag, drawn))


def _smaller_tag(tag: re.Match[str]) -> str:
    named = _MARK.sub(lambda found: f' data-mark="{found[1]}"', tag[0])
    return _PLACES.sub(lambda found: f' {found[1]}="{_DIGITS.sub(_rounded, found[2])}"', _SAID.sub("", named))


def _rounded(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def with_own_ids(text: str, name: str) -> str:
    """Ids that count from 0 in each chart and begin with its name.

    The renderer's go on counting from chart to chart, so that the same chart would be another file, and two processes
    give the same ones, which clash in one page.
    """
    numbers: dict[str, int] = {}

    def own(match: re.Match[str]) -> str:
        number = numbers.setdefault(match[2] + match[3], len(numbers))
        return f"{match[1]}{name}_{match[2]}{number}"

    return _ID.sub(own, text)


if __name__ == "__main__":
    wanted = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[Picture])
    sys.stdout.buffer.write(msgspec.msgpack.encode(draw_all(wanted)))
