"""Chaos on a real SLURM: blows of `benchmarks.chaos` that strike workers and connections, and those of a cluster."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import msgspec

from benchmarks.chaos import reference
from benchmarks.chaos.faults import SETTLE_S, Blows, Strike
from benchmarks.chaos.plan import Fault, dealt
from benchmarks.chaos.project import APPLICATION
from truestrength.trainer.contract.config import settings
from truestrength.trainer.contract.database.sessions import connected
from truestrength.trainer.contract.ledger import AttemptState

BATCH = "chaos"
TRIALS, JOBS = 8, 2
STATE_S = 10
"""A controller writes its state seconds after a change. One that is killed before forgets that the jobs have begun."""
SETTINGS = (("--method", "optuna", "--share-observations"), ("--method", "halving"), ("--method", "grid"))
ENDED = frozenset({AttemptState.RELEASED, AttemptState.COMPLETE, AttemptState.DEAD, AttemptState.SUPERSEDED})


@dataclass(frozen=True)
class Round:
    number: int
    setting: tuple[str, ...]
    kinds: tuple[str, ...]


class Stage:
    """What the blows need to know of a round: the ledger, the jobs' processes, and a clock."""

    def __init__(self, project):
        self.folder = project.folder
        self.cluster = project
        self.project = self.family = self
        self._timers = []

    @contextmanager
    def ledger(self):
        yield self.cluster.ledger

    @contextmanager
    def session(self):
        with connected(self.cluster.ledger.url, application_name=APPLICATION) as session:
            yield session

    def living(self):
        return {pid: command.decode(errors="replace") for pid, command, _ in self.cluster.job_processes()}

    def later(self, seconds, action):
        self._timers.append(threading.Timer(seconds, action))
        self._timers[-1].start()

    def wait_for_later(self):
        for timer in self._timers:
            timer.join()


class ClusterBlows(Blows):
    """Finds workers by their jobs, because a node's pids are its own; while one is struck the others lie still."""

    def caught(self):
        project, held = self.user.cluster, {}
        while project.slurm.queue() and not self._hold(held):
            time.sleep(0.1)
        if not held:
            return
        pid = self.dice.choice(sorted(held))
        try:
            yield pid, held.pop(pid)
        finally:
            for other in held:
                self.wake(other)

    def _hold(self, held):
        """Stop every worker; those in the middle of an attempt stay stopped."""
        project = self.user.cluster
        for worker in project.ledger.workers(BATCH):
            with suppress(AssertionError, ProcessLookupError):
                pid = project.trainer_pid(worker.job_id)
                if worker.slot is None or pid in self.frozen:
                    continue
                os.kill(pid, signal.SIGSTOP)
                self.frozen.add(pid)
                time.sleep(SETTLE_S)
                if attempt := self._running(worker.job_id):
                    held[pid] = attempt
                else:
                    self.wake(pid)
        return held

    def _running(self, job_id):
        for row in self.user.cluster.ledger.attempts(BATCH):
            if row.job_id == job_id and row.state is AttemptState.RUNNING and row.run_id is not None:
                return row
        return None


def kill_job(blows, strike):
    """All processes of a job; SLURM may tell those of its worker to end when the first is gone."""
    for _, attempt in blows.caught():
        strike.victim, strike.attempt, strike.fates = attempt.job_id, attempt, ENDED
        blows.user.cluster.slurm.ask("scancel", "--full", "--signal=KILL", attempt.job_id)


def requeue(blows, strike):
    for pid, attempt in blows.caught():
        strike.victim, strike.attempt, strike.fates = attempt.job_id, attempt, ENDED
        blows.user.cluster.slurm.ask("scontrol", "requeue", attempt.job_id)
        blows.wake(pid)


def lose_node(blows, strike):
    slurm = blows.user.cluster.slurm
    for _, attempt in blows.caught():
        node = next(job["node"] for job in slurm.queue() if job["id"] == attempt.job_id)
        strike.victim, strike.attempt, strike.fates = node, attempt, frozenset({AttemptState.DEAD})
        slurm.act("crash", node)
        slurm.ask("scontrol", "update", f"nodename={node}", "state=DOWN", "reason=lost")


def kill_controller(blows, strike):
    slurm = blows.user.cluster.slurm
    for pid, _ in blows.caught():
        time.sleep(STATE_S)
        strike.victim = "the controller"
        slurm.act("kill-controller")
        slurm.act("start-controller")
        blows.wake(pid)


BLOWS = {
    "kill -9 of a worker": partial(Blows.worker, number=signal.SIGKILL),
    "TERM of a worker": partial(Blows.worker, number=signal.SIGTERM),
    "STOP of a worker beyond its lease": partial(Blows.worker, number=signal.SIGSTOP),
    "connections dropped in a loop": Blows.connections,
    "kill -9 of a job": kill_job,
    "a job requeued": requeue,
    "a node lost": lose_node,
    "kill -9 of the controller": kill_controller,
}
SUBMISSION = "kill -9 of the launcher while it submits"


def draw(n_rounds, seed):
    """Three rounds of three faults hold every fault."""
    dice = random.Random(seed)
    kinds, given = dealt((*BLOWS, SUBMISSION), dice), dealt(SETTINGS, dice)
    return [Round(n, next(given), tuple(next(kinds) for _ in range(3))) for n in range(n_rounds)]


def play(round_, project):
    """Play a round to the end of all jobs. Returns what was struck."""
    stage = Stage(project)
    blows = ClusterBlows(stage, random.Random(round_.number))
    command = ["--n-trials", str(TRIALS), "--n-jobs", str(JOBS), "--batch-id", BATCH, "--executor", "slurm"]
    command = ["sweep", "--config", "cheap.yaml", "--cluster", "cluster.yaml", *command, *round_.setting]
    for lists in ("max_lists_oof", "max_final_batches"):  # a quarter of them is enough for the lowest rung of halving
        command += ["--set", f"training.{lists}=16"]
    strikes = []
    if SUBMISSION in round_.kinds:
        strikes.append(Strike(Fault(SUBMISSION, 0.0, 0.0), killed_while_it_submits(project, command)))
    project.launcher(*command)
    for kind in round_.kinds:
        if kind != SUBMISSION:
            project.wait_for_slots(BATCH, 1)
            strikes.append(Strike(Fault(kind, 0.0, 0.0)))
            BLOWS[kind](blows, strikes[-1])
    stage.wait_for_later()
    project.wait_for_end()
    return strikes


def killed_while_it_submits(project, command):
    """Kill the launcher when its first job is in the queue. Returns its pid, or nothing if it was too late."""
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher", *command],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not project.slurm.queue():
        time.sleep(0.01)
    process.kill()
    return f"launcher {process.pid}" if process.wait() == -signal.SIGKILL else ""


def twin(project):
    """The same sweep by one worker without SLURM and without a fault, in a store of its own: what it has to come to."""
    spec = project.ledger.spec(BATCH)
    config = settings.replace(spec.config, {"paths.batch_cache": str(project.folder / "twin")})
    other = msgspec.structs.replace(spec, batch_id="twin", config=config)
    project.ledger.register(other, project.outputs)
    command = [sys.executable, "-m", "trainer", "work", "--batch-id", "twin", "--threads", "1"]
    subprocess.run(command, cwd=project.folder, env=project.environment, check=True, capture_output=True, timeout=300)
    return spec, reference.of_sweep(project.ledger, other, project.folder)
