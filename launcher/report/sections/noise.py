"""How far the trials of a sweep differ, and how far seeds alone do, in the first lines of the report."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from truestrength.launcher.report.chance import FEWEST_TRIALS, matters, scores
from truestrength.launcher.report.markdown import bold, number
from truestrength.launcher.report.trials import Sweep, Trial
from truestrength.trainer.contract.words import Objective


def noise_said(sweep: Sweep, best: Trial, objective: Objective) -> str:
    """What the trials of the best run's sweep differ by, what seeds do, and what follows; empty when not measured."""
    values = scores(sweep, objective)
    if best.noise is None or len(values) < FEWEST_TRIALS:
        return ""
    seeds = best.noise.of(objective)
    measured = (
        f"The {len(values)} trials of `{sweep.spec.batch_id}` differ by {_deviation(values)} {objective} "
        f"(standard deviation); {len(seeds)} more seeds of the best configuration by {_deviation(seeds)}"
        f"{_of_means(seeds, sweep.spec.repeats)}, around "
        f"{number(fmean(seeds), 4)} (the run itself: {number(best.score(objective), 4)})."
    )
    if matters(values, best.noise, objective, sweep.spec.repeats):
        return f"{measured} {bold('The settings matter')}: they move the value by more than chance does."
    return (
        f"{measured} {bold('The settings differ by less than chance')}: take the cheapest, and look for better data or "
        "another model instead of more trials."
    )


def _of_means(seeds: Sequence[float], repeats: int) -> str:
    return f" (means of {repeats} by {number(stdev(seeds) / sqrt(repeats), 4)})" if repeats > 1 else ""


def _deviation(values: Sequence[float]) -> str:
    return number(stdev(values), 4)
