"""What sweeps cost, and what sharing saved: sums that can be done by hand, and nothing said of what nobody knows."""

from __future__ import annotations

import msgspec

from tests.unit.launcher.report.test_analysis_sections import tables
from truestrength.launcher.report.sections.cost import cost_said, cost_section
from truestrength.trainer.contract.records.cost import Cost


def cost(wall: float, alone: float | None, **changes: float | None) -> Cost:
    known = Cost(
        wall_seconds=wall,
        cpu_seconds=2 * wall,
        waited_seconds=0.5,
        alone_seconds=alone,
        alone_cpu_seconds=None if alone is None else 2 * alone,
        memory_mb=300 + wall,
        memory_since="attempt",
        gpu_seconds=None,
        gpu_memory_mb=None,
        energy_joules=360.0,
        energy_from="cpu_seconds",
    )
    return msgspec.structs.replace(known, **changes)


def costing(sweep, *costs):
    trials = [msgspec.structs.replace(t, cost=found) for t, found in zip(sweep.trials, costs, strict=True)]
    return msgspec.structs.replace(sweep, trials=tuple(trials))


def test_each_sweep_and_all_of_them(build):
    one = costing(build.sweep(build.spec(), [0.7, 0.8]), cost(10, 10), cost(1, 12))
    other = costing(build.sweep(build.spec("ndcg4"), [0.7]), cost(4, 8, gpu_seconds=3.0, gpu_memory_mb=900.0))
    rows = tables(cost_section([one, other]))[0]
    assert [row["sweep"] for row in rows] == [one.spec.batch_id, other.spec.batch_id, "all"]
    together = rows[-1]
    assert (together["attempts"], together["wall s"], together["CPU s"], together["waited s"]) == (
        "3",
        "15.0",
        "30.0",
        "1.5",
    )
    assert (together["alone s"], together["saved s"], together["times"]) == ("30.0", "15.0", "2.00")
    assert (together["memory MiB"], together["GPU s"], together["GPU MiB"]) == ("310", "3.0", "900")
    assert together["energy Wh"] == "0.30"
    assert "Energy is an estimate, from CPU seconds at 10 W." in cost_section([one, other])
    assert "GPU s" not in tables(cost_section([one]))[0][0]
    assert rows[0]["GPU s"] == "-", "no GPU is something else than none of its time"
    assert "they would have taken 2.00 times as long: 15.0 s saved by sharing" in cost_said([one, other])


def test_what_nobody_knows_is_not_said_and_never_nothing(build):
    sweep = build.sweep(build.spec(), [0.7, 0.8])
    assert cost_section([sweep]) == cost_said([sweep]) == ""
    older_store = costing(sweep, cost(10, None), None)
    (row,) = tables(cost_section([older_store]))[0]
    assert (row["wall s"], row["alone s"], row["saved s"], row["times"]) == ("10.0", "-", "-", "-")
    assert "what they would have taken alone is not known" in cost_said([older_store])
    assert "1 attempts say nothing of their cost" in cost_section([older_store])


def test_what_failed_saves_nothing(build):
    sweep = costing(build.sweep(build.spec(), [0.7, 0.8]), cost(10, 20), cost(5, 500))
    failed = msgspec.structs.replace(sweep.trials[1], state="failed", value=None)
    text = cost_said([msgspec.structs.replace(sweep, trials=(sweep.trials[0], failed))])
    assert text.startswith("2 attempts took 15.0 s")
    assert "1 of them would have taken 2.00 times as long: 10.0 s saved" in text
