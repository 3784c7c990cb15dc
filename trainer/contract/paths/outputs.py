"""The paths of an outputs root: sweeps, runs, what the jobs of a cluster share, reservations of run ids.

The surprising one: a run id is reserved by creating `.run_ids/<id>` in the outputs root, because two sweeps put
their run folders in different places and only one of them may have `run_025`.
"""

from __future__ import annotations

import glob
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FIGURES = "figures"
RUN_FOLDER = re.compile(r"^run_(\d+)$")


def run_name(run_id: int) -> str:
    """The name of a run.

    >>> run_name(25), run_name(1234)
    ('run_025', 'run_1234')
    """
    return f"run_{run_id:03d}"


@dataclass(frozen=True)
class RunPaths:
    """The folder of one training run."""

    folder: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.folder / "config.yaml"

    @property
    def metrics(self) -> Path:
        """`RunMetrics` on the validation seasons; there when the run is complete."""
        return self.folder / "metrics.json"

    @property
    def holdout(self) -> Path:
        """`RunMetrics` on the held-out season; only for the best run, and written once."""
        return self.folder / "holdout.json"

    @property
    def holdout_predictions(self) -> Path:
        """Like `predictions`, on the held-out season."""
        return self.folder / "holdout_predictions.parquet"

    @property
    def noise(self) -> Path:
        """`Noise`: the figures of its configuration with other seeds; only for the best run."""
        return self.folder / "noise.json"

    @property
    def explanation(self) -> Path:
        """What each feature is worth (`--run-explain`)."""
        return self.folder / "explanation.csv"

    @property
    def contributions(self) -> Path:
        """What each column and player adds to each team's strength on one date; of a sweep's best run."""
        return self.folder / "contributions.csv"

    @property
    def contributions_chart(self) -> Path:
        """The same, drawn."""
        return self.folder / "contributions.svg"

    @property
    def predictions(self) -> Path:
        """One row per season, date and team of the validation seasons."""
        return self.folder / "predictions.parquet"

    @property
    def provenance(self) -> Path:
        """Where the run came from and how it ended."""
        return self.folder / "provenance.json"

    @property
    def log(self) -> Path:
        """What the run said."""
        return self.folder / "log.txt"

    @property
    def models(self) -> Path:
        """The fitted models, in open formats."""
        return self.folder / "models"


@dataclass(frozen=True)
class ModelPaths:
    """The fitted models of one run (`RunPaths.models`)."""

    folder: Path

    @property
    def model_a(self) -> Path:
        """Weights and standardisation of the deep set."""
        return self.folder / "model_a.safetensors"

    @property
    def model_b(self) -> Path:
        """XGBoost's own JSON."""
        return self.folder / "model_b.json"

    @property
    def model_c(self) -> Path:
        """The forest's nodes."""
        return self.folder / "model_c.safetensors"

    @property
    def stack(self) -> Path:
        """Weights of the stack, and the columns that the models read; written last."""
        return self.folder / "stack.json"


@dataclass(frozen=True)
class SweepPaths:
    """The folder of one sweep."""

    folder: Path

    @property
    def config(self) -> Path:
        """What was asked for."""
        return self.folder / "sweep_config.json"

    @property
    def results(self) -> Path:
        """A row per finished trial."""
        return self.folder / "sweep_results.csv"

    @property
    def summary(self) -> Path:
        """The best by every objective."""
        return self.folder / "sweep_results_summary.json"

    @property
    def best_configs(self) -> Path:
        """The best configuration by every objective."""
        return self.folder / "best_config_by_objective.json"

    @property
    def study(self) -> Path:
        """The Optuna study as JSON."""
        return self.folder / "optuna_study.json"

    @property
    def study_file(self) -> Path:
        """The Optuna study as an SQLite file."""
        return self.folder / "study.sqlite3"

    @property
    def importances(self) -> Path:
        """Parameter importances."""
        return self.folder / "optuna_importances.json"

    @property
    def command(self) -> Path:
        """The command that asked for it last."""
        return self.folder / "command.txt"

    @property
    def page(self) -> Path:
        """All of it as one file for a browser."""
        return self.folder / "report.html"

    @property
    def figures(self) -> Path:
        """The charts of the page."""
        return self.folder / FIGURES

    @property
    def jobs(self) -> Path:
        """Scripts and logs of jobs, a folder per submission."""
        return self.folder / "jobs"

    def worker_logs(self) -> list[Path]:
        """What the workers submitted for this sweep said, the newest submission last. The names are as submitit's."""
        return [path for submission in sorted(self.jobs.glob("*/")) for path in worker_logs(submission)]

    def newest_array(self) -> Path | None:
        """The folder of the newest submission, if that was one to SLURM."""
        newest = max((folder for folder in self.jobs.glob("*") if folder.is_dir()), key=lambda f: f.name, default=None)
        return newest if newest and submission_script(newest).exists() else None

    def run_ids(self) -> set[int]:
        """The runs whose folders are there."""
        names = (entry.name for entry in self.folder.iterdir()) if self.folder.is_dir() else ()
        return {int(found.group(1)) for name in names if (found := RUN_FOLDER.match(name))}

    def run(self, run_id: int) -> RunPaths:
        """The folder of one of the sweep's runs."""
        return RunPaths(self.folder / run_name(run_id))


