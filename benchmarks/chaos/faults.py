"""The blows themselves. Each finds its victim in the middle of its work, strikes, and says whom it has hit.

Surprising: a victim is stopped first and looked at afterwards. What a process had sent before it was stopped still
takes effect, so only one that is stopped and still holds its slot was caught in the act.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg2

from benchmarks.chaos.disk import SmallDisk
from benchmarks.chaos.family import parent_of
from benchmarks.chaos.plan import Fault, Kind
from benchmarks.chaos.project import APPLICATION, LEASE_S
from benchmarks.chaos.user import User
from benchmarks.process_tree import descendants, processes
from truestrength.trainer.contract import fork_requests
from truestrength.trainer.contract.command_line import EXIT_INTERRUPTED
from truestrength.trainer.contract.database.sessions import execute
from truestrength.trainer.contract.errors import EXIT_USER_ERROR
from truestrength.trainer.contract.ledger import AttemptRow, AttemptState, Ledger
from truestrength.trainer.contract.paths.forks import ForkPaths, worker_log

SETTLE_S = 0.4
"""What a stopped process had sent to the server takes effect within this time."""
BEYOND_S = LEASE_S + 1.5
LOOP_S = 3.0
LOOP_PAUSE_S = 0.2
NOTICED_S = 60.0
VICTIMS = "datname = current_database() AND backend_type = 'client backend' AND application_name <> %(own)s"


@dataclass
class Strike:
    """What came of a fault."""

    fault: Fault
    victim: str = ""
    """Empty: it hit nothing."""
    attempt: AttemptRow | None = None
    """What a worker was at when it was struck."""
    fates: frozenset[AttemptState] = frozenset()
    """What may have become of that attempt."""


@dataclass
class Blows:
    """Strikes at one round."""

    user: User
    dice: random.Random
    frozen: set[int] = field(default_factory=set)
    """Workers that lie stopped just now."""

    def strike(self, fault: Fault) -> Strike:
        """Wait until there is a victim and strike it. What has to follow later happens beside the round."""
        strike = Strike(fault)
        _BLOWS[fault.kind](self, strike)
        return strike

    def worker(self, strike: Strike, number: signal.Signals) -> None:
        """Strike a worker in the middle of a slot."""
        for pid, attempt in self.caught():
            strike.victim = f"worker {pid}, slot {attempt.slot}, attempt {attempt.attempt}"
            strike.attempt, strike.fates = attempt, _FATES[number]
            self._blow(pid, number)
            return

    def job(self, strike: Strike, number: signal.Signals) -> None:
        """Strike what has forked a worker, and so all workers of the job."""
        for pid, attempt in self.caught():
            job = parent_of(pid)
            assert "--forks" in self.user.family.living().get(job, ""), "a worker's parent is what forks"
            strike.victim = f"job {job} of worker {pid}, slot {attempt.slot}"
            if number is not signal.SIGSTOP:
                strike.attempt, strike.fates = attempt, _FATES[signal.SIGTERM]
            self._blow(job, number)
            self.wake(pid)
            return

    def launcher(self, strike: Strike, number: signal.Signals) -> None:
        """Strike the launcher while slots are open."""
        while (pid := self.user.at_work()) is not None:
            os.kill(pid, signal.SIGSTOP)
            with self.user.project.ledger() as ledger:
                if any(now.open for now in ledger.all_progress()):
                    strike.victim = f"launcher {pid}"
                    self.user.expect(_LAUNCHER_CODES.get(number))
                    self._blow(pid, number)
                    return
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)

    def server(self, strike: Strike, number: signal.Signals, *, all_of_it: bool) -> None:
        """Strike the embedded server; a user starts it again after a while."""
        first = self.user.project.postmaster()
        pids = [first, *(p.pid for p in descendants(first, processes()))] if all_of_it else [first]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                strike.victim = strike.victim or f"server {first}, {len(pids)} of its processes"
        if number is signal.SIGSTOP:
            self.user.later(BEYOND_S, partial(_wake_all, pids))
        else:
            self.user.later(strike.fault.pause_s, self.user.start_server)

    def backend(self, strike: Strike, number: signal.Signals) -> None:
        """Strike the server's end of one connection."""
        with self.user.project.session() as session:
            found = execute(session, f"SELECT pid FROM pg_stat_activity WHERE {VICTIMS}", {"own": APPLICATION})
            pids = sorted(row[0] for row in found.fetchall())
            if not pids:
                return
            pid = self.dice.choice(pids)
            if number is signal.SIGTERM:
                [[hit]] = execute(session, "SELECT pg_terminate_backend(%(pid)s)", {"pid": pid}).fetchall()
                strike.victim = f"backend {pid} of {len(pids)}" if hit else ""
                return
        os.kill(pid, number)
        strike.victim = f"backend {pid} of {len(pids)}"
        if number is signal.SIGSTOP:
            self.user.later(BEYOND_S, partial(_wake_all, [pid]))

    def connections(self, strike: Strike) -> None:
        """Drop every connection, and go on with it for a while beside the round."""
        if dropped := self._dropped():
            strike.victim = f"{dropped} connections at first"
            self.user.later(LOOP_PAUSE_S, self._drop_in_a_loop)

    def _drop_in_a_loop(self) -> None:
        end = time.monotonic() + LOOP_S
        while time.monotonic() < end:
            self._dropped()
            time.sleep(LOOP_PAUSE_S)

    def _dropped(self) -> int:
        """Drop every connection once. Returns how many there were."""
        with suppress(psycopg2.Error), self.user.project.session() as session:
            drop = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {VICTIMS}"
            return int(execute(session, drop, {"own": APPLICATION}).fetchall()[0][0])
        return 0

    def cache_full(self, strike: Strike) -> None:
        """Fill the store's disk until a worker has said so."""
        self._full(strike, "cache", lambda: "cannot be used: the file system" in self.user.said_by_workers())

    def outputs_full(self, strike: Strike) -> None:
        """Fill the outputs' disk until a worker or the launcher has said so; either may end for it."""
        self.user.expect({0, 1, EXIT_USER_ERROR})
        self._full(strike, "outputs", lambda: "is full" in self.user.said_by_workers() + self.user.said())

    def holdout(self, strike: Strike) -> None:
        """Kill whoever reads the held-out season."""
        deadline = time.monotonic() + NOTICED_S
        while self.user.running() and time.monotonic() < deadline:
            for pid, words in self.user.family.living().items():
                if "trainer holdout" in words or _forked_for("holdout", pid):
                    self.user.expect({1})
                    os.kill(pid, signal.SIGKILL)
                    strike.victim = f"reader {pid}"
                    return
            time.sleep(0.02)

    def _full(self, strike: Strike, name: str, noticed: Callable[[], bool]) -> None:
        disk = SmallDisk.mounted(self.user.project.folder / name)
        disk.fill()
        try:
            deadline = time.monotonic() + NOTICED_S
            while not (found := noticed()) and time.monotonic() < deadline:
                time.sleep(0.2)
            strike.victim = f"the disk of {name}" if found else ""
        finally:
            disk.empty()

    def caught(self) -> Iterator[tuple[int, AttemptRow]]:
        """Workers stopped in the middle of an attempt; one that is not taken goes on."""
        with self.user.project.ledger() as ledger:
            while any(now.open for now in ledger.all_progress()):
                for pid in self.dice.sample(busy := sorted(self._busy(ledger)), len(busy)):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGSTOP)
                        time.sleep(SETTLE_S)
                        if attempt := _running(ledger, pid):
                            self.frozen.add(pid)
                            yield pid, attempt
                            return
                        os.kill(pid, signal.SIGCONT)
                time.sleep(0.05)

    def _busy(self, ledger: Ledger) -> Iterator[int]:
        family = self.user.family.living()
        for sweep in ledger.all_progress():
            for worker in ledger.workers(sweep.batch_id) if sweep.open else []:
                if worker.slot is not None and worker.pid in family and worker.pid not in self.frozen:
                    yield worker.pid

    def _blow(self, pid: int, number: signal.Signals) -> None:
        """Strike a process that is stopped already."""
        if number is signal.SIGSTOP:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            self.user.later(BEYOND_S, partial(self.wake, pid))
            return
        os.kill(pid, number)
        self.wake(pid)

    def wake(self, pid: int) -> None:
        """Let a stopped process go on."""
        _wake_all([pid])
        self.frozen.discard(pid)


