"""Hand-made trials: every figure follows from a run's `skill`, so that a test can say what must be found."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest

from tests.support.places import CONFIG
from truestrength.launcher.report.trials import Importances, Sweep, Trial
from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange
from truestrength.trainer.contract.config.settings import Config, load_config, replace
from truestrength.trainer.contract.records.metrics import BASELINES, RunMetrics, Scores, StageCount
from truestrength.trainer.contract.records.odds import OddsScores, ReliabilityBin, TitleOdds
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target

START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
BASELINE_SKILL = dict(zip(BASELINES, (0.79, 0.80, 0.82, 0.81, 0.55, 0.83), strict=True))


def make_scores(skill: float) -> Scores:
    return Scores(
        spearman=skill,
        ndcg4=skill + 0.01,
        ndcg16=skill + 0.02,
        ndcg20=skill + 0.03,
        playoff_spearman=skill - 0.2,
        rank_rmse=12 * (1 - skill),
    )


def make_odds(brier: float = 0.8, log_loss: float = 1.9, champions: int = 2) -> TitleOdds:
    """The run's odds have these scores; uniform and Elo odds have fixed ones."""
    table = {
        name: OddsScores(brier=b, log_loss=ll, skill=1 - b / 0.96, champion=0.1)
        for name, b, ll in (("stack", brier, log_loss), ("uniform", 0.96, 3.4), ("elo", 0.9, 2.4))
    }
    bins = ((0.0, 0.01, 5000, 48, 0.002, 0.0), (0.1, 0.2, 700, 17, 0.14, 0.17), (0.3, 0.5, 25, 3, 0.32, 0.24))
    return TitleOdds(
        points_per_score=4.2,
        champions=champions,
        scores=table,
        by_third={
            third: {
                name: OddsScores(brier=row.brier + shift, log_loss=row.log_loss, skill=row.skill, champion=row.champion)
                for name, row in table.items()
            }
            for third, shift in (("early", 0.05), ("middle", 0.0), ("late", -0.05))
        },
        reliability=tuple(ReliabilityBin(*values) for values in bins),
    )


def make_metrics(
    skill: float, target: str = "final_rank", seasons: tuple[str, ...] = ("2021-22", "2022-23")
) -> RunMetrics:
    models = {"stack": skill, "model_a": skill - 0.03, "model_b": skill - 0.02, "model_c": skill - 0.01}
    everyone = models | BASELINE_SKILL
    return RunMetrics(
        target=target,
        seasons=seasons,
        n_dates=300,
        models={name: make_scores(value) for name, value in models.items()},
        baselines={name: make_scores(value) for name, value in BASELINE_SKILL.items()},
        by_conference={
            place: {name: make_scores(value + shift) for name, value in everyone.items()}
            for place, shift in (("East", -0.02), ("West", 0.01))
        },
        by_third={
            third: {name: make_scores(value * share) for name, value in everyone.items()}
            for third, share in (("early", 0.7), ("middle", 0.95), ("late", 1.1))
        },
        title_odds=make_odds(champions=len(seasons)),
        stack_weights={"model_a": 0.5, "model_b": 0.3, "model_c": 0.2},
        stack_without={
            "model_a": make_scores(skill - 0.02),
            "model_b": make_scores(skill - 0.004),
            "model_c": make_scores(skill + 0.003),
        },
        cache={"features": StageCount(hits=1), "model_a": StageCount(hits=5, misses=1)},
        seconds={"features": 0.25, "model_a": 3.5, "stack": 0.1},
    )


@cache
def read_config(target: Target) -> Config:
    return replace(load_config(CONFIG), {"training.listmle_target": target})


def make_spec(
    objective: Objective = Objective.SPEARMAN,
    target: Target = Target.FINAL_RANK,
    phase: Phase = Phase.PHASE1,
    n_trials: int = 3,
    method: Method = Method.OPTUNA,
) -> SweepSpec:
    prefix = "phase1_rolling" if phase is Phase.ROLLING else phase.value
    return SweepSpec(
        batch_id=f"{prefix}_{objective}_{target}",
        objective=objective,
        target=target,
        phase=phase,
        method=method,
        n_trials=n_trials,
        config=read_config(target),
        data_fingerprint="f" * 64,
    )


