"""What a cluster allows a user: so many submitted jobs, certain keys of the accounting; on a real SLURM."""

import os
import signal

import pytest

from tests.support.slurm_queue import LATER, queued, shown

BATCH = "as_it_is"
SWEEPS = [
    "phase1_spearman_final_rank",
    "phase1_ndcg4_playoff_outcome",
    "phase1_rolling_spearman_playoff_outcome",
]
"""Of the small plan."""

# Q: a limit on submitted jobs


def killed(project, batch_id):
    """Kill the one worker of a sweep in the middle of its slot. Returns its job."""
    project.wait_for_slots(batch_id, 1)
    [worker] = [w for w in project.ledger.workers(batch_id) if w.live]
    pid, _ = project.freeze(worker.job_id, batch_id)
    os.kill(pid, signal.SIGKILL)
    return worker.job_id


@pytest.mark.parametrize("project", [("--max-submit", "5", "--nodes", "2")], indirect=True, ids=["five jobs"])
def test_a_plan_at_the_limit_of_submitted_jobs_goes_on_and_heals_by_itself(project):
    printed = project.submit_small_plan("sequential", n_trials=1, n_jobs=1)
    assert "2 of 3 sweeps are in the queue: a limit on submitted jobs is reached (sbatch: " in printed
    assert "AssocMaxSubmitJobLimit" in printed
    kinds = [job["name"].split(".")[1] for job in project.slurm.queue()]
    assert sorted(kinds) == ["analysis", "finish", "finish", "work", "work"]
    # The finisher counts as a job, too: there is no room for another worker and another finisher beside it.
    killed(project, SWEEPS[0])
    project.until(lambda: SWEEPS[1] in [s.batch_id for s in project.ledger.all_progress() if s.done], 200, SWEEPS[1])
    killed(project, SWEEPS[2])
    project.wait_for_end()
    with project.explained():
        for batch_id in SWEEPS:
            project.check_budget(batch_id, 1)
        logs = [log.read_text() for log in project.outputs.cluster.jobs.glob("*/*_log.out")]
        assert any(f"{SWEEPS[0]}: no room for 1 workers: sbatch: " in log for log in logs)
        assert any(f"{SWEEPS[1]}: its workers leave the queue to make room" in log for log in logs)
        done_at = [max(a.finished_at for a in project.ledger.attempts(b)) for b in SWEEPS]
        assert done_at == sorted(done_at)
        dead = {a.batch_id for b in SWEEPS for a in project.ledger.attempts(b) if a.state == "dead"}
        assert dead == {SWEEPS[0], SWEEPS[2]}
    assert project.outputs.analysis.exists()


@pytest.mark.parametrize("project", [("--max-submit", "3", "--nodes", "1")], indirect=True, ids=["three jobs"])
def test_a_limit_that_not_even_one_sweep_keeps_says_so_and_leaves_nothing(project):
    with pytest.raises(AssertionError, match=r"(?s)AssocMaxSubmitJobLimit.*Nothing was submitted.*smaller --n-jobs"):
        project.submit_sweep(BATCH, 4, 2)
    assert project.slurm.queue() == []
    project.profile(sbatch=LATER)
    project.submit_sweep(BATCH, 4, 1)
    assert set(queued(project)) == {"work", "finish", "analysis"}


# P: keys of the accounting that are enforced


@pytest.mark.parametrize("project", [("--wckeys", "lab,nba", "--nodes", "1")], indirect=True, ids=["wckeys"])
def test_where_wckeys_are_enforced_none_is_sent_that_nobody_asked_for(project):
    arguments = ["sweep", "--config", "cheap.yaml", "--n-trials", "2", "--n-jobs", "2", "--batch-id", BATCH]
    running = ["--executor", "slurm", "--cluster", "cluster.yaml"]
    project.profile(sbatch={**LATER, "wckey": "submitit"})
    refused = project.try_launcher(*arguments, *running, SBATCH_WCKEY="nba")
    assert refused.returncode == 2
    assert "the array of the first sweep would be refused: sbatch: " in refused.stderr
    assert "Invalid wckey" in refused.stderr
    assert project.slurm.queue() == []
    for asked, given in (({}, "*lab"), ({"wckey": False}, "*lab"), ({"wckey": "nba"}, "nba")):
        project.profile(sbatch={**LATER, **asked})
        project.launcher(*arguments, *running, SBATCH_WCKEY="other", SLURM_WCKEY="other")
        assert {shown(project, array)["WCKey"] for array in queued(project).values()} == {given}
        project.launcher("cancel", "--all")
        project.until(lambda: not project.slurm.queue(), 30, "an empty queue")
