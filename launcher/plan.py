"""The plan: an ordered list of sweeps, expanded from the configuration. Pure data; making one touches nothing.

Surprising: the rolling sweep is the thirteenth of Phase I, and its batch id begins with `phase1_`, not with its phase.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from launcher.text_table import counted, text_table
from trainer.contract.config.settings import Config, Paths, replace
from trainer.contract.digests import digest
from trainer.contract.league.list_checks import check_lists
from trainer.contract.league.manifest import Manifest, read_manifest
from trainer.contract.league.season_checks import usable_split
from trainer.contract.paths.league import LeaguePaths
from trainer.contract.paths.outputs import OutputsRoot
from trainer.contract.sweep.rungs import fidelity
from trainer.contract.sweep.spec import SweepSpec
from trainer.contract.words import Method, Objective, Phase, Target

N_TRIALS = 12
N_JOBS = 4


@dataclass(frozen=True)
class Budget:
    """What every sweep of a plan gets."""

    n_trials: int = N_TRIALS
    n_jobs: int = N_JOBS
    """Workers of one sweep's array."""
    method: Method = Method.OPTUNA
    explain: bool = False
    share_observations: bool = False


class Cell(NamedTuple):
    """One cell of the grid that a plan is expanded from."""

    phase: Phase
    objective: Objective
    target: Target

    @property
    def batch_id(self) -> str:
        """The name of a sweep that was given none.

        >>> Cell(Phase.ROLLING, Objective.SPEARMAN, Target.PLAYOFF_OUTCOME).batch_id
        'phase1_rolling_spearman_playoff_outcome'
        """
        prefix = "phase1_rolling" if self.phase is Phase.ROLLING else self.phase.value
        return f"{prefix}_{self.objective}_{self.target}"


@dataclass(frozen=True)
class Plan:
    """Sweeps in the order in which they run, one after another."""

    sweeps: tuple[SweepSpec, ...]
    n_jobs: int
    config: Config = field(repr=False)
    """What the sweeps were expanded from."""

    @property
    def batch_ids(self) -> list[str]:
        """The sweeps' names, in order."""
        return [spec.batch_id for spec in self.sweeps]

    @property
    def outputs(self) -> OutputsRoot:
        """Where the sweeps' folders lie."""
        return OutputsRoot(Path(self.config.paths.outputs))

    @property
    def n_trials(self) -> int:
        """Trials of all sweeps."""
        return sum(spec.n_trials for spec in self.sweeps)

    @property
    def digest(self) -> str:
        """SHA-256 of what the plan asks for; the number of workers changes no result and is left out."""
        return digest([[spec.batch_id, spec.n_trials, spec.digest] for spec in self.sweeps])

    def table(self) -> str:
        """The plan for people."""
        rows = [
            [i, s.batch_id, s.phase, s.objective, s.objective.direction, s.target, s.method, s.n_trials]
            for i, s in enumerate(self.sweeps, start=1)
        ]
        header = ["", "batch id", "phase", "objective", "direction", "target", "method", "trials"]
        paths = self.config.paths
        known = self.sweeps[0].data_fingerprint[:12] or "not there yet, made when the plan is run"
        return (
            f"{text_table(header, rows)}\n\n"
            f"{counted(len(self.sweeps), 'sweep')}, {counted(self.n_trials, 'trial')}, "
            f"{counted(self.n_jobs, 'worker')} a sweep; "
            f"plan {self.digest[:12]}\n"
            f"data {paths.data} ({known}), outputs {paths.outputs}; "
            f"then the analysis {self.outputs.analysis}"
        )

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        return {
            "digest": self.digest,
            "n_trials": self.n_trials,
            "n_jobs": self.n_jobs,
            "data": self.config.paths.data,
            "outputs": self.config.paths.outputs,
            "sweeps": [
                {
                    "batch_id": spec.batch_id,
                    "phase": spec.phase,
                    "objective": spec.objective,
                    "direction": spec.objective.direction,
                    "target": spec.target,
                    "method": spec.method,
                    "n_trials": spec.n_trials,
                    "digest": spec.digest,
                    "data_fingerprint": spec.data_fingerprint,
                    "folder": str(self.outputs.sweep(spec.batch_id).folder),
                }
                for spec in self.sweeps
            ],
            "analysis": str(self.outputs.analysis),
        }


def expand_phase1(config: Config, budget: Budget) -> Plan:
    """The twelve sweeps of Phase I (each objective with each target) and then the rolling sweep.

    Raises:
        ConfigError: when the config has no search space for a phase, or asks for seasons that the league lacks, or that
            are not over.
        DataError: when there is no league at `paths.data`.
    """
    cells = [Cell(Phase.PHASE1, objective, target) for objective in Objective for target in Target]
    cells.append(Cell(Phase.ROLLING, Objective.SPEARMAN, Target.PLAYOFF_OUTCOME))
    return _plan(config, budget, {cell.batch_id: cell for cell in cells})


def expand_sweep(config: Config, budget: Budget, cell: Cell, batch_id: str | None = None) -> Plan:
    """A plan of one sweep. Raises like `expand_phase1`."""
    return _plan(config, budget, {cell.batch_id if batch_id is None else batch_id: cell})


def awaits_demo_league(config: Config) -> bool:
    """Whether `paths.data` is the demo league's folder and it is not there yet; whoever runs a plan makes it first."""
    folder = Path(config.paths.data)
    return folder == Path(Paths().data) and not LeaguePaths(folder).manifest.exists()


def _plan(config: Config, budget: Budget, cells: dict[str, Cell]) -> Plan:
    manifest = None if awaits_demo_league(config) else read_manifest(Path(config.paths.data))
    sweeps = tuple(
        SweepSpec(
            batch_id=batch_id,
            objective=cell.objective,
            target=cell.target,
            phase=cell.phase,
            method=budget.method,
            n_trials=budget.n_trials,
            config=replace(config, {"training.listmle_target": cell.target}),
            data_fingerprint=manifest.fingerprint if manifest else "",
            explain=budget.explain,
            share_observations=budget.share_observations,
        )
        for batch_id, cell in cells.items()
    )
    for spec in sweeps:
        _refuse_now(spec, manifest)
    return Plan(sweeps=sweeps, n_jobs=budget.n_jobs, config=config)


def _refuse_now(spec: SweepSpec, manifest: Manifest | None) -> None:
    """Refuse what would otherwise be found out by workers, one after the other."""
    for config in spec.corners():
        if manifest is not None:
            split = usable_split(config.evaluation, manifest, {spec.target})
            check_lists(config, split, manifest, fidelity(spec.method, spec.n_trials, 0))