def draw_parameters(spec: SweepSpec, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    drawn: dict[str, Any] = {}
    for name, dimension in spec.space.items():
        match dimension:
            case IntRange(low=low, high=high):
                drawn[name] = chance.randint(low, high)
            case FloatRange(low=low, high=high):
                drawn[name] = chance.uniform(low, high)
            case Choice(values=values):
                drawn[name] = list(chance.choice(values))
            case Fixed(value=value):
                drawn[name] = value
    return drawn


def make_trial(spec: SweepSpec, slot: int, skill: float, run_id: int, **changes: Any) -> Trial:
    metrics = make_metrics(skill, spec.target)
    trial = Trial(
        batch_id=spec.batch_id,
        run_id=run_id,
        slot=slot,
        attempt=1,
        state="complete",
        trial_number=slot,
        value=metrics.objectives.of(spec.objective),
        parameters=draw_parameters(spec, run_id),
        seconds=10.0 + slot,
        started_at=START + dt.timedelta(seconds=20 * slot),
        finished_at=START + dt.timedelta(seconds=20 * slot + 10 + slot),
        host="node-1",
        job_id="7_0",
        objectives=msgspec.to_builtins(metrics.objectives),
        metrics=metrics,
    )
    return msgspec.structs.replace(trial, **changes)


def make_failed(spec: SweepSpec, slot: int, run_id: int | None, reason: str, state: str = "failed") -> Trial:
    return Trial(
        batch_id=spec.batch_id,
        run_id=run_id,
        slot=slot,
        attempt=1,
        state=state,
        reason=reason,
        host="node-2",
        seconds=1.5,
    )


def make_sweep(spec: SweepSpec, skills: list[float], first_run: int = 25) -> Sweep:
    trials = tuple(make_trial(spec, slot, skill, first_run + slot) for slot, skill in enumerate(skills))
    known = Importances(
        batch_id=spec.batch_id, n_trials=len(skills), importances={"max_depth": 0.75, "learning_rate": 0.25}
    )
    standing = "complete" if len(skills) >= spec.n_trials else "stopped" if skills else "waiting"
    return Sweep(spec=spec, standing=standing, trials=trials, importances=known)


def make_phase1(n_trials: int = 12, skill: float = 0.82, seed: int = 3) -> list[Sweep]:
    """All thirteen sweeps, with skills around `skill` and run ids from 25."""
    chance = random.Random(seed)
    cells = [(Phase.PHASE1, o, t) for o in Objective for t in Target]
    cells.append((Phase.ROLLING, Objective.SPEARMAN, Target.PLAYOFF_OUTCOME))
    sweeps = []
    for index, (phase, objective, target) in enumerate(cells):
        spec = make_spec(objective, target, phase, n_trials)
        skills = [round(chance.gauss(skill, 0.015), 6) for _ in range(n_trials)]
        sweeps.append(make_sweep(spec, skills, first_run=25 + index * n_trials))
    return sweeps


@pytest.fixture
def phase1() -> list[Sweep]:
    """All thirteen sweeps, complete, three trials each."""
    return make_phase1(n_trials=3)


@pytest.fixture
def build() -> Any:
    """The builders, for tests that make their own trials."""

    class Build:
        spec: Callable[..., SweepSpec] = staticmethod(make_spec)
        metrics: Callable[..., RunMetrics] = staticmethod(make_metrics)
        scores: Callable[..., Scores] = staticmethod(make_scores)
        odds: Callable[..., TitleOdds] = staticmethod(make_odds)
        trial: Callable[..., Trial] = staticmethod(make_trial)
        failed: Callable[..., Trial] = staticmethod(make_failed)
        sweep: Callable[..., Sweep] = staticmethod(make_sweep)
        phase1: Callable[..., list[Sweep]] = staticmethod(make_phase1)

    return Build
