"""Brings the report's charts up to date, in a process of their own. Never raises.

An SVG carries the digest of what it shows. The report is written anew as sweeps end, and drawing is its slow part:
a plot whose data (and drawing code) are the same as in the file is left as it is, and while a plan goes on a plot that
would soon be drawn again waits.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec

from truestrength.launcher.report.figures.contents import Drawing, Picture, figure_data
from truestrength.launcher.report.figures.standing import course_plots
from truestrength.launcher.report.trials import Sweep
from truestrength.trainer.contract.digests import digest

PROCESS = "truestrength.launcher.report.figures.process"
CODE = (
    "drawing.py",
    "course.py",
    "gains.py",
    "rankers.py",
    "style.py",
    "timeline.py",
    "reliability.py",
    "parallel.py",
    "process.py",
)
ROOT = Path(__file__).absolute().parents[3]
"""Where this very code lies, whatever else is installed."""
LONGEST_S = 600
"""A drawing process that takes longer is stopped."""
_DIGEST = re.compile(rb'<svg [^>]*data-shows="(\w+)"')


def draw_figures(
    wanted: Mapping[Path, Sequence[Sweep]],
    say: Callable[[str], object],
    rest_s: float = 0.0,
    courses: Path | None = None,
) -> dict[Path, dict[str, str]]:
    """Draw every plot there is data for, all of them in one process.

    Args:
        wanted: The folders that the plots lie in, and the sweeps that those of each show.
        say: Told, at most once, which plots could not be drawn, and why.
        rest_s: Draw nothing when a plot is younger than this, in seconds, or the first trial.
        courses: The folder of `wanted` that also gets the charts of seasons: they are large, and slow to draw.

    Returns:
        By folder: plot name -> path relative to the parent of the folder, where the report lies; without those that
        failed.
    """
    try:
        drawings = {folder: dict(figure_data(sweeps)) for folder, sweeps in wanted.items()}
        if courses:
            drawings[courses] |= dict(course_plots(wanted[courses]))
        problems: Mapping[str, str] = {}
        if rest_s <= 0 or time.time() - _last_drawn(wanted) >= rest_s:
            problems = _drawn([picture for folder, own in drawings.items() for picture in _outdated(own, folder)])
    except Exception as error:  # whatever it is, it costs the plots only
        say(_said({folder.name: f"{type(error).__name__}: {error}" for folder in wanted}))
        return {folder: {} for folder in wanted}
    if problems:
        say(_said(problems))
    return {folder: _there(own, folder, problems) for folder, own in drawings.items()}


def _there(drawings: Mapping[str, Drawing], folder: Path, problems: Mapping[str, str]) -> dict[str, str]:
    paths = {name: _path(folder, name) for name in drawings}
    return {
        name: f"{folder.name}/{path.name}"
        for name, path in paths.items()
        if path.exists() and str(path.absolute()) not in problems
    }


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.svg"


def _outdated(drawings: Mapping[str, Drawing], folder: Path) -> Iterator[Picture]:
    for name, drawing in drawings.items():
        path = _path(folder, name)
        content = digest([type(drawing).__name__, drawing, _code()])
        if _digest_in(path) != content:
            yield Picture(str(path.absolute()), content, drawing)


def _drawn(pictures: Sequence[Picture]) -> dict[str, str]:
    """Let another process draw. Returns why pictures could not be drawn, by their paths."""
    if not pictures:
        return {}
    code = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", PROCESS],
        input=msgspec.msgpack.encode(pictures),
        env=os.environ | {"PYTHONPATH": code},
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no word"])[-1]
        return dict.fromkeys((p.path for p in pictures), f"the process ended with {done.returncode}: {last}")
    return msgspec.msgpack.decode(done.stdout, type=dict[str, str])


def _said(problems: Mapping[str, str]) -> str:
    names = ", ".join(dict.fromkeys(Path(path).stem for path in problems))
    reasons = "; ".join(dict.fromkeys(problems.values()))
    return (
        f"These plots could not be drawn: {names} ({reasons}). Tables and analysis are complete without them; "
        "`truestrength report` tries again."
    )


def _last_drawn(wanted: Mapping[Path, Sequence[Sweep]]) -> float:
    """When a plot was written last, or if none was, when the first trial began, in seconds since 1970."""
    if drawn := [path.stat().st_mtime for folder in wanted for path in folder.glob("*.svg")]:
        return max(drawn)
    sweeps = (sweep for own in wanted.values() for sweep in own)
    begun = [trial.started_at for sweep in sweeps for trial in sweep.trials if trial.started_at]
    return min((moment.timestamp() for moment in begun), default=0.0)


@cache
def _code() -> str:
    return sha256(b"".join(Path(__file__).with_name(name).read_bytes() for name in CODE)).hexdigest()


def _digest_in(path: Path) -> str | None:
    """None where there is no chart, or no whole one: it is drawn again."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    found = _DIGEST.match(content) if content.rstrip().endswith(b"</svg>") else None
    return found[1].decode() if found else None
