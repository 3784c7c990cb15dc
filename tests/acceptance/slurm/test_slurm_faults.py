"""What goes wrong on a cluster, done to a real SLURM: each sweep still ends with exactly its budget."""

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

BATCH = "faulty"


def frozen_workers(project, n_trials, n_jobs):
    """Submit a sweep and stop each worker in the middle of a slot. Returns pid and attempt by job."""
    project.submit_sweep(BATCH, n_trials, n_jobs)
    project.wait_for_slots(BATCH, n_jobs)
    jobs = sorted(worker.job_id for worker in project.ledger.workers(BATCH))
    return project.freeze(jobs, BATCH)


def attempts_of(project, state):
    return {(a.slot, a.attempt) for a in project.ledger.attempts(BATCH) if a.state == state}


def starts_of(project, job_id):
    """How often a job's worker came up."""
    return [worker.job_id for worker in project.ledger.workers(BATCH)].count(job_id)


def soon_done(project, job_id):
    """Whether the sweep was done within seconds of the end of a job's first worker."""
    [worker, *_] = [w for w in project.ledger.workers(BATCH) if w.job_id == job_id]
    done_at = max(a.finished_at for a in project.ledger.attempts(BATCH) if a.state == "complete")
    return (done_at - worker.stopped_at).total_seconds() < 5


