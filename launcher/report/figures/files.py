"""The report's plots: what each one shows, as plain data, and writing those that have changed.

A PNG carries the digest of what it shows. The report is written anew as sweeps end, and drawing is its slow part:
a plot whose data (and drawing code) are the same as in the file is left as it is, and while a plan goes on a plot that
would soon be drawn again waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from launcher.report.figures import drawing as figure_drawing
from launcher.report.figures import reliability, style
from launcher.report.figures.contents import (
    Drawing,
    figure_data,
)
from launcher.report.trials import (
    Sweep,
)
from trainer.contract.digests import digest
from trainer.contract.files import replacing

DIGEST_KEY = "Description"
DPI = 110


def draw_figures(sweeps: Sequence[Sweep], folder: Path, rest_s: float = 0.0) -> dict[str, str]:
    """Draw every plot there is data for into `folder`.

    Args:
        sweeps: What the plots show.
        folder: Where they lie.
        rest_s: Draw nothing when a plot is younger than this, in seconds, or the first trial.

    Returns:
        Plot name -> path relative to the parent of `folder`, where the report lies.
    """
    drawings = dict(figure_data(sweeps))
    paths = {name: folder / f"{name}.png" for name in drawings}
    if rest_s <= 0 or time.time() - _last_drawn(folder, sweeps) >= rest_s:
        for name, drawing in drawings.items():
            _write(paths[name], drawing)
    return {name: f"{folder.name}/{path.name}" for name, path in paths.items() if path.exists()}


def _last_drawn(folder: Path, sweeps: Sequence[Sweep]) -> float:
    """When a plot was written last, or if none was, when the first trial began, in seconds since 1970."""
    if drawn := [path.stat().st_mtime for path in folder.glob("*.png")]:
        return max(drawn)
    begun = [trial.started_at for sweep in sweeps for trial in sweep.trials if trial.started_at]
    return min((moment.timestamp() for moment in begun), default=0.0)


def _write(path: Path, drawing: Drawing) -> None:
    content = digest([type(drawing).__name__, drawing, DPI, _code()])
    if _digest_in(path) == content:
        return
    figure = figure_drawing.draw(drawing)
    if (layout := figure.get_layout_engine()) is not None:
        # Once; matplotlib would draw everything twice to lay it out while it saves.
        figure.set_dpi(DPI)
        layout.execute(figure)
        figure.set_layout_engine("none")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None, DIGEST_KEY: content})


@cache
def _code() -> str:
    files = (figure_drawing.__file__, style.__file__, reliability.__file__)
    return sha256(b"".join(Path(str(file)).read_bytes() for file in files)).hexdigest()


def _digest_in(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return str(image.info.get(DIGEST_KEY))
    except (OSError, UnidentifiedImageError):
        return None
