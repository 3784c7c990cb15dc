"""What every slot has to come to: sweeps of the same seed, run without a fault by one worker, once for all rounds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.project import MAIN, PHASE1_TRIALS, TRIALS, Project, environment, project
from benchmarks.setting import running_database
from truestrength.launcher.expansion import Budget, expand_sweep
from truestrength.launcher.registration import register
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.search_space import Parameters
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.sweep.start_slots import START_SLOTS
from truestrength.trainer.contract.words import Method, Objective, Phase, Target

SEARCHED = Method.OPTUNA
"""The one method whose later slots depend on who was first."""


@dataclass(frozen=True)
class Truth:
    """What one slot comes to, for every objective."""

    parameters: Parameters
    objectives: Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """Of the small league."""

    league: Path
    truths: Mapping[tuple[Any, ...], Mapping[int, Truth]]

    def of(self, spec: SweepSpec) -> dict[int, Truth]:
        """The slots of a sweep whose parameters and values are known beforehand."""
        known = self.truths[_key(spec)]
        last = min(START_SLOTS, spec.n_trials) if spec.method is SEARCHED else spec.n_trials
        return {slot: known[slot] for slot in range(last)}


def make(folder: Path) -> Reference:
    """Make the league and run the sweeps, in a new folder.

    Raises:
        UserError: something failed, which is no chaos.
    """
    league = folder / "league"
    folder.mkdir(parents=True)
    _run("data", "demo", "--seasons", "4", "--into", str(league))
    with project(folder / "project", league) as place, running_database(folder / "postgres") as url:
        specs = list(_specs(place))
        with Ledger(url) as ledger:
            for spec in specs:
                register(ledger, spec, place.outputs)
            names = [word for spec in specs for word in ("--batch-id", spec.batch_id)]
            _run("work", *names, "--threads", "1", **{address.URL_VARIABLE: url})
            return Reference(league, {_key(spec): _truths(ledger, spec) for spec in specs})


def of_sweep(ledger: Ledger, spec: SweepSpec, league: Path) -> Reference:
    """One complete sweep as the reference for another."""
    return Reference(league, {_key(spec): _truths(ledger, spec)})


def _specs(place: Project) -> Iterator[SweepSpec]:
    for method in Method:
        yield expand_sweep(place.config, Budget(TRIALS, method=method), MAIN, method).sweeps[0]
    for phase in (Phase.PHASE1, Phase.ROLLING):
        words = Words(phase=phase, objective=Objective.SPEARMAN, listmle_target=Target.PLAYOFF_OUTCOME)
        yield expand_sweep(place.config, Budget(PHASE1_TRIALS), words).sweeps[0]


def _key(spec: SweepSpec) -> tuple[Any, ...]:
    return (spec.method, spec.phase, spec.target)


def _truths(ledger: Ledger, spec: SweepSpec) -> dict[int, Truth]:
    rows = ledger.slots(spec.batch_id)
    if any(row.parameters is None or row.objectives is None for row in rows):
        raise UserError(f"the reference {spec.batch_id} is not complete, without any fault")
    return {row.slot: Truth(row.parameters or {}, row.objectives or {}) for row in rows}


def _run(*words: str, **more: str) -> None:
    command = [sys.executable, "-m", "trainer", *words]
    done = subprocess.run(command, env=environment(**more), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"`trainer {words[0]}` failed without any fault: {done.stderr[-2000:]}")
