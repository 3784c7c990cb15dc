"""The report's plots: what each one shows, as plain data, and writing those that have changed.

A PNG carries the digest of what it shows. The report is written anew as sweeps end, and drawing is its slow part:
a plot whose data (and drawing code) are the same as in the file is left as it is, and while a plan goes on a plot that
would soon be drawn again waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from launcher import figure_drawing, figure_style, reliability_drawing
from launcher.figure_drawing import (
    Drawing,
    ImportanceMap,
    ParameterPlot,
    ParameterRow,
    RankerPlot,
    ThirdsPanel,
    ThirdsPlot,
    TrialPanel,
    TrialPlot,
)
from launcher.reliability_drawing import ReliabilityPanel, ReliabilityPlot
from launcher.report_markdown import setting
from launcher.report_trials import (
    Sweep,
    Trial,
    best_of_target,
    best_so_far,
    best_trial,
    compare,
    parameter_names,
    rankers,
)
from trainer.contract.config import digest
from trainer.contract.files import replacing
from trainer.contract.metrics import THIRDS, RunMetrics, Table
from trainer.contract.objectives import Objective, Phase, Target
from trainer.contract.search_space import Fixed

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


def figure_data(sweeps: Sequence[Sweep]) -> Iterator[tuple[str, Drawing]]:
    """Name and content of every plot there is data for."""
    begun = [sweep for sweep in sweeps if sweep.ranked]
    fixed = [sweep for sweep in begun if sweep.spec.phase is not Phase.ROLLING]
    for objective in Objective:
        if own := [sweep for sweep in fixed if sweep.spec.objective is objective]:
            yield f"trials_{objective}", TrialPlot(objective, tuple(_trial_panel(sweep) for sweep in own))
            rows = tuple(_parameter_row(sweep) for sweep in own)
            if any(row.parameters for row in rows):
                yield f"parameters_{objective}", ParameterPlot(objective, rows)
    for sweep in begun:
        if sweep.spec.phase is Phase.ROLLING:
            yield f"trials_{sweep.spec.batch_id}", TrialPlot(sweep.spec.objective, (_trial_panel(sweep),))
    yield from _best_run_figures(begun)
    shares = {s.spec.batch_id: s.importances.importances for s in begun if s.importances}
    if known := {name: found for name, found in shares.items() if found}:
        yield "importances", ImportanceMap(known)


def _best_run_figures(sweeps: Sequence[Sweep]) -> Iterator[tuple[str, Drawing]]:
    best = {target: best_of_target(sweeps, target) for target in Target}
    read = {target: (trial, trial.metrics) for target, trial in best.items() if trial and trial.metrics}
    for target, (trial, metrics) in read.items():
        held_out = rankers(trial.holdout) if trial.holdout else None
        yield f"rankers_{target}", RankerPlot(f"{trial.run}, {target}", rankers(metrics), held_out)
    panels = tuple(_thirds_panel(target, trial, metrics) for target, (trial, metrics) in read.items())
    if any(panel.thirds for panel in panels):
        yield "thirds", ThirdsPlot(panels)
    odds = [_reliability_panel(target, trial, metrics) for target, (trial, metrics) in read.items()]
    if drawn := tuple(panel for panel in odds if panel.validation):
        yield "title_odds", ReliabilityPlot(drawn)


def _trial_panel(sweep: Sweep) -> TrialPanel:
    objective = sweep.spec.objective
    values = [trial.score(objective) for trial in sweep.ranked]
    best = best_trial(sweep.ranked, objective)
    against = compare(rankers(best.metrics), objective) if best and best.metrics else None
    rolling = sweep.spec.phase is Phase.ROLLING
    return TrialPanel(
        title=sweep.spec.batch_id,
        slots=tuple(trial.slot for trial in sweep.ranked),
        values=tuple(values),
        best_so_far=tuple(best_so_far(values, objective)),
        groups=tuple(_windows(trial) for trial in sweep.ranked) if rolling else None,
        best_run=best.run if best else None,
        baseline=against.baseline if against else None,
        baseline_value=against.baseline_value if against else None,
    )


def _windows(trial: Trial) -> str:
    return f"windows {setting(trial.parameters.get('rolling_windows'))}"


def _parameter_row(sweep: Sweep) -> ParameterRow:
    objective = sweep.spec.objective
    best = best_trial(sweep.ranked, objective)
    space = sweep.spec.space
    varied = [name for name in parameter_names(space) if not isinstance(space[name], Fixed)]
    return ParameterRow(
        title=sweep.spec.batch_id,
        values=tuple(trial.score(objective) for trial in sweep.ranked),
        parameters={name: tuple(_shown(trial.parameters.get(name)) for trial in sweep.ranked) for name in varied},
        best=sweep.ranked.index(best) if best else None,
    )


def _shown(value: object) -> float | str:
    """Numbers on a numeric axis, everything else as a category."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else setting(value)


def _thirds_panel(target: Target, trial: Trial, metrics: RunMetrics) -> ThirdsPanel:
    thirds: dict[str, Table] = {name: metrics.by_third[name] for name in THIRDS if name in metrics.by_third}
    return ThirdsPanel(f"{target}, {trial.run}", thirds)


def _reliability_panel(target: Target, trial: Trial, metrics: RunMetrics) -> ReliabilityPanel:
    odds, held_out = (read.title_odds if read else None for read in (metrics, trial.holdout))
    return ReliabilityPanel(
        title=f"{target}, {trial.run}",
        validation=odds.reliability if odds else (),
        held_out=held_out.reliability if held_out else (),
        champions=odds.champions if odds else 0,
    )


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
    files = (figure_drawing.__file__, figure_style.__file__, reliability_drawing.__file__)
    return sha256(b"".join(Path(str(file)).read_bytes() for file in files)).hexdigest()


def _digest_in(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return str(image.info.get(DIGEST_KEY))
    except (OSError, UnidentifiedImageError):
        return None
