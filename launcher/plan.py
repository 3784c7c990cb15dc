"""The plan: an ordered list of sweeps, as the configuration's entries were expanded. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from truestrength.trainer.contract.config.settings import Config, Paths
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.axes import axes
from truestrength.trainer.contract.sweep.limits import NO_LIMITS, Limits
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.text_table import counted, text_table
from truestrength.trainer.contract.words import Sampler


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep and how it stands among the others."""

    spec: SweepSpec
    n_jobs: int
    """Workers of its array; they change no result."""
    after: tuple[str, ...] | None = None
    """Batch ids of the sweeps that have to end before it begins; None: as the order of the plan asks for."""
    limits: Limits = NO_LIMITS
    """What ends it early; they change no result."""


@dataclass(frozen=True)
class Plan:
    """Sweeps in the order in which they run, one after another."""

    planned: tuple[PlannedSweep, ...]
    config: Config = field(repr=False)
    """What the sweeps were expanded from."""
    command: str = field(default="", repr=False)
    """The command line that asks for it; changes no result."""

    @property
    def sweeps(self) -> list[SweepSpec]:
        """What is registered, in order."""
        return [one.spec for one in self.planned]

    @property
    def n_jobs(self) -> int:
        """Workers at once, at most."""
        return max(one.n_jobs for one in self.planned)

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
        """SHA-256 of what the plan asks for; workers and limits change no result and are left out."""
        return digest([[spec.batch_id, spec.n_trials, spec.digest] for spec in self.sweeps])

    def table(self) -> str:
        """The plan for people."""
        header = ["", "batch id", "phase", "objective", "direction", "target", "method"]
        rows = [
            [i, s.batch_id, s.phase, s.objective, s.objective.direction, s.target, s.method]
            for i, s in enumerate(self.sweeps, start=1)
        ]
        columns: dict[str, list[Any]] = {name: column for name, column in axes(self.sweeps).items() if "." in name}
        columns["trials"] = [spec.n_trials for spec in self.sweeps]
        further: dict[str, list[Any]] = {
            "sampler": [s.sampler if s.sampler is not Sampler.TPE else None for s in self.sweeps],
            "points first": [len(spec.first) or None for spec in self.sweeps],
            "prior": [", ".join(spec.prior) or None for spec in self.sweeps],
            "seeds": [spec.repeats if spec.repeats > 1 else None for spec in self.sweeps],
            "max minutes": [one.limits.max_minutes for one in self.planned],
            "goal": [one.limits.goal for one in self.planned],
        }
        columns |= {name: column for name, column in further.items() if any(column)}
        if len({one.n_jobs for one in self.planned}) > 1:
            columns["workers"] = [one.n_jobs for one in self.planned]
        for column in columns.values():
            for row, value in zip(rows, column, strict=True):
                row.append(value)
        paths = self.config.paths
        known = self.sweeps[0].data_fingerprint[:12] or "not there yet, made when the plan is run"
        return (
            f"{text_table([*header, *columns], rows)}\n\n"
            f"{counted(len(self.sweeps), 'sweep')}, {counted(self.n_trials, 'trial')}, "
            f"{'up to ' if 'workers' in columns else ''}{counted(self.n_jobs, 'worker')} a sweep; "
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
                    "n_jobs": one.n_jobs,
                    "sampler": spec.sampler,
                    "first": spec.first,
                    "prior": spec.prior,
                    "repeats": spec.repeats,
                    "max_minutes": one.limits.max_minutes,
                    "goal": one.limits.goal,
                    "after": one.after,
                    "digest": spec.digest,
                    "data_fingerprint": spec.data_fingerprint,
                    "folder": str(self.outputs.sweep(spec.batch_id).folder),
                }
                for one in self.planned
                for spec in [one.spec]
            ],
            "analysis": str(self.outputs.analysis),
            "page": str(self.outputs.page),
        }


def awaits_demo_league(config: Config) -> bool:
    """Whether `paths.data` is the demo league's folder and it is not there yet; whoever runs a plan makes it first."""
    folder = Path(config.paths.data)
    return folder == Path(Paths().data) and not LeaguePaths(folder).manifest.exists()
