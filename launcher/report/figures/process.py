"""Draws the report's plots in a process of its own (`python -m launcher.report.figures.process`, asked in msgpack).

Surprising: this is no matter of speed. matplotlib reads a user's backend, settings, styles and fonts while it is being
imported, so only a process that was started without them is free of them; and nothing that happens to it, not even a
crash, can stop a plan.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from launcher.report.figures.contents import DIGEST_KEY, DPI, Picture
from launcher.report.figures.drawing import draw
from trainer.contract.files import replacing


def draw_all(pictures: Sequence[Picture]) -> dict[str, str]:
    """Write every picture that can be drawn. Returns why the others could not, by their paths."""
    problems = {}
    for picture in pictures:
        try:
            _write(picture)
        except Exception as error:
            problems[picture.path] = f"{type(error).__name__}: {error}"
    return problems


def _write(picture: Picture) -> None:
    figure = draw(picture.drawing)
    if (layout := figure.get_layout_engine()) is not None:
        # Once; matplotlib would draw everything twice to lay it out while it saves.
        figure.set_dpi(DPI)
        layout.execute(figure)
        figure.set_layout_engine("none")
    with replacing(Path(picture.path)) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None, DIGEST_KEY: picture.digest})


if __name__ == "__main__":
    wanted = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[Picture])
    sys.stdout.buffer.write(msgspec.msgpack.encode(draw_all(wanted)))
