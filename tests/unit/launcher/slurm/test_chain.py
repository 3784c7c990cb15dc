"""The chain of a plan's jobs on a queue made by hand: every branch of submitting, healing, giving up and finishing."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from tests.support.sweep_rows import sweep_progress
from truestrength.launcher.slurm import chain
from truestrength.launcher.slurm.links import PlanEnd, SweepEnd
from truestrength.launcher.slurm.names import JobName, job_name
from truestrength.launcher.slurm.profile import ClusterProfile
from truestrength.launcher.slurm.programs import (
    LimitReachedError,
    QueuedJob,
    SlurmAwayError,
    SlurmError,
    elements,
    waits_for,
)
from truestrength.launcher.slurm.queue import of
from truestrength.launcher.slurm.site import Site, Sweep
from truestrength.trainer.contract.ledger import SweepProgress, WorkerRow
from truestrength.trainer.contract.paths.outputs import OutputsRoot

TOKEN = "3fa9c21b"
PLAN = "plan-8778633c"


@dataclass
class Queue:
    """SLURM: jobs that were submitted or put there by hand, and a limit on how many there may be."""

    limit: int = 1000
    largest: int = 1000
    own_id: str | None = None
    renamed: str = ""
    refused: dict[str, SlurmError] = field(default_factory=dict)
    live: list[QueuedJob] = field(default_factory=list)
    scripts: dict[str, str] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)
    last_id: int = 10

    def jobs(self):
        return list(self.live)

    def names(self):
        return {job.array_id: job.name for job in self.live}

    def largest_array(self):
        return self.largest

    def submit(self, submission):
        if self.size() + submission.size > self.limit:
            raise LimitReachedError("sbatch: AssocMaxSubmitJobLimit")
        if submission.name.kind in self.refused:
            raise self.refused[submission.name.kind]
        after = str(submission.options.get("dependency", ""))
        return self.put(str(submission.name), submission.size, after, submission.script(submission.jobs))

    def put(self, name, size=1, after="", script="", state="PENDING"):
        """A job that is in the queue already."""
        self.last_id += 1
        job_id = f"{self.last_id}_[0-{size - 1}]" if size > 1 else str(self.last_id)
        dependency = after.replace("afterany:", "").replace(":", ",afterany:")
        dependency = f"afterany:{dependency}" if after else ""
        named = self.renamed or name
        self.live.append(QueuedJob(job_id, str(self.last_id), named, state, "", "", dependency, "N/A", ""))
        self.scripts[str(self.last_id)] = script
        return str(self.last_id)

    def cancel(self, array_ids):
        self.live = [job for job in self.live if job.array_id not in array_ids]

    end = cancel

    def let_wait(self, job, array_ids):
        after = ",".join(f"afterany:{array_id}" for array_id in array_ids)
        self.live = [other._replace(dependency=after) if other.job_id == job.job_id else other for other in self.live]

    def ended(self, job_ids):
        return {job_id: self.states[job_id] for job_id in job_ids if job_id in self.states}

    def size(self):
        return sum(len(elements(job.job_id)) for job in self.live)

    def shown(self):
        """What is there, as `sweep.kind`, its elements and what it waits for."""
        rows = []
        for job in self.live:
            name = job_name(job.name)
            rows.append((f"{name.batch_id}.{name.kind}", len(elements(job.job_id)), waits_for(job)))
        return rows

    def command(self, array_id):
        """What a finisher was told."""
        [line] = [line for line in self.scripts[array_id].splitlines() if " finish " in line]
        return line.partition(f"{PLAN}.json")[2].removesuffix(" || code=$?").split()

    def id_of(self, batch_id, kind):
        [job] = of(self.live, batch_id, kind)
        return job.array_id


@dataclass
class Rows:
    """The ledger: a row for each sweep."""

    sweeps: dict[str, SweepProgress]
    lost: list[WorkerRow] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)

    def progress(self, batch_id):
        return self.sweeps[batch_id]

    def workers(self, batch_id):
        return self.lost

    def explain_worker(self, worker_id, reason):
        self.reasons[worker_id] = reason

    def set(self, batch_id, **values):
        self.sweeps[batch_id] = sweep_progress(batch_id, **{"n_trials": 6, **values})


def worker_row(worker_id, job_id, **values):
    now = datetime.now(UTC)
    row = {"stopped_at": None, "live": False, "reason": None, "slot": None, **values}
    return WorkerRow(
        worker_id=worker_id,
        batch_id="a",
        host="n1",
        pid=1,
        job_id=job_id,
        place="",
        started_at=now,
        seen_at=now,
        seen_s=0,
        **row,
    )


@pytest.fixture
def site(tmp_path):
    profile = ClusterProfile(timeout_min=60, max_tries=3)
    sweeps = (Sweep("a", 2), Sweep("b", 2), Sweep("r", 2, ("a", "b")))
    return Site(profile, OutputsRoot(tmp_path), TOKEN, PLAN, sweeps, sequential=True, python="python")


@pytest.fixture
def rows():
    return Rows({name: sweep_progress(name, n_trials=6) for name in ("a", "b", "r")})


def with_jobs(site, n_jobs):
    return replace(site, sweeps=tuple(replace(sweep, n_jobs=n_jobs) for sweep in site.sweeps))


def submit(site, queue, rows, **how):
    return chain.submit_all(site, queue, rows, **{"tries": 3, "again": True, **how})


# Submitting


def test_sequential_sweeps_wait_for_the_one_before_and_the_last_job_for_all(site, rows):
    queue = Queue()
    found = submit(site, queue, rows)
    assert queue.shown() == [
        ("a.work", 2, []), ("a.finish", 1, ["11"]),
        ("b.work", 2, ["12"]), ("b.finish", 1, ["13"]),
        ("r.work", 2, ["12", "14"]), ("r.finish", 1, ["15"]),
        (f"{PLAN}.analysis", 1, ["12", "14", "16"]),
    ]  # fmt: skip
    assert (found.last, found.left) == ("17", [])
    assert queue.command("12") == ["--batch-id", "a", "--tries", "3", "--closed", "0"]
    assert queue.command("17") == ["--again"]


def test_parallel_sweeps_wait_only_for_those_that_they_name(site, rows):
    queue = Queue()
    submit(replace(site, sequential=False), queue, rows)
    waits = {name: after for name, _, after in queue.shown()}
    assert (waits["a.work"], waits["b.work"], waits["r.work"]) == ([], [], ["12", "14"])


def test_what_a_sweep_names_counts_for_more_than_the_order(site, rows):
    named = replace(site, sweeps=(Sweep("a", 2), Sweep("b", 2, ()), Sweep("r", 2, ("a",))))
    queue = Queue()
    submit(named, queue, rows)
    waits = {name: after for name, _, after in queue.shown()}
    assert (waits["a.work"], waits["b.work"], waits["r.work"]) == ([], [], ["12"])


def test_each_sweep_has_as_many_workers_as_it_asks_for(site, rows):
    queue = Queue()
    submit(replace(site, sweeps=(Sweep("a", 1), Sweep("b", 3), Sweep("r", 2, ("a", "b")))), queue, rows)
    assert [(name, size) for name, size, _ in queue.shown() if "work" in name] == [
        ("a.work", 1), ("b.work", 3), ("r.work", 2)
    ]  # fmt: skip


def test_an_array_that_is_too_large_is_split_and_its_finisher_waits_for_all_parts(site, rows):
    queue = Queue(largest=2)
    submit(with_jobs(site, 5), queue, rows)
    assert [row for row in queue.shown() if row[0].startswith("a.")] == [
        ("a.work", 2, []), ("a.work", 2, []), ("a.work", 1, []), ("a.finish", 1, ["11", "12", "13"])
    ]  # fmt: skip


def test_workers_that_share_a_gpu_are_counted_as_workers(site, rows):
    queue = Queue()
    sharing = replace(with_jobs(site, 6), profile=ClusterProfile(timeout_min=60, gpus=1, workers_per_gpu=3))
    submit(sharing, queue, rows)
    assert queue.shown()[0] == ("a.work", 2, [])
    queue.cancel([queue.id_of("a", "finish")])
    found = submit(sharing, queue, rows)
    assert found.placed[0].arrays == []


def test_no_more_workers_than_open_trials(site, rows):
    rows.set("a", done=5)
    queue = Queue()
    submit(site, queue, rows)
    assert queue.shown()[0] == ("a.work", 1, [])


def test_what_is_there_or_done_is_not_submitted_again(site, rows):
    queue = Queue()
    first = submit(site, queue, rows)
    before = queue.jobs()
    again = submit(site, queue, rows)
    assert queue.jobs() == before
    assert [sweep.arrays for sweep in again.placed] == [[], [], []]
    assert (again.ends, again.last) == (first.ends, first.last)

    rows.set("a", done=6)
    rows.set("b", cancelled=True)
    queue = Queue()
    found = submit(site, queue, rows)
    assert [sweep.finisher for sweep in found.placed] == [None, None, "12"]
    assert queue.shown()[0] == ("r.work", 2, [])


def test_slots_that_are_not_needed_are_not_submitted_and_hold_nobody_up(site, rows):
    rows.set("a", done=2, reached="max_minutes")
    queue = Queue()
    found = submit(site, queue, rows)
    assert [sweep.finisher for sweep in found.placed] == [None, "12", "14"]
    assert queue.shown()[0] == ("b.work", 2, [])
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    for name in ("b", "r"):
        rows.set(name, done=1, reached="goal")
    assert chain.continue_plan(site, queue, rows, PlanEnd(again=True)) is None
    rows.set("b", done=1, running=1, reached="goal")
    assert chain.continue_plan(site, Queue(), rows, PlanEnd(again=True)) == 0, "a trial that nobody is at any more"
    rows.set("b", done=1, failed=1, reached="goal")
    assert chain.end_sweep(site, queue, rows, SweepEnd("b", 3, 0)) == 1


def test_a_lost_finisher_a_short_array_and_a_lost_last_job_are_replaced(site, rows):
    queue = Queue()
    submit(site, queue, rows)
    queue.cancel([queue.id_of("a", "finish"), queue.id_of(PLAN, "analysis")])
    [array] = of(queue.live, "b", "work")
    queue.cancel([queue.id_of("b", "finish"), array.array_id])
    queue.put(str(JobName("b", "work", TOKEN)), 1, state="RUNNING")
    found = submit(site, queue, rows)
    assert len(found.placed[0].arrays) == 0
    assert len(found.placed[1].arrays) == 1
    assert sum(len(elements(job.job_id)) for job in of(queue.live, "b", "work")) == 2
    assert {name for name, _, _ in queue.shown()} >= {"a.finish", "b.finish", f"{PLAN}.analysis"}


def test_a_last_job_that_waits_is_let_wait_for_new_finishers_too(site, rows):
    queue = Queue()
    rows.set("b", done=6)
    submit(site, queue, rows)
    rows.set("b", done=5)
    found = submit(site, queue, rows)
    [last] = of(queue.live, PLAN, "analysis")
    assert waits_for(last) == found.ends
    assert len(found.ends) == 3


def test_a_cluster_that_renames_jobs_is_refused_and_nothing_stays(site, rows):
    queue = Queue(renamed="lab")
    with pytest.raises(SlurmError, match=r"'lab'.*renames jobs"):
        submit(site, queue, rows)
    assert queue.live == []


@pytest.mark.parametrize(("error", "stays"), [(SlurmError, False), (SlurmAwayError, True)])
def test_an_array_whose_finisher_is_refused_does_not_stay(site, rows, error, stays):
    queue = Queue(refused={"finish": error("no")})
    with pytest.raises(error):
        submit(site, queue, rows)
    assert bool(queue.live) == stays  # without an answer nobody knows; the command, repeated, adds what is missing


# A limit on submitted jobs


def test_what_has_no_room_is_left_to_the_last_job(site, rows):
    queue = Queue(limit=8)
    found = submit(site, queue, rows)
    assert [sweep.batch_id for sweep in found.placed] == ["a", "b"]
    assert found.left == ["r"]
    assert queue.command(found.last) == ["--again", "--left", "r"]
    assert "AssocMaxSubmitJobLimit" in found.limit


def test_what_is_there_or_done_needs_no_room(site, rows):
    queue = Queue(limit=8)
    submit(site, queue, rows)
    queue.cancel([queue.id_of("a", "work"), queue.id_of("a", "finish")])
    rows.set("r", done=6)
    queue.limit = 5
    found = submit(site, queue, rows)
    assert found.left == ["a"]
    assert [sweep.batch_id for sweep in found.placed] == ["b", "r"]
    assert waits_for(of(queue.live, PLAN, "analysis")[0]) == [queue.id_of("b", "finish")]
    assert queue.command(found.last) == ["--again", "--left", "a"]


def test_a_sweep_gives_its_place_to_the_last_job(site, rows):
    queue = Queue(limit=6)
    found = submit(site, queue, rows)
    assert found.left == ["b", "r"]
    assert queue.shown() == [("a.work", 2, []), ("a.finish", 1, ["11"]), (f"{PLAN}.analysis", 1, ["12"])]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_nothing_is_left_behind_where_not_even_one_sweep_fits(site, rows, limit):
    queue = Queue(limit=limit)
    with pytest.raises(LimitReachedError):
        submit(site, queue, rows)
    assert queue.live == []


@pytest.mark.parametrize("limit", [5, 6, 7, 8, 9, 10])
def test_a_plan_at_the_limit_goes_on_by_itself_to_its_end(site, rows, limit):
    """Every finisher that starts does its work, until the queue is empty."""
    queue = Queue(limit=limit)
    submit(site, queue, rows)
    for _ in range(40):
        if not queue.live:
            break
        for job in [job for job in queue.live if not set(waits_for(job)) & {other.array_id for other in queue.live}]:
            run(site, queue, rows, job)
    assert queue.live == []
    assert all(progress.complete for progress in rows.sweeps.values())


def run(site, queue, rows, job):
    """What a job does when it starts."""
    name = job_name(job.name)
    if name.kind == "work":
        rows.set(name.batch_id, done=6)
        queue.end([job.array_id])
        return
    queue.own_id = job.array_id
    words = queue.command(job.array_id)
    if name.kind == "finish":
        assert chain.end_sweep(site, queue, rows, SweepEnd(name.batch_id, 3, 0)) == 0
        queue.end([job.array_id])
    else:
        left = tuple(word for flag, word in itertools.pairwise(words) if flag == "--left")
        if chain.continue_plan(site, queue, rows, PlanEnd("--again" in words, left)) != chain.NO_ROOM:
            queue.end([job.array_id])
    queue.own_id = None


def test_the_last_job_comes_back_when_it_cannot_place_its_successor(site, rows):
    queue = Queue(limit=4)
    queue.own_id = queue.put(str(JobName(PLAN, "analysis", TOKEN)), state="RUNNING")
    assert chain.continue_plan(site, queue, rows, PlanEnd(again=True, left=("a", "b", "r"))) == chain.NO_ROOM
    assert [name for name, _, _ in queue.shown()] == [f"{PLAN}.analysis", "a.work", "a.finish"]


# Healing


def healing(site, rows, limit=1000, **values):
    """The finisher of `a` runs; its array has ended, the rest of the plan waits."""
    queue = Queue()
    submit(site, queue, rows)
    queue.cancel([queue.id_of("a", "work")])
    rows.set("a", **values)
    queue.own_id = queue.id_of("a", "finish")
    queue.live = [job._replace(state="RUNNING") if job.array_id == queue.own_id else job for job in queue.live]
    queue.limit = limit
    return queue


def test_missing_trials_go_back_and_whoever_waited_waits_for_the_new_finisher(site, rows):
    queue = healing(site, rows, done=4)
    own = queue.own_id
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    queue.end([own])
    new = queue.id_of("a", "finish")
    waits = {name: after for name, _, after in queue.shown()}
    assert waits["a.finish"] == [queue.id_of("a", "work")]
    assert waits["b.work"] == [new]
    assert own not in waits["r.work"]
    assert new in waits["r.work"]
    assert new in waits[f"{PLAN}.analysis"]


@pytest.mark.parametrize(
    ("closed", "tries", "told"),
    [(0, 1, "3"), (4, 3, "2"), (4, 2, "1")],
    ids=["a trial was done", "none was done", "the last try"],
)
def test_arrays_that_do_nothing_use_up_the_tries(site, rows, closed, tries, told):
    queue = healing(site, rows, done=4)
    own = queue.own_id
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", tries, closed)) == 0
    queue.end([own])
    assert queue.command(queue.id_of("a", "finish")) == ["--batch-id", "a", "--tries", told, "--closed", "4"]


def test_a_sweep_is_given_up_when_the_tries_are_used_up(site, rows, capsys):
    queue = healing(site, rows, done=4)
    before = queue.jobs()
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 1, 4)) == 1
    assert queue.jobs() == before
    assert "a: given up with 2 trials open" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "code"),
    [({"done": 6}, 0), ({"done": 5, "failed": 1}, 1), ({"done": 2, "cancelled": True}, 1)],
    ids=["complete", "failed", "cancelled"],
)
def test_a_sweep_that_is_over_is_left_alone(site, rows, values, code):
    queue = healing(site, rows, **values)
    before = queue.jobs()
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == code
    assert queue.jobs() == before


def test_a_finisher_that_runs_twice_finds_its_work_done(site, rows):
    queue = healing(site, rows, done=4)
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    before = queue.jobs()
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    assert queue.jobs() == before


def test_healing_at_the_limit_takes_fewer_workers(site, rows):
    queue = healing(site, rows, limit=10, done=0)  # 8 are there: 2 more
    own = queue.own_id
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    queue.end([own])
    assert ("a.work", 1, []) in queue.shown()


def test_healing_at_the_limit_takes_the_place_of_the_last_sweeps_workers(site, rows):
    queue = healing(site, rows, limit=8, done=0)
    own = queue.own_id
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    queue.end([own])
    new, last = queue.id_of("a", "finish"), queue.id_of("r", "finish")
    waits = {name: after for name, _, after in queue.shown()}
    assert set(waits) == {"a.work", "a.finish", "b.work", "b.finish", "r.finish", f"{PLAN}.analysis"}
    assert waits["b.work"] == [new]
    assert set(waits["r.finish"]) == {new, queue.id_of("b", "finish")}
    assert last in waits[f"{PLAN}.analysis"]


@pytest.mark.parametrize("sequential", [True, False])
def test_a_sweep_whose_workers_made_room_keeps_its_place_in_the_chain(site, rows, sequential):
    """Two sweeps; the second one is freed, and its finisher waits for the first one's new one in both orders."""
    site = replace(site, sweeps=site.sweeps[:2], sequential=sequential)
    queue = Queue(limit=7)
    submit(site, queue, rows)
    queue.end([queue.id_of("a", "work")])
    queue.own_id = queue.id_of("a", "finish")
    queue.live = [job._replace(state="RUNNING") if job.array_id == queue.own_id else job for job in queue.live]
    queue.limit = 6
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == 0
    queue.end([queue.own_id])
    waits = {name: after for name, _, after in queue.shown()}
    assert waits["b.finish"] == [queue.id_of("a", "finish")]
    assert "b.work" not in waits


