"""The rows that every table and plot is made from: finished trials, their sweeps, and comparisons with the baselines.

Pure data and pure selection. A comparison is strict and made in full precision: a tie with a baseline is not a win,
and a figure that is not a number never wins.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from truestrength.trainer.contract.config.search_space import PARAMETER_KEYS
from truestrength.trainer.contract.ledger.rows import Standing
from truestrength.trainer.contract.paths.outputs import run_name
from truestrength.trainer.contract.records.cost import Cost
from truestrength.trainer.contract.records.metrics import BASELINES, MODELS, STACK, RunMetrics, Scores, Table
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.sweep.limits import Limit
from truestrength.trainer.contract.sweep.rungs import rung_of_slots
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Direction, Objective, Target

K = TypeVar("K", str, int)

HEADLINE_OBJECTIVE = Objective.SPEARMAN
"""What the best run of a target is chosen by: the plan's first objective."""

COMPLETE = "complete"
FAILED = "failed"
KEPT = "kept"
"""The state of a run that the ledger does not know, in the results table."""
NOT_NEEDED = "not needed"
"""The state of a slot after the early end of its sweep, in the results table."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a slot that has ended: one run."""

    batch_id: str
    slot: int
    attempt: int
    state: str
    """`complete`, `failed`, or the ledger's word for an attempt that was lost or given up."""
    run_id: int | None = None
    """None for an attempt that ended before it got one."""
    trial_number: int | None = None
    """In the Optuna study."""
    rung: int = 0
    """With `halving`: lower rungs train on fewer lists, and only the last one is compared."""
    value: float | None = None
    """The sweep's objective; None unless complete."""
    parameters: dict[str, Any] = {}
    seconds: float | None = None
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    host: str | None = None
    pid: int | None = None
    job_id: str | None = None
    cost: Cost | None = None
    """None where nobody measured it: its worker died, or was of an older version."""
    reason: str | None = None
    """Why the attempt did not complete."""
    objectives: dict[str, float] = {}
    """The stack's figures as the ledger has them."""
    metrics: RunMetrics | None = None
    """None when the run did not complete, or when its folder is gone."""
    holdout: RunMetrics | None = None
    """On the held-out season; only for a run that was the best of its target."""
    noise: Noise | None = None
    """Of its configuration; only for a run that was the best of its target."""

    @property
    def run(self) -> str:
        """The run's name, `run_025`; `-` for an attempt that got no run id."""
        return "-" if self.run_id is None else run_name(self.run_id)

    def score(self, objective: Objective) -> float | None:
        """The stack's validation figure; None when there is none or it is not a number."""
        return finite(self.metrics.objectives.of(objective) if self.metrics else self.objectives.get(objective))

    def standard_error(self, objective: Objective) -> float | None:
        """Of `score`, over the seeds of the trial; None for one seed."""
        known = self.metrics.standard_error if self.metrics else None
        return finite(known.of(objective)) if known else None


class KeptRun(msgspec.Struct, frozen=True, kw_only=True):
    """A complete run that the ledger does not know. It may have been trained on other data: nothing is compared."""

    run_id: int
    slot: int | None
    attempt: int | None
    parameters: dict[str, Any]
    seconds: float | None
    cost: Cost | None = None
    metrics: RunMetrics


class Slot(msgspec.Struct, frozen=True):
    """One of the budget."""

    slot: int
    rung: int


