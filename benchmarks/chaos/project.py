"""A user's folder for one round: a small league, a configuration, an embedded server, the command that he repeats."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.disk import SmallDisk
from benchmarks.chaos.plan import Kind, Round, Setting
from truestrength.launcher.expansion import Budget, expand_plan, expand_sweep
from truestrength.launcher.plan import Plan
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database.sessions import Session, connected
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.ledger.lease import LEASE_VARIABLE
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths
from truestrength.trainer.contract.words import Objective, Phase, Target

LEASE_S = 5
TRIALS = 14
"""Of a sweep: ten from the start design and four that are searched."""
PHASE1_TRIALS = 3
SIBLING_TRIALS = 4
DISK_MB = 64
APPLICATION = "chaos"
"""The name of our own sessions, which are nobody's victims."""
CONFIG = """
paths: {data: league, outputs: outputs/root, batch_cache: cache/store}
evaluation: {validation: 1, holdout: 1}
training: {n_folds: 2, max_lists_oof: 16, max_final_batches: 16, rolling_windows: [10]}
model_a: {epochs: 12}
search_spaces:
  phase1: &small
    model_a.learning_rate: {type: float, low: 0.001, high: 0.01}
    n_estimators_xgb: {type: int, low: 5, high: 12}
    n_estimators_rf: {type: int, low: 5, high: 12}
  rolling: *small
plans:
  phase1:
    - grid:
        objective: [spearman, ndcg4, ndcg16, ndcg20, playoff_spearman, rank_rmse]
        listmle_target: [final_rank, playoff_outcome]
    - {phase: rolling, objective: spearman, listmle_target: playoff_outcome}
"""
"""Every trial trains a model A of its own, so that it lasts long enough to be struck in the middle."""


@dataclass(frozen=True)
class Project:
    """Everything of one round lies in one folder."""

    folder: Path

    @property
    def outputs(self) -> OutputsRoot:
        """The outputs root."""
        return OutputsRoot(self.folder / "outputs" / "root")

    @property
    def store(self) -> Path:
        """Of all stages."""
        return self.folder / "cache" / "store"

    @property
    def config(self) -> Config:
        """The configuration, with paths that hold from anywhere."""
        paths = {"data": self.folder / "league", "outputs": self.outputs.root, "batch_cache": self.store}
        return load_config(self.folder / "config.yaml", [f"paths.{name}={path}" for name, path in paths.items()])

    def commands(self, round_: Round) -> list[list[str]]:
        """What the user runs, one after the other."""
        setting = round_.setting
        share = ["--share-observations"] if setting.share else []
        running = ["--n-jobs", str(round_.n_jobs), "--config", "config.yaml", *share]
        if setting.phase1:
            return [launcher("phase1", "--no-noise", "--n-trials", str(PHASE1_TRIALS), *running)]
        main = ["sweep", "--n-trials", str(TRIALS), "--method", setting.method, *running]
        sibling = ["sweep", "--n-trials", str(SIBLING_TRIALS), "--objective", Objective.NDCG4, *running]
        return [launcher(*words) for words in ([sibling, main] if setting.share else [main])]

    def plans(self, setting: Setting) -> list[Plan]:
        """The same as data."""
        config, share = self.config, setting.share
        if setting.phase1:
            return [expand_plan(config, "phase1", Budget(PHASE1_TRIALS))]
        sibling = Words(phase=Phase.PHASE1, objective=Objective.NDCG4, listmle_target=Target.FINAL_RANK)
        main = expand_sweep(config, Budget(TRIALS, method=setting.method, share_observations=share), MAIN)
        first = expand_sweep(config, Budget(SIBLING_TRIALS, share_observations=share), sibling)
        return [first, main] if share else [main]

    @property
    def url(self) -> str:
        """Of the round's database; the server may be away at the moment.

        Raises:
            DatabaseError: it was never made.
        """
        path = address.root_url_file(self.folder, self.outputs)
        if path is None:
            raise DatabaseError("there is no database yet")
        return address.read_url(path)

    @contextmanager
    def ledger(self, patience_s: float = 90.0) -> Iterator[Ledger]:
        """The ledger of the round."""
        with Ledger(self.url, patience_s=patience_s) as opened:
            yield opened

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that no fault takes for its victim.

        Raises:
            psycopg2.Error: the server is away.
        """
        with connected(self.url, application_name=APPLICATION) as session:
            yield session

    def postmaster(self) -> int:
        """The server's first process.

        Raises:
            FileNotFoundError: the server is down.
        """
        return int((EmbeddedServerPaths.of(self.folder).data / "postmaster.pid").read_text().split()[0])


MAIN = Words(phase=Phase.PHASE1, objective=Objective.SPEARMAN, listmle_target=Target.FINAL_RANK)


@contextmanager
def project(folder: Path, league: Path, round_: Round | None = None) -> Iterator[Project]:
    """Make a project in a new folder, with the small disks that the round's faults fill.

    Raises:
        UserError: a disk cannot be mounted.
    """
    folder.mkdir(parents=True)
    (folder / "league").symlink_to(league.absolute())
    (folder / "config.yaml").write_text(CONFIG)
    wanted = {fault.kind for fault in round_.faults} if round_ else set()
    disks: list[SmallDisk] = []
    try:
        for name, kind in (("cache", Kind.CACHE_FULL), ("outputs", Kind.OUTPUTS_FULL)):
            if kind in wanted:
                disks.append(SmallDisk(folder / name, DISK_MB))
        yield Project(folder)
    finally:
        for disk in disks:
            disk.close()


def launcher(*words: str) -> list[str]:
    """A command of the launcher's."""
    return [sys.executable, "-m", "launcher", *words]


def environment(**more: str) -> dict[str, str]:
    """This process's, without a database, with a short lease."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "PG"))}
    plain.pop("TRUESTRENGTH_POSTGRES", None)
    return {**plain, LEASE_VARIABLE: str(LEASE_S), **more}