def _running(ledger: Ledger, pid: int) -> AttemptRow | None:
    """What a process is at, once its run has begun."""
    for sweep in ledger.all_progress():
        for row in ledger.attempts(sweep.batch_id):
            if row.pid == pid and row.state is AttemptState.RUNNING and row.run_id is not None:
                return row
    return None


def _wake_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


_LATE = {AttemptState.DEAD, AttemptState.SUPERSEDED}
_FATES = {
    signal.SIGKILL: frozenset({AttemptState.DEAD}),
    # It may have been frozen so late in its run that it finishes it first; and other faults follow.
    signal.SIGTERM: frozenset({AttemptState.RELEASED, AttemptState.COMPLETE, *_LATE}),
    signal.SIGSTOP: frozenset({AttemptState.RELEASED, AttemptState.COMPLETE, *_LATE}),
}
_LAUNCHER_CODES = {
    signal.SIGKILL: {-signal.SIGKILL},
    signal.SIGTERM: {EXIT_INTERRUPTED},
    signal.SIGINT: {EXIT_INTERRUPTED},
}
_BLOWS: dict[Kind, Callable[[Blows, Strike], None]] = {
    Kind.WORKER_KILL: partial(Blows.worker, number=signal.SIGKILL),
    Kind.WORKER_TERM: partial(Blows.worker, number=signal.SIGTERM),
    Kind.WORKER_STOP: partial(Blows.worker, number=signal.SIGSTOP),
    Kind.JOB_KILL: partial(Blows.job, number=signal.SIGKILL),
    Kind.JOB_TERM: partial(Blows.job, number=signal.SIGTERM),
    Kind.JOB_STOP: partial(Blows.job, number=signal.SIGSTOP),
    Kind.LAUNCHER_KILL: partial(Blows.launcher, number=signal.SIGKILL),
    Kind.LAUNCHER_TERM: partial(Blows.launcher, number=signal.SIGTERM),
    Kind.LAUNCHER_INT: partial(Blows.launcher, number=signal.SIGINT),
    Kind.LAUNCHER_STOP: partial(Blows.launcher, number=signal.SIGSTOP),
    Kind.POSTMASTER_KILL: partial(Blows.server, number=signal.SIGKILL, all_of_it=False),
    Kind.SERVER_KILL: partial(Blows.server, number=signal.SIGKILL, all_of_it=True),
    Kind.SERVER_TERM: partial(Blows.server, number=signal.SIGTERM, all_of_it=False),
    Kind.SERVER_STOP: partial(Blows.server, number=signal.SIGSTOP, all_of_it=True),
    Kind.BACKEND_KILL: partial(Blows.backend, number=signal.SIGKILL),
    Kind.BACKEND_TERM: partial(Blows.backend, number=signal.SIGTERM),
    Kind.BACKEND_STOP: partial(Blows.backend, number=signal.SIGSTOP),
    Kind.CONNECTIONS: Blows.connections,
    Kind.CACHE_FULL: Blows.cache_full,
    Kind.OUTPUTS_FULL: Blows.outputs_full,
    Kind.HOLDOUT_KILL: Blows.holdout,
}


def _forked_for(command: str, pid: int) -> bool:
    """Whether a process was forked for a command of the trainer's; its command line is its parent's."""
    with suppress(OSError):
        log = Path(f"/proc/{pid}/fd/2").readlink()
        for number in range(len(list(log.parent.glob("request_*.json")))):
            asked = fork_requests.asked(ForkPaths(log.parent), number)
            if (
                asked
                and command in asked.command
                and log.name.endswith(worker_log(Path(), f"_{asked.workers[0].number}").name)
            ):
                return True
    return False