def was_told(pid):
    """Whether a frozen process has a signal waiting, or was woken to receive it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True
    return "T (stopped)" not in status or int(re.search(r"ShdPnd:\s*(\w+)", status).group(1), 16) > 0


def test_a_killed_worker_a_requeued_one_and_a_restarted_controller(project):
    workers = frozen_workers(project, 6, 2)
    (killed, (its_pid, its_attempt)), (requeued, (other_pid, _)) = workers.items()
    # A controller writes its state seconds after a change. One that is killed before forgets that the jobs have begun.
    time.sleep(10)
    project.slurm.act("kill-controller")
    project.slurm.act("start-controller")
    os.kill(its_pid, signal.SIGKILL)
    os.kill(other_pid, signal.SIGCONT)
    project.slurm.ask("scontrol", "requeue", requeued)
    project.wait_for_end()
    project.check_budget(BATCH, 6)
    assert (its_attempt.slot, its_attempt.attempt) in attempts_of(project, "dead")
    assert starts_of(project, requeued) == 2
    assert starts_of(project, killed) == 1
    assert "SLURM: FAILED" in [w.reason for w in project.ledger.workers(BATCH) if w.job_id == killed]


def test_told_to_stop_by_signal_walltime_and_preemption(project):
    # Longer than a worker lies frozen here: until SLURM tells it that its walltime is nearly over.
    project.environment["TRUESTRENGTH_LEASE_S"] = "180"
    project.profile(partition="low", cpus=2, finisher={"partition": "normal", "mem_gb": 1})
    workers = frozen_workers(project, 6, 3)
    told, timed, preempted = workers
    node = next(job["node"] for job in project.slurm.queue() if job["id"] == preempted)
    project.slurm.ask("scancel", "--signal=USR2", told)
    os.kill(workers[told][0], signal.SIGCONT)
    wish = ["--partition=normal", f"--nodelist={node}", "--exclusive", "--time=1", "--output=/dev/null"]
    project.slurm.ask("sbatch", *wish, "--job-name=important", "--wrap=sleep 3")
    # SLURM looks at time limits every 30 s, and tells a worker to stop when less than 105 s are left.
    *_, minutes, _ = project.slurm.ask("squeue", "-h", "-j", timed, "-o", "0:%M").split(":")
    project.slurm.ask("scontrol", "update", f"JobId={timed}", f"TimeLimit={int(minutes) + 2}")
    project.until(lambda: was_told(workers[timed][0]), 100, "the signal before the end of the walltime")
    with suppress(ProcessLookupError):
        os.kill(workers[timed][0], signal.SIGCONT)
    project.wait_for_end()
    with project.explained():
        project.check_budget(BATCH, 6)
        for job_id in workers:
            assert "stopped" in [w.reason for w in project.ledger.workers(BATCH) if w.job_id == job_id]
        assert not attempts_of(project, "dead")
        # The last one to be told comes back unless the others have done its slot before its job has ended.
        assert starts_of(project, told) >= 2
        assert starts_of(project, preempted) >= 2
        assert starts_of(project, timed) >= 2 or soon_done(project, timed)
        # Each gave back its slot, or was frozen so late in it that it finished it first.
        frozen = {(a.slot, a.attempt) for _, a in workers.values()}
        released = attempts_of(project, "released")
        assert released <= frozen <= released | attempts_of(project, "complete")
    logs = [log.read_text() for log in project.outputs.sweep(BATCH).worker_logs()]
    assert any(f"requeueing {told}" in log for log in logs)


def test_a_node_is_lost_and_an_orphan_runs_on_beside_its_copy(project):
    project.profile(cpus=2)
    workers = frozen_workers(project, 6, 2)
    (lost, _), (orphaned, (orphan, owned)) = workers.items()
    node_of = {job["id"]: job["node"] for job in project.slurm.queue()}
    # The orphan stays frozen for a while, as behind a broken network, so that its lease runs out.
    project.slurm.act("kill-slurmd", node_of[orphaned])
    project.slurm.act("crash", node_of[lost])
    for job_id in workers:
        project.slurm.ask("scontrol", "update", f"nodename={node_of[job_id]}", "state=DOWN", "reason=lost")

    def taken_over():
        return any(s.slot == owned.slot and s.attempt > owned.attempt for s in project.ledger.slots(BATCH))

    project.until(taken_over, 200, "another owner of the orphan's slot")
    os.kill(orphan, signal.SIGCONT)
    run = project.outputs.sweep(BATCH).run(owned.run_id)

    def state():
        return json.loads(run.provenance.read_text())["state"]

    project.until(lambda: state() == "superseded", 100, "the orphan's word that it came too late")
    project.wait_for_end()
    with project.explained():
        project.check_budget(BATCH, 6)
        assert (owned.slot, owned.attempt) not in attempts_of(project, "complete")
        # Each comes up again, once, unless the sweep was done while it waited for a node: then it is cancelled, which
        # SLURM says of the one that could not say a word itself.
        assert starts_of(project, orphaned) in {1, 2}
        first = next(w.reason for w in project.ledger.workers(BATCH) if w.job_id == lost)
        assert starts_of(project, lost) == 2 or "CANCELLED" in first


def test_cancel_and_continue(project):
    project.profile(shared_folder="shared")
    frozen_workers(project, 4, 2)
    project.launcher("cancel", BATCH)  # SLURM wakes them to end them
    project.until(lambda: not [j for j in project.slurm.queue() if j["name"].startswith(BATCH)], 60, "an empty queue")
    before = project.ledger.progress(BATCH)
    assert before.cancelled
    assert before.done < 4
    project.submit_sweep(BATCH, 4, 2)
    queue = {job["name"].split(".")[1]: job for job in project.slurm.queue() if job["state"] == "PENDING"}
    assert queue["finish"]["id"] in queue["analysis"]["after"]
    project.wait_for_end()
    project.check_budget(BATCH, 4)
    assert not project.ledger.progress(BATCH).cancelled
    assert "complete" in project.launcher("status")
    assert "run " in project.launcher("logs", BATCH)
    assert len(list((project.folder / "shared").glob("*/*/submission.sh"))) >= 5


@pytest.mark.parametrize("project", [("--no-accounting", "--nodes", "1")], indirect=True, ids=["one node"])
def test_a_sweep_whose_only_worker_dies_heals_itself_without_accounting(project):
    [(_, (pid, _))] = frozen_workers(project, 3, 1).items()
    last = next(job for job in project.slurm.queue() if ".analysis." in job["name"])
    first = next(job for job in project.slurm.queue() if ".finish." in job["name"])
    assert first["array"] in last["after"]
    os.kill(pid, signal.SIGKILL)
    project.until(
        lambda: all(job["id"] != first["id"] for job in project.slurm.queue()), 120, "the end of the finisher"
    )
    chain = {job["name"].split(".")[1]: job for job in project.slurm.queue()}
    assert chain["work"]["array"] in chain["finish"]["after"]
    assert chain["finish"]["array"] in chain["analysis"]["after"]
    assert chain["analysis"]["id"] == last["id"]
    project.wait_for_end()
    project.check_budget(BATCH, 3)
    assert len(attempts_of(project, "dead")) == 1