@dataclass(frozen=True)
class OutputsRoot:
    """The outputs root (`outputs4`)."""

    root: Path

    @property
    def identity(self) -> Path:
        """A random id that names the root's run-id sequence wherever the root is mounted or moved to."""
        return self.root / ".outputs_id"

    @property
    def ledger(self) -> Path:
        """Which ledger the root belongs to, as JSON."""
        return self.root / ".ledger.json"

    @property
    def reservations(self) -> Path:
        """A file per run id ever given; creating it is what gives the id."""
        return self.root / ".run_ids"

    @property
    def sweeps(self) -> Path:
        """The sweeps' folders."""
        return self.root / "sweeps"

    @property
    def cluster(self) -> ClusterPaths:
        """What a cluster's jobs share."""
        return ClusterPaths(self.root / ".cluster")

    @property
    def analysis(self) -> Path:
        """The report over all sweeps."""
        return self.sweeps / "SWEEP_PHASE1_ANALYSIS.md"

    @property
    def page(self) -> Path:
        """The report over all sweeps as one file for a browser."""
        return self.sweeps / "report.html"

    @property
    def summary(self) -> Path:
        """The verdict, counts and sums of all sweeps, for programs."""
        return self.sweeps / "summary.json"

    @property
    def figures(self) -> Path:
        """The report's plots."""
        return self.sweeps / FIGURES

    def sweep(self, batch_id: str) -> SweepPaths:
        """The folder of one sweep."""
        return SweepPaths(self.sweeps / batch_id)

    def sweep_names(self) -> list[str]:
        """The sweeps that have a folder, whether a ledger knows them or not."""
        return sorted(place.name for place in self.sweeps.iterdir() if place.is_dir()) if self.sweeps.is_dir() else []

    def worker_logs(self, job_id: str) -> list[Path]:
        """What a job said, in whichever sweep's folder it was submitted; the newest job of this id last."""
        found = self.sweeps.glob(f"*/jobs/*/{glob.escape(job_id)}_*_log.*")
        return sorted(found, key=lambda path: path.parent.name)

    def provenance_files(self) -> list[Path]:
        """Where the runs of the sweeps came from."""
        return sorted(self.sweeps.glob("*/run_*/provenance.json"))

    def held_out_files(self) -> list[Path]:
        """What was read of the held-out season, by whichever run of a sweep."""
        return sorted(self.sweeps.glob("*/run_*/holdout.json"))

    def lone_run(self, run_id: int) -> RunPaths:
        """The folder of a run outside any sweep."""
        return RunPaths(self.root / "runs" / run_name(run_id))

    def reservation(self, run_id: int) -> Path:
        """The file whose creation gives `run_id` away."""
        return self.reservations / run_name(run_id)

    def run_folders(self, run_id: int) -> list[Path]:
        """The folders of this run id, wherever in the root they are."""
        return [place / run_name(run_id) for place in self._run_places() if (place / run_name(run_id)).is_dir()]

    def highest_run_id(self) -> int:
        """The highest run id that has a reservation or a folder anywhere in the root; 0 when there is none."""
        places = [self.reservations, *self._run_places()]
        names = (entry.name for place in places if place.is_dir() for entry in place.iterdir())
        return max((int(found.group(1)) for name in names if (found := RUN_FOLDER.match(name))), default=0)

    def _run_places(self) -> list[Path]:
        return [self.root / "runs", self.root, *(self.sweeps / name for name in self.sweep_names())]


@dataclass(frozen=True)
class ClusterPaths:
    """What the jobs of a cluster share, in the outputs root; secrets are for their owner only."""

    folder: Path

    @property
    def environment(self) -> Path:
        """Shell lines that every job reads first."""
        return self.folder / "environment.sh"

    @property
    def database_url(self) -> Path:
        """The database's URL, when the submitter had it in an environment variable."""
        return self.folder / "database_url"

    def plan(self, name: str) -> Path:
        """What the jobs of a plan have in common, as JSON; each of their commands names this file."""
        return self.folder / "plans" / f"{name}.json"

    @property
    def jobs(self) -> Path:
        """Scripts and logs of jobs that serve a whole plan, a folder per submission."""
        return self.folder / "jobs"


def submission_folder(jobs: Path) -> Path:
    """A new folder for one submission, named so that the newest sorts last."""
    return jobs / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}_{secrets.token_hex(3)}"


def worker_logs(submission: Path) -> list[Path]:
    """What the workers of one submission said; of a job that forks them its own log only where none has one."""
    found = sorted(submission.glob("*_log.*"))
    jobs = {path: path.name.partition("_0_log.")[0] for path in found}
    return [p for p in found if not any(q is not p and q.name.startswith(f"{jobs[p]}_") for q in found)]


def submission_script(folder: Path) -> Path:
    """The batch script of a submission to SLURM."""
    return folder / "submission.sh"