def test_a_finisher_that_a_person_runs_takes_nobodys_place(site, rows):
    queue = healing(site, rows, limit=8, done=0)
    queue.end([queue.own_id])
    queue.own_id, queue.limit = None, 8
    before = queue.jobs()
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == chain.NO_ROOM
    assert queue.jobs() == before


def test_healing_without_any_room_comes_back_later(site, rows):
    queue = healing(site, rows, done=0)
    queue.cancel([job.array_id for job in queue.live if job.array_id != queue.own_id])
    queue.limit = 1
    assert chain.end_sweep(site, queue, rows, SweepEnd("a", 3, 0)) == chain.NO_ROOM
    assert queue.size() == 1


# The end of a plan


def last_job(queue):
    queue.own_id = queue.put(str(JobName(PLAN, "analysis", TOKEN)), state="RUNNING")
    return queue


def test_the_last_job_submits_once_more_what_was_lost(site, rows):
    rows.set("a", done=6)
    rows.set("b", done=2)
    rows.set("r", done=1, cancelled=True)
    queue = last_job(Queue())
    assert chain.continue_plan(site, queue, rows, PlanEnd(again=True)) == 0
    assert [name for name, _, _ in queue.shown()] == [f"{PLAN}.analysis", "b.work", "b.finish", f"{PLAN}.analysis"]
    assert queue.command("13") == ["--batch-id", "b", "--tries", "1", "--closed", "2"]
    assert queue.command("14") == []


