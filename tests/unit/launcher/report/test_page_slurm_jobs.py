"""What jobs asked SLURM for beside what they used: the profile's line is right, and only there where it is worth it."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from tests.unit.launcher.report.test_analysis_sections import tables
from tests.unit.launcher.report.test_cost import cost
from truestrength.launcher.report.page.slurm_jobs import JobRequest, Used, compared, slurm_section, used_by
from truestrength.launcher.slurm import site as sites
from truestrength.launcher.slurm.profile import ClusterProfile
from truestrength.trainer.contract.paths.outputs import OutputsRoot

START = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def sweep(build):
    """One worker, two attempts: 12 minutes from the first to the last moment, 310 MiB at most, two cores busy."""
    found = build.sweep(build.spec(), [0.7, 0.8])
    ends = [(0, 5), (6, 12)]
    trials = [
        msgspec.structs.replace(
            trial,
            started_at=START + dt.timedelta(minutes=begin),
            finished_at=START + dt.timedelta(minutes=end),
            pid=5,
            cost=cost(10.0, 20.0, waited_seconds=0.0),
        )
        for trial, (begin, end) in zip(found.trials, ends, strict=True)
    ]
    return msgspec.structs.replace(found, trials=tuple(trials))


def save(outputs, name, batch_ids, profile):
    sweeps = tuple(sites.Sweep(batch_id, 2) for batch_id in batch_ids)
    sites.save(sites.Site(profile, outputs, "3fa9c21b", name, sweeps, True, "python"))


def test_the_lines_of_the_profile_that_asks_for_too_much(sweep, tmp_path):
    outputs = OutputsRoot(tmp_path)
    save(outputs, "plan-1", [sweep.spec.batch_id], ClusterProfile(timeout_min=240, cpus=4, mem_gb=8))
    memory, cores, walltime = tables(slurm_section([sweep], outputs))[0]
    assert (memory["asked for"], memory["used at most"], memory["in the profile"]) == ("8", "0.30", "`mem_gb: 1`")
    assert (cores["asked for"], cores["used at most"], cores["in the profile"]) == ("4", "2.00", "`cpus: 2`")
    assert (walltime["asked for"], walltime["used at most"]) == ("240", "12.0")
    assert walltime["in the profile"] == "`timeout_min: 28`"


def test_more_is_needed_or_it_may_stay_or_the_cluster_decides():
    rows = [row[-1] for row in compared(JobRequest(30, cpus=2, mem_gb=2), Used(1.9, 1.7, 29.0))]
    assert rows == ["`mem_gb: 3` (more is needed)", "as it is", "-"]
    assert [row[-1] for row in compared(JobRequest(30), Used(1.9, 1.7, 12.0))] == ["-", "-", "as it is"]
    assert [row[-1] for row in compared(JobRequest(30, 2, 2), Used(None, None, None))] == ["-"] * 3


def test_the_plan_that_was_submitted_last_counts_and_other_files_say_nothing(sweep, tmp_path):
    outputs = OutputsRoot(tmp_path)
    assert slurm_section([sweep], outputs) == "", "it ran somewhere else"
    save(outputs, "plan-1", [sweep.spec.batch_id], ClusterProfile(timeout_min=240))
    outputs.cluster.plan("plan-2").write_text("{")
    save(outputs, "plan-3", [sweep.spec.batch_id], ClusterProfile(timeout_min=60))
    assert tables(slurm_section([sweep], outputs))[0][2]["asked for"] == "60"


def test_requeued_jobs_are_workers_of_their_own(sweep):
    one, two = sweep.trials
    again = msgspec.structs.replace(sweep, trials=(one, msgspec.structs.replace(two, pid=6)))
    assert used_by([again]).minutes == 6.0
