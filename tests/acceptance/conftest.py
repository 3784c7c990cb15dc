"""A real SLURM on this machine, and projects that submit to it by the launcher's own command."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.password_watch import Watch, watching
from tests.support.places import REPOSITORY
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.ledger import AttemptRow, Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot

CLUSTER = REPOSITORY / "slurm" / "one_machine" / "cluster.py"
PROFILE = REPOSITORY / "slurm" / "profiles" / "one_machine.yaml"
LEASE_S = 10
MAX_ARRAY_SIZE = 4
CHEAP = """
extends: [{config}]
paths: {{data: {data}, batch_cache: {cache}}}
evaluation: {{validation: 1, first_day: 120}}
training: {{max_lists_oof: 4, max_final_batches: 4, n_folds: 2, roster_size: 5, rolling_windows: [5]}}
search_spaces:
  phase1: &cheap
    model_a_epochs: {{type: fixed, value: 15}}
    model_a.learning_rate: {{type: float, low: 0.001, high: 0.01}}
    n_estimators_xgb: {{type: fixed, value: 2}}
    n_estimators_rf: {{type: fixed, value: 2}}
    rolling_windows: {{type: fixed, value: [5]}}
  rolling: *cheap
plans:
  small:
    - grid: {{objective: [spearman, ndcg4], listmle_target: [final_rank, playoff_outcome]}}
      exclude:
        - {{objective: spearman, listmle_target: playoff_outcome}}
        - {{objective: ndcg4, listmle_target: final_rank}}
    - phase: rolling
      listmle_target: playoff_outcome
      batch_id: "phase1_rolling_{{objective}}_{{listmle_target}}"
      after: all
