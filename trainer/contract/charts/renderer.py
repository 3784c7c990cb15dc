"""Draws charts with Vega and Vega-Lite, whose published builds lie beside this file.

Surprising: widths of text are computed from Helvetica's, whatever fonts a machine has. So a chart is the same file
everywhere, and costs a third of what it does where a font is opened for every letter (as vl-convert does).
"""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from py_mini_racer import MiniRacer

FILES = ("renderer.js", "vega.min.js", "vega-lite.min.js")
"""What the engine is given, in this order."""
_FOLDER = Path(__file__).parent


class ChartError(Exception):
    """A description that Vega-Lite cannot draw."""


def svg(description: dict[str, Any]) -> str:
    """A Vega-Lite description as SVG.

    The first call starts the engine (0.15 CPU seconds); the first charts cost more than those after them.

    Raises:
        ChartError: with the words of Vega or Vega-Lite.
    """
    engine = _engine()
    engine.call("draw", msgspec.json.encode(description).decode())
    drawn = engine.execute("drawn")
    if "problem" in drawn:
        raise ChartError(drawn["problem"])
    return str(drawn["svg"])


@cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    # One that is not closed when Python ends may wait for Python's lock for ever: seen once in ten processes.
    atexit.register(engine.close)
    for name in FILES:
        engine.eval((_FOLDER / name).read_text(encoding="utf-8"))
    return engine
