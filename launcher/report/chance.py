"""Whether a sweep found a setting: whether its trials differ by more than seeds alone do.

Both are samples, so an F test compares their variances. Surprising: with five seeds the trials have to differ by two
and a half times as much before it says anything; in doubt it says chance. `fdtrc` is the upper tail of F, without the
0.7 s that importing `scipy.stats` takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import variance

from truestrength.launcher.report.trials import Sweep, best_of_target
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.words import Objective

FEWEST_TRIALS = 3
"""Fewer trials of a sweep say nothing of how far settings move the value."""
LEVEL = 0.05
"""Of the test: so often it calls chance a setting."""


def matters(values: Sequence[float], noise: Noise, objective: Objective, repeats: int = 1) -> bool:
    """Whether trials differ by more than seeds do.

    Args:
        values: of a sweep's trials, by `objective`.
        noise: of the best configuration of the sweep's target.
        objective: what is compared.
        repeats: seeds that each value is the mean of, which differs by so much less.
    """
    seeds = noise.of(objective)
    if len(values) < FEWEST_TRIALS or len(seeds) < 2:
        return False
    if variance(seeds) == 0:
        return variance(values) > 0
    from scipy.special import fdtrc  # noqa: PLC0415 - whoever only draws need not wait for it

    ratio = variance(values) / (variance(seeds) / repeats)
    return bool(fdtrc(len(values) - 1, len(seeds) - 1, ratio) < LEVEL)


def by_chance(sweep: Sweep, sweeps: Sequence[Sweep]) -> bool:
    """Whether a sweep's trials were measured to differ by no more than seeds do, those of its target's best run."""
    best = best_of_target(sweeps, sweep.spec.target)
    if best is None or best.noise is None:
        return False
    values = scores(sweep, sweep.spec.objective)
    return not matters(values, best.noise, sweep.spec.objective, sweep.spec.repeats)


def scores(sweep: Sweep, objective: Objective) -> list[float]:
    """Of the trials that may be called best."""
    return [score for trial in sweep.ranked if (score := trial.score(objective)) is not None]