"""
"""Every trial trains a model of its own, for about a second."""


class Slurm:
    """A cluster that runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def act(self, *action: str) -> None:
        """Start, stop or break something: an action of cluster.py."""
        command = [sys.executable, str(CLUSTER), *action, "--folder", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr

    @property
    def conf(self) -> Path:
        return self.folder / "etc" / "slurm.conf"

    def ask(self, *command: str) -> str:
        environment = {**os.environ, "SLURM_CONF": str(self.conf)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def queue(self) -> list[dict[str, str]]:
        """Live jobs, an element of an array each."""
        fields = {"id": "%i", "array": "%F", "name": "%j", "state": "%T", "node": "%N", "after": "%E"}
        lines = self.ask("squeue", "-h", "-r", "-o", "|".join(fields.values())).splitlines()
        return [dict(zip(fields, line.split("|"), strict=True)) for line in lines]

    def states(self) -> dict[str, list[str]]:
        """How jobs ended, by name, from accounting."""
        found: dict[str, list[str]] = {}
        for line in self.ask("sacct", "-n", "-X", "-P", "-D", "-o", "JobName,State").splitlines():
            name, state = line.split("|")
            found.setdefault(name, []).append(state)
        return found

    def clear(self) -> None:
        """Make the cluster as it was: no jobs, all nodes idle."""
        self.act("start-controller")
        self.ask("scancel", "--full", "--signal=KILL", "--user=root")
        self.ask("scancel", "--user=root")
        for node in self.ask("sinfo", "-h", "-N", "-p", "normal", "-t", "down,drain,fail,unk", "-o", "%N").split():
            self.act("revive", node)
        until(lambda: not self.queue(), 60, "an empty queue")


@pytest.fixture(scope="session")
def password_watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Looks for passwords in every folder of the tests, in every process, and in what commands print."""
    with watching(Watch(tmp_path_factory.getbasetemp())) as started:
        if os.environ.get("TEST_DATABASE_URL"):
            started.know(os.environ["TEST_DATABASE_URL"], os.geteuid())
        yield started


@pytest.fixture(autouse=True, scope="session")
def _watched_session(password_watch: Watch) -> None:
    """Also while fixtures run plans."""


@pytest.fixture(autouse=True)
def _no_password_anywhere(password_watch: Watch) -> Iterator[None]:
    yield
    assert password_watch.findings() == []


@pytest.fixture(scope="session")
def slurm(password_watch: Watch) -> Iterator[Slurm]:
    """A cluster of three nodes with accounting; `SLURM_CONF` is set for this process."""
    with running_cluster("--max-array-size", str(MAX_ARRAY_SIZE)) as cluster, pytest.MonkeyPatch.context() as patch:
        password_watch.folders.append(cluster.folder)
        patch.setenv("SLURM_CONF", str(cluster.conf))
        yield cluster


@contextmanager
def running_cluster(*options: str) -> Iterator[Slurm]:
    """Start a cluster in a folder of its own, and leave nothing of it behind."""
    _require_slurm()
    cluster = Slurm(Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp")))
    try:
        cluster.act("start", *options)
        yield cluster
    finally:
        cluster.act("stop")
        shutil.rmtree(cluster.folder)


def _require_slurm() -> None:
    """Skip where there is no SLURM; where it must be tested, install it."""
    required = os.environ.get("CI") == "true" or os.environ.get("TRUESTRENGTH_REQUIRE_SLURM") == "1"
    missing = subprocess.run([sys.executable, str(CLUSTER), "missing"], capture_output=True, text=True, check=True)
    if required:
        subprocess.run([sys.executable, str(CLUSTER), "install"], check=True)
    elif missing.stdout.strip():
        pytest.skip(f"SLURM is not installed: {missing.stdout.strip()} (TRUESTRENGTH_REQUIRE_SLURM=1 installs it)")
    elif os.geteuid() != 0:
        pytest.skip("the one-machine SLURM needs root")


@pytest.fixture(scope="session")
def league(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic league."""
    folder = tmp_path_factory.mktemp("league")
    command = [sys.executable, "-m", "trainer", "data", "demo", "--seasons", "4", "--into", str(folder / "demo")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


class Project:
    """A working directory with a cheap configuration, a database and a cluster."""

    def __init__(self, folder: Path, slurm: Slurm, league: Path, url: str) -> None:
        self.folder = folder
        self.slurm = slurm
        self.ledger = Ledger(url, patience_s=20)
        self.outputs = OutputsRoot(folder / "outputs4")
        self.environment = {
            **os.environ,
            address.URL_VARIABLE: url,
            "SLURM_CONF": str(slurm.conf),
            "TRUESTRENGTH_LEASE_S": str(LEASE_S),
        }
        config = REPOSITORY / "config" / "outputs4_phase1.yaml"
        text = CHEAP.format(config=config, data=league / "demo", cache=folder / "cache")
        (folder / "cheap.yaml").write_text(text)
        self.profile()

    def profile(self, **keys: object) -> None:
        """Write the profile anew, with some keys changed."""
        (self.folder / "cluster.yaml").write_text(json.dumps({"extends": str(PROFILE), **keys}))

    def launcher(self, *arguments: str, **environment: str) -> str:
        """Run `truestrength` and return what it prints."""
        done = self.try_launcher(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_launcher(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._run("-m", "launcher", *arguments, **environment)

    def submit_sweep(self, batch_id: str, n_trials: int, n_jobs: int, *more: str) -> str:
        """Submit one sweep."""
        budget = ["--n-trials", str(n_trials), "--n-jobs", str(n_jobs), "--batch-id", batch_id]
        running = ["--executor", "slurm", "--cluster", "cluster.yaml"]
        return self.launcher("sweep", "--config", "cheap.yaml", *budget, *running, *more)

    def submit_small_plan(self, order: str, n_trials: int, n_jobs: int) -> str:
        """Submit two sweeps and the rolling sweep."""
        budget = ["--n-trials", str(n_trials), "--n-jobs", str(n_jobs)]
        running = ["--executor", "slurm", "--cluster", "cluster.yaml", "--order", order]
        return self.launcher("run", "small", "--config", "cheap.yaml", *budget, *running)

    def wait_for_slots(self, batch_id: str, count: int) -> None:
        """Wait until so many workers run a slot."""
        busy = lambda: sum(w.slot is not None for w in self.ledger.workers(batch_id))  # noqa: E731
        self.until(lambda: busy() >= count, 120, f"{count} busy workers of {batch_id}")

    def wait_for_end(self, seconds: float = 400) -> None:
        """Wait until nothing of the project is in the queue."""
        self.until(lambda: not self.slurm.queue(), seconds, "the end of all jobs")

    def until(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something; when it does not come, show the jobs' logs."""
        with self.explained():
            until(ready, seconds, what)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Show the attempts, the workers and the jobs' logs where an assertion fails."""
        try:
            yield
        except AssertionError as error:
            sweeps = [sweep.batch_id for sweep in self.ledger.all_progress()]
            rows = [str(row) for b in sweeps for row in (*self.ledger.attempts(b), *self.ledger.workers(b))]
            logs = sorted(self.outputs.root.glob("**/*_log.*"))
            tails = [f"{log}:\n{log.read_text()[-1500:]}" for log in logs]
            raise AssertionError("\n".join([str(error), str(self.slurm.queue()), *rows, *tails])) from None

    def job_processes(self) -> Iterator[tuple[int, bytes, set[bytes]]]:
        """Pid, command line and environment of every process in a job of this project, and of no other cluster's."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            except OSError:
                continue
            if b"SLURM_JOB_ID=" in environment and bytes(self.folder) in environment:
                yield int(folder.name), command, set(environment.split(b"\0"))

    def trainer_pid(self, job_id: str) -> int:
        """The pid of the trainer's process in an element of an array."""
        array, _, element = job_id.partition("_")
        wanted = {f"SLURM_ARRAY_JOB_ID={array}".encode(), f"SLURM_ARRAY_TASK_ID={element}".encode()}
        single = {f"SLURM_JOB_ID={array}".encode()}
        for pid, command, variables in self.job_processes():
            if b"trainer" in command and (wanted <= variables or (not element and single <= variables)):
                return pid
        raise AssertionError(f"no trainer runs in job {job_id}")

    def freeze(self, job_ids: Iterable[str], batch_id: str) -> dict[str, tuple[int, AttemptRow]]:
        """Stop the trainers of jobs, each in the middle of a slot. Returns pid and what it was at, by job.

        All are stopped at once and only those that hold no slot go on for a moment: no job takes the others' slots.
        """
        pids = {job_id: self.trainer_pid(job_id) for job_id in job_ids}
        held: dict[str, tuple[int, AttemptRow]] = {}
        for _ in range(100):
            # Once each: a second SIGSTOP would wait in a process that is stopped, and look like word from SLURM.
            for job_id in pids.keys() - held.keys():
                os.kill(pids[job_id], signal.SIGSTOP)
            time.sleep(0.5)  # what they had sent to the server before still takes effect
            held |= {a.job_id: (pids[a.job_id], a) for a in self._at_work(batch_id) if a.job_id in pids}
            if held.keys() == pids.keys():
                return {job_id: held[job_id] for job_id in pids}
            for job_id in pids.keys() - held.keys():
                os.kill(pids[job_id], signal.SIGCONT)
            time.sleep(0.1)
        raise AssertionError(f"{sorted(pids.keys() - held.keys())} hold no slot")

    def _at_work(self, batch_id: str) -> list[AttemptRow]:
        """The attempts that run and have a folder."""
        sweep = self.outputs.sweep(batch_id)
        running = [a for a in self.ledger.attempts(batch_id) if a.state == "running" and a.run_id is not None]
        return [attempt for attempt in running if sweep.run(attempt.run_id).provenance.exists()]

    def check_budget(self, batch_id: str, n_trials: int) -> None:
        """Exactly the budget: in the ledger, in the study, on disk; nothing is left running."""
        progress = self.ledger.progress(batch_id)
        assert (progress.done, progress.failed, progress.open) == (n_trials, 0, 0)
        attempts = self.ledger.attempts(batch_id)
        assert sum(a.state == "complete" for a in attempts) == n_trials
        assert not [a for a in attempts if a.state == "running"]
        run_ids = [a.run_id for a in attempts if a.run_id is not None]
        assert len(set(run_ids)) == len(run_ids)
        states = [trial.state.name for trial in _study(self.ledger.url, batch_id)]
        assert states.count("COMPLETE") == n_trials
        assert "RUNNING" not in states
        sweep = self.outputs.sweep(batch_id)
        rows = sweep.results.read_text().splitlines()[1:]
        assert sum(",complete," in row for row in rows) == n_trials
        for attempt in attempts:
            if attempt.state == "complete":
                assert sweep.run(attempt.run_id).metrics.exists()

    def _run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path, league: Path, database_url: str) -> Iterator[Project]:
    """A project on the session's cluster, which is as it was afterwards; or on one started with options of its own."""
    if options := getattr(request, "param", ()):
        with running_cluster(*options) as own:
            made = Project(tmp_path, own, league, database_url)
            yield made
            made.ledger.close()
        return
    slurm = request.getfixturevalue("slurm")
    made = Project(tmp_path, slurm, league, database_url)
    yield made
    made.ledger.close()
    slurm.clear()


def until(ready: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.2)


def _study(url: str, batch_id: str):
    from truestrength.trainer.contract.ledger import Ledger
    from truestrength.trainer.contract.ledger.study import load_study

    with Ledger(url) as ledger:
        return load_study(ledger.connection, ledger.spec(batch_id)).get_trials(deepcopy=False)
