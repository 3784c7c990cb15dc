"""How many workers a crew submits, and when it gives up; executor and ledger rows are made by hand."""

import socket
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.support.sweep_rows import sweep_progress
from truestrength.launcher.local import crew as module
from truestrength.launcher.local.crew import LONGEST_REST_S, MOST_FRUITLESS, MOVING_S, Crew, WorkersFailedError
from truestrength.launcher.local.run_plan import at_work
from truestrength.trainer.contract.ledger import WorkerRow
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.process import Place

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeArray:
    def __init__(self, size, log):
        self.running = size
        self.codes = []
        self.logs = [log]

    def owns(self, worker):
        return worker.job_id == "mine"

    def alive(self):
        return self.running

    def killed_by(self, worker):
        return None

    def exit_codes(self):
        return self.codes

    def stop(self):
        self.running = 0

    def end(self, code):
        self.running, self.codes = 0, [code]


class FakeExecutor:
    def __init__(self, folder):
        self.submitted = []
        self.arrays = []
        self.log = folder / "log"

    def submit(self, batch_ids, n_workers, jobs):
        self.submitted.append((list(batch_ids), n_workers, jobs.parent.name))
        self.arrays.append(FakeArray(n_workers, self.log))
        return self.arrays[-1]

    def end(self):
        """Nothing but arrays was started."""


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def executor(tmp_path):
    return FakeExecutor(tmp_path)


@pytest.fixture
def crew(clock, executor, tmp_path):
    return Crew(3, executor, OutputsRoot(tmp_path))


def worker(job_id="theirs", live=True, pid=1, place="elsewhere"):
    return WorkerRow(
        worker_id=1,
        batch_id="a",
        host=socket.gethostname(),
        pid=pid,
        job_id=job_id,
        place=place,
        reason=None,
        started_at=NOW,
        seen_at=NOW,
        seen_s=0.0,
        stopped_at=None,
        live=live,
        slot=None,
    )


def test_a_full_array_first_then_none(crew, executor):
    assert crew.fill(sweep_progress(), []) == 3
    assert crew.fill(sweep_progress(), [worker("mine")]) == 0
    assert executor.submitted == [(["a"], 3, "a")]


def test_no_more_workers_than_open_slots_unless_other_sweeps_follow(crew, executor, clock):
    assert crew.fill(sweep_progress(done=10), []) == 2
    clock.sleep(5)
    assert crew.fill(sweep_progress(done=10), [], later=["b"]) == 1
    assert executor.submitted[-1] == (["a", "b"], 1, "a")


def test_live_workers_of_an_earlier_launcher_count_and_dead_ones_do_not(crew):
    gone = 2**22 + 1  # above the largest pid
    workers = [worker(), worker(live=False), worker(pid=gone, place=Place.here().name)]
    assert crew.strangers(workers) == 1
    assert crew.fill(sweep_progress(), workers) == 2


def test_only_the_missing_worker_is_replaced(crew, executor):
    crew.fill(sweep_progress(), [])
    executor.arrays[0].running = 2
    assert crew.fill(sweep_progress(done=1), []) == 1


def test_arrays_that_achieve_nothing_are_repeated_a_bounded_number_of_times_with_growing_pauses(crew, executor, clock):
    times = []

    def try_for_ever():
        while True:
            if crew.fill(sweep_progress(), []):
                times.append(clock.now)
                executor.arrays[-1].end(1)
            clock.sleep(0.5)

    with pytest.raises(WorkersFailedError, match="a: workers end without finishing a trial"):
        try_for_ever()
    assert len(times) == MOST_FRUITLESS + 1
    pauses = [b - a for a, b in pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[0] > 0


def test_progress_makes_the_count_begin_anew(crew, executor, clock):
    for done in range(10):
        assert crew.fill(sweep_progress(done=done), []) > 0
        executor.arrays[-1].end(None)
        clock.sleep(0.1)


def test_a_user_error_of_the_workers_ends_it_at_once_with_their_words(crew, executor):
    executor.log.write_text("starting\nerror: no league\n")
    crew.fill(sweep_progress(), [])
    executor.arrays[0].end(2)
    with pytest.raises(WorkersFailedError, match="error: no league"):
        crew.fill(sweep_progress(), [])


def test_workers_that_die_beside_others_are_replaced_as_long_as_it_takes(crew, executor, clock):
    crew.fill(sweep_progress(), [])
    for _ in range(3 * MOST_FRUITLESS):
        executor.arrays[0].running = 2
        clock.sleep(LONGEST_REST_S)
        assert crew.fill(sweep_progress(), [worker("mine")]) == 1
        executor.arrays[-1].end(None)
    executor.arrays[0].running = 0
    clock.sleep(LONGEST_REST_S)
    assert crew.fill(sweep_progress(), [worker("mine")]) == 3, "that was the first array of which nobody is left"


def test_the_replacements_of_a_crew_at_work_have_growing_pauses(crew, executor, clock):
    crew.fill(sweep_progress(), [])
    executor.arrays[0].running = 2
    times = []
    while len(times) < 5:
        if crew.fill(sweep_progress(), [worker("mine")]):
            times.append(clock.now)
            executor.arrays[-1].end(None)
        clock.sleep(0.5)
    pauses = [b - a for a, b in pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]


def test_trials_of_later_sweeps_are_progress_too(crew, executor, clock):
    for closed in range(3 * MOST_FRUITLESS):
        assert crew.fill(sweep_progress(), [], ["b"], lambda closed=closed: closed) == 3
        executor.arrays[-1].end(None)


def test_a_user_error_in_a_later_sweep_does_not_end_this_one(crew, executor, clock):
    crew.fill(sweep_progress(), [], ["b"])
    executor.arrays[0].end(2)
    clock.sleep(5)
    assert crew.fill(sweep_progress(), [worker("mine", live=False)], ["b"]) == 3


def test_the_next_sweep_gets_its_own_chance(crew, executor):
    crew.fill(sweep_progress("a"), [])
    executor.arrays[0].end(2)
    assert crew.fill(sweep_progress("b"), []) == 3


def test_workers_of_an_earlier_launcher_get_a_moment_from_one_sweep_to_the_next(crew, executor, clock):
    workers = [worker(), worker(), worker()]
    assert crew.fill(sweep_progress("a"), workers) == 0
    assert crew.fill(sweep_progress("b"), []) == 0
    clock.sleep(MOVING_S)
    assert crew.fill(sweep_progress("b"), workers) == 0
    assert executor.submitted == []


def test_workers_are_stopped_even_when_nobody_can_be_told(crew, executor):
    class Mute:
        def say(self, text):
            raise BrokenPipeError

    crew.fill(sweep_progress(), [])
    with pytest.raises(BrokenPipeError), at_work(crew, Mute()):
        raise KeyboardInterrupt
    assert executor.arrays[0].running == 0
