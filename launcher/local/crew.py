"""The workers of a plan: how many are missing, and when to stop trying.

The ledger is the truth about work, an array only about its own processes: workers that an earlier launcher left behind
are found in the ledger, count as hands at work, and are never submitted a second time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from truestrength.launcher.local.executors import Array, Executor
from truestrength.launcher.local.forking_job import GRACE_S
from truestrength.launcher.local.signals import termination_held
from truestrength.trainer.contract.errors import EXIT_USER_ERROR
from truestrength.trainer.contract.ledger import SweepProgress, WorkerRow
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.process import Place, oom_kills

MOST_FRUITLESS = 3
"""So many arrays in a row may end without one more slot done or failed, and one more is tried."""
LONGEST_REST_S = 60.0
"""Between two replacements beside workers that live."""
MOVING_S = 2.0
OUT_OF_MEMORY = "killed by the kernel, which was out of memory: fewer workers (--n-jobs) or smaller models need less"
TAIL_LINES = 12


class WorkersFailedError(Exception):
    """Workers end without doing anything, again and again; the text says what their logs say."""


class Crew:
    """Submits the workers that are missing, a bounded number of times without progress.

    One array serves a sweep and then those after it: a worker leaves a sweep when it has no slot for it, and does not
    import everything anew for the next.
    """

    def __init__(self, n_jobs: int, executor: Executor, outputs: OutputsRoot) -> None:
        """An empty crew.

        Args:
            n_jobs: Workers at once.
            executor: Where they run.
            outputs: The outputs root, for the sweeps' folders of submissions.
        """
        self.n_jobs = n_jobs
        self.arrays: list[Array] = []
        self._executor = executor
        self.outputs = outputs
        self._here = Place.here()
        self._oom_kills = oom_kills()
        self._strangers = 0
        self._batch_id = ""
        self._closed = 0
        self._fruitless = 0
        self._replaced = 0
        self._not_before = 0.0

    def alive(self) -> int:
        """Workers submitted here that run or wait in a queue."""
        return sum(array.alive() for array in self.arrays)

    def strangers(self, workers: Sequence[WorkerRow]) -> int:
        """Live workers of the sweep that somebody else submitted: an earlier launcher, or a person."""
        return sum(
            worker.live
            and not self._here.knows_dead(worker.place, worker.pid)
            and not any(array.owns(worker) for array in self.arrays)
            for worker in workers
        )

    def fill(
        self,
        progress: SweepProgress,
        workers: Sequence[WorkerRow],
        later: Sequence[str] = (),
        closed: Callable[[], int] = lambda: 0,
    ) -> int:
        """Submit the workers that are missing. Returns how many were submitted.

        Args:
            progress: Of the sweep that runs now.
            workers: The ledger's workers of that sweep and of those `later`.
            later: The sweeps that the same workers go on to.
            closed: Says how many slots of those are done or failed; asked when workers are missing.

        Raises:
            WorkersFailedError: none is left, and trying again would be in vain.
        """
        there_before, self._strangers = self._strangers, self.strangers(workers)
        at_work = self.alive() + self._strangers
        missing = (self.n_jobs if later else min(self.n_jobs, progress.open)) - at_work
        if missing <= 0:
            return 0
        self._notice(progress.batch_id, progress.closed + closed(), moving=there_before > 0)
        if not self._worth_trying(progress.batch_id, at_work, workers):
            return 0
        jobs = self.outputs.sweep(progress.batch_id).jobs
        with termination_held():
            self.arrays.append(self._executor.submit([progress.batch_id, *later], missing, jobs))
        return missing

    def end_of(self, worker: WorkerRow) -> str | None:
        """What is known here of the end of a worker that could not say it itself; None for any other."""
        found = (array.killed_by(worker) for array in self.arrays)
        number = next((number for number in found if number is not None), None)
        if number is None or worker.reason or worker.stopped_at:
            return None
        if number == signal.SIGKILL and oom_kills() > self._oom_kills:
            self._oom_kills += 1  # one for one: who is killed by a person later has not died of this
            return OUT_OF_MEMORY
        return f"killed by {signal.Signals(number).name}"

    def stop(self) -> None:
        """Tell all workers submitted here to give back their slots, and wait for them."""
        for array in self.arrays:
            array.stop()
        deadline = time.monotonic() + GRACE_S + 5
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        self._executor.end()

    def wait(self, seconds: float) -> None:
        """Wait until the number of living workers changes, at most `seconds`."""
        before, deadline = self.alive(), time.monotonic() + seconds
        while self.alive() == before and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(0.1, left))

    def leave(self, seconds: float = 20.0) -> None:
        """Wait for the workers to end by themselves, as they do when no slot is left; then stop those that did not."""
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.alive():
            self.stop()
        self._executor.end()

    def _notice(self, batch_id: str, closed: int, *, moving: bool) -> None:
        """Begin to count anew when a slot was closed, of whichever sweep, or another sweep has come.

        Workers of an earlier launcher (`moving`) need a moment from one sweep to the next.
        """
        now = time.monotonic()
        if (batch_id, closed) == (self._batch_id, self._closed):
            return
        self._not_before = now + MOVING_S if moving and batch_id != self._batch_id else now
        self._batch_id, self._closed, self._fruitless, self._replaced = batch_id, closed, 0, 0

    def _worth_trying(self, batch_id: str, at_work: int, workers: Sequence[WorkerRow]) -> bool:
        """Whether to submit now. Only a crew of which nobody is left has failed; one that works just has a gap."""
        if at_work:
            if self._refused(workers) or time.monotonic() < self._not_before:
                return False
            self._replaced += 1
            self._not_before = time.monotonic() + min(2.0 ** (self._replaced - 1), LONGEST_REST_S)
            return True
        if self._refused(workers) or self._fruitless > MOST_FRUITLESS:
            raise WorkersFailedError(self._failure(batch_id, workers))
        if time.monotonic() < self._not_before:
            return False
        self._fruitless += 1
        self._not_before = time.monotonic() + 2.0 ** (self._fruitless - 1)
        return True

    def _refused(self, workers: Sequence[WorkerRow]) -> bool:
        """Whether the newest workers ended with a user's error before they served any sweep: the next ones would."""
        if self._fruitless + self._replaced == 0:
            return False
        last = self.arrays[-1]
        return EXIT_USER_ERROR in last.exit_codes() and not any(last.owns(worker) for worker in workers)

    def _failure(self, batch_id: str, workers: Sequence[WorkerRow]) -> str:
        lines = [f"{batch_id}: workers end without finishing a trial ({self._fruitless} submissions)."]
        # The ledger knows why also where their logs could not be written.
        reasons = dict.fromkeys(worker.reason for worker in workers if self.arrays[-1].owns(worker))
        lines += [f"They say: {reason}" for reason in reasons if reason]
        for log in self.arrays[-1].logs[:1]:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []
            lines += [f"The end of {log}:", *(f"  {line}" for line in tail)]
        return "\n".join(lines)