@pytest.mark.parametrize(
    ("end", "values"),
    [
        (PlanEnd(again=False), {"done": 2}),
        (PlanEnd(again=True), {"done": 6}),
        (PlanEnd(again=True), {"done": 5, "failed": 1}),
        (PlanEnd(again=True, left=("a",)), {"cancelled": True}),
    ],
    ids=["not again", "complete", "failed", "cancelled"],
)
def test_a_plan_comes_to_its_end(site, rows, end, values):
    for name in ("a", "b", "r"):
        rows.set(name, **values)
    queue = last_job(Queue())
    assert chain.continue_plan(site, queue, rows, end) is None
    assert queue.size() == 1


# Workers that were lost


def test_what_slurm_says_of_lost_workers_is_written_down(site):
    lost = [
        worker_row(1, "7_0"),
        worker_row(2, "7_1"),
        worker_row(3, "7_2", live=True),
        worker_row(4, "7_3", reason="stopped"),
        worker_row(5, None),
    ]
    states = {"7_0": ["NODE_FAIL", "COMPLETED"], "7_1": ["COMPLETED"], "7_2": ["FAILED"], "7_3": ["FAILED"]}
    rows = Rows({}, lost)
    chain.explain_lost_workers(Queue(states=states), rows, "a")
    assert rows.reasons == {1: "SLURM: NODE_FAIL"}