class Importances(msgspec.Struct, frozen=True, kw_only=True):
    """How much each parameter mattered for a sweep's value, or why that cannot be said."""

    batch_id: str
    evaluator: str = "PED-ANOVA"
    n_trials: int = 0
    """Complete trials that the estimate rests on."""
    importances: dict[str, float] = {}
    """Parameter -> share of the explained variation; they sum to 1. Empty when `reason` is set."""
    reason: str | None = None


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep and the attempts that have ended, ordered by slot and attempt."""

    spec: SweepSpec
    standing: Standing
    """When the ledger was read."""
    folder: str = ""
    """Where its runs lie; absolute."""
    running: int = 0
    """Slots that a worker has."""
    given_up: int = 0
    """Slots that failed so often that they are tried no more."""
    not_needed: tuple[Slot, ...] = ()
    """Those of the budget that wait for nothing: a limit was reached."""
    reached: Limit | None = None
    trials: tuple[Trial, ...] = ()
    importances: Importances | None = None
    missing: frozenset[int] = frozenset()
    """Complete runs whose folders are gone."""
    kept: tuple[KeptRun, ...] = ()

    @property
    def last_finished_at(self) -> dt.datetime | None:
        """When the last attempt ended, by the database's clock."""
        return max((trial.finished_at for trial in self.trials if trial.finished_at), default=None)

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that count against the budget."""
        return tuple(trial for trial in self.trials if trial.state == COMPLETE)

    @property
    def ranked(self) -> tuple[Trial, ...]:
        """The complete trials that may be called best: those of the last rung."""
        last = max(rung_of_slots(self.spec.method, self.spec.n_trials))
        return tuple(trial for trial in self.complete if trial.rung >= last)

    @property
    def incomplete(self) -> tuple[Trial, ...]:
        """Attempts that ended without a result."""
        return tuple(trial for trial in self.trials if trial.state != COMPLETE)

    @property
    def finished(self) -> tuple[Trial, ...]:
        """The rows of the results table: complete or failed. An attempt that died was tried again and is not one."""
        return tuple(trial for trial in self.trials if trial.state in {COMPLETE, FAILED})


class Comparison(msgspec.Struct, frozen=True):
    """The stack beside the best of the baselines, by one objective."""

    objective: Objective
    stack: float
    baseline: str
    """Name of the best baseline."""
    baseline_value: float

    @property
    def gain(self) -> float:
        """How much better the stack is, positive when it is, whichever way the objective gets better."""
        difference = self.stack - self.baseline_value
        return -difference if self.objective.direction is Direction.MINIMIZE else difference

    @property
    def beats(self) -> bool:
        """Whether the stack is strictly better."""
        return self.objective.better(self.stack, self.baseline_value)


def parameter_names(names: Iterable[str]) -> list[str]:
    """Parameters in the order of every table: as the configuration lists them, then dotted keys by name.

    A search space that was in the database has lost its own order.

    >>> parameter_names({"training.seed", "learning_rate", "max_depth"})
    ['max_depth', 'learning_rate', 'training.seed']
    """
    found = set(names)
    known = [name for name in PARAMETER_KEYS if name in found]
    return [*known, *sorted(found - set(known))]


def finite(value: float | None) -> float | None:
    """The value, or None when it is not a number."""
    return value if value is not None and math.isfinite(value) else None


def is_model(ranker: str) -> bool:
    """Whether a ranker is one of ours and not a baseline."""
    return ranker == STACK or ranker.startswith("model_")


def rankers(metrics: RunMetrics) -> Table:
    """Models, then baselines, in the order of every table; unknown ones after the known.

    The stack of more seeds than one is their mean, which is what counts.
    """
    stack = {STACK: metrics.objectives} if STACK in metrics.models else {}
    both = metrics.models | stack | metrics.baselines
    known = [name for name in (*MODELS, *BASELINES) if name in both]
    return {name: both[name] for name in [*known, *sorted(both.keys() - set(known))]}


def compare(scores: Table, objective: Objective) -> Comparison | None:
    """The stack of `scores` against the best baseline in it; None when either has no figure."""
    best = best_ranker({name: row for name, row in scores.items() if not is_model(name)}, objective)
    return against(scores, best, objective) if best else None


def against(scores: Table, baseline: str, objective: Objective) -> Comparison | None:
    """The stack of `scores` against one baseline; None when either has no figure."""
    stack, other = (finite(scores[name].of(objective)) if name in scores else None for name in (STACK, baseline))
    return None if stack is None or other is None else Comparison(objective, stack, baseline, other)


def comparisons(scores: Table) -> list[Comparison]:
    """`compare` by every objective that has figures."""
    return [found for objective in Objective if (found := compare(scores, objective))]


def best_ranker(scores: dict[str, Scores], objective: Objective) -> str | None:
    """The ranker with the best figure; the first of equals."""
    figures = {name: value for name, row in scores.items() if (value := finite(row.of(objective))) is not None}
    return _best(figures, objective)


def best_trial(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """The trial whose stack is best by `objective`, the lowest run id among equals; None when none has a figure."""
    sign = 1.0 if objective.direction is Direction.MINIMIZE else -1.0
    scored = ((trial, score) for trial in trials if (score := trial.score(objective)) is not None)
    best = min(scored, key=lambda pair: (sign * pair[1], pair[0].run_id or 0), default=None)
    return best and best[0]


def best_of_target(sweeps: Sequence[Sweep], target: Target) -> Trial | None:
    """The run that stands for a target: the best of all its sweeps by what decides."""
    return best_trial(trials_of_target(sweeps, target), deciding(sweeps, target))


def deciding(sweeps: Sequence[Sweep], target: Target) -> Objective:
    """What the best run of a target is chosen by: the only objective that its sweeps have, or else the headline's."""
    asked = {sweep.spec.objective for sweep in comparable(sweeps) if sweep.spec.target is target}
    return asked.pop() if len(asked) == 1 else HEADLINE_OBJECTIVE


def trials_of_target(sweeps: Sequence[Sweep], target: Target) -> Iterator[Trial]:
    """The trials of every sweep of a target that may be called best."""
    return (trial for sweep in comparable(sweeps) if sweep.spec.target is target for trial in sweep.ranked)


def comparable(sweeps: Sequence[Sweep], like: Sweep | None = None) -> list[Sweep]:
    """Those that were measured like one of them: same data, same seasons, same dates.

    Args:
        sweeps: in the order of their registration.
        like: None takes the newest one.
    """

    def measured(sweep: Sweep) -> tuple[object, ...]:
        return sweep.spec.data_fingerprint, sweep.spec.config.evaluation

    return [sweep for sweep in sweeps if measured(sweep) == measured(like or sweeps[-1])]


def best_so_far(values: Sequence[float | None], objective: Objective) -> list[float | None]:
    """The best value up to and including each place; None until there is one.

    >>> best_so_far([None, 3.0, 4.0, 2.0], Objective.RANK_RMSE)
    [None, 3.0, 3.0, 2.0]
    """
    result: list[float | None] = []
    best: float | None = None
    for value in values:
        if value is not None and (best is None or objective.better(value, best)):
            best = value
        result.append(best)
    return result


def _best(figures: Mapping[K, float], objective: Objective) -> K | None:
    best: K | None = None
    for name, value in figures.items():
        if best is None or objective.better(value, figures[best]):
            best = name
    return best


def best_runs(sweeps: Sequence[Sweep]) -> list[tuple[Target, Trial]]:
    """The run that stands for each target that has one."""
    return [(target, best) for target in Target if (best := best_of_target(sweeps, target))]
