"""A grid of the user's own, of three axes and 24 sweeps: on this machine, and on a real SLURM."""

import json

import pytest
import yaml

from truestrength.trainer.contract.sweep.start_slots import START_SLOTS
from truestrength.trainer.search.proposals import start_point

AXES = {
    "training.seed": [1, 2, 3],
    "objective": ["spearman", "rank_rmse"],
    "model_a.hidden": [2, 4, 6, 8],
}


EARLIER = [f"here_spearman_{seed}_{hidden}" for seed in AXES["training.seed"] for hidden in AXES["model_a.hidden"]]


def grid(prefix):
    first = {"name": "grid", "grid": AXES, "batch_id": f"{prefix}_{{objective}}_{{training.seed}}_{{model_a.hidden}}"}
    last = {"grid": {"method": ["random"]}, "batch_id": f"{prefix}_last_{{method}}", "after": "grid", "n_jobs": 1}
    return [first, last]


@pytest.fixture
def own_plans(project):
    """Two plans of the same cells, named apart since a batch id is there once in a database."""
    knows = {"prior": EARLIER[:START_SLOTS], "batch_id": "there_knows", "after": "none", "n_jobs": 1}
    text = {"extends": "cheap.yaml", "plans": {"here": grid("here"), "there": [knows, *grid("there")]}}
    (project.folder / "own.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return project


def batch_ids(project, plan):
    return [
        s["batch_id"] for s in json.loads(project.launcher("plan", plan, "--config", "own.yaml", "--json"))["sweeps"]
    ]


def test_a_plan_of_three_axes_ends_with_its_exact_budgets_here_and_on_slurm(own_plans):
    budget = ["--config", "own.yaml", "--n-trials", "1", "--n-jobs", "2"]
    named = batch_ids(own_plans, "here")
    assert len(named) == 25
    shown = own_plans.launcher("run", "here", *budget)
    assert sum(line.endswith("  complete") for line in shown.splitlines()) == 25
    slurm = ["--executor", "slurm", "--cluster", "cluster.yaml", "--order", "parallel"]
    submitted = own_plans.launcher("run", "there", *budget, *slurm)
    assert submitted.count("there_knows: of 1 finished trial of here_spearman_") == START_SLOTS
    queue = own_plans.slurm.queue()
    last = next(job for job in queue if job["name"].startswith("there_last_random.work"))
    assert last["after"].count("afterany") == 24
    first = [job for job in queue if job["name"].startswith("there_spearman") and ".work." in job["name"]]
    assert not any("afterany" in job["after"] for job in first)
    own_plans.wait_for_end()
    for batch_id in (*named, *batch_ids(own_plans, "there")):
        own_plans.check_budget(batch_id, 1)
    end = {b: max(a.finished_at for a in own_plans.ledger.attempts(b)) for b in batch_ids(own_plans, "there")[1:-1]}
    [attempt] = own_plans.ledger.attempts("there_last_random")
    assert attempt.started_at > max(end.values())
    # The worker on the node knew what the login node had read, and so had no need of the start design.
    knows = own_plans.ledger.spec("there_knows")
    assert [earlier.fitting for earlier in knows.known] == [1] * START_SLOTS
    [slot] = own_plans.ledger.slots("there_knows")
    assert slot.parameters != start_point(knows, 0)

    analysis = own_plans.outputs.analysis.read_text()
    assert "<!-- made from " in analysis  # the end of the plan has drawn every plot
    rows = [line.split("|") for line in analysis.splitlines() if "_spearman_2_" in line]
    table = [[cell.strip() for cell in row] for row in rows if len(row) > 10]
    assert {tuple(row[2:6]) for row in table if row[1].startswith("here_")} == {
        ("spearman", "optuna", "2", str(hidden)) for hidden in AXES["model_a.hidden"]
    }
