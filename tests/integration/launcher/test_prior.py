"""What a sweep knows from earlier ones: read once, counted, kept, and the same after any kill."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from tests.support.leagues import stub_league
from tests.support.places import SUPPORT
from truestrength.launcher.expansion import Budget, expand_plan
from truestrength.launcher.prior import prior_said, with_prior
from truestrength.launcher.registration import register
from truestrength.launcher.report.analysis import write_analysis
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.ledger import AttemptState, Claim
from truestrength.trainer.contract.words import Method, Objective, Sampler, Target
from truestrength.trainer.search import proposals
from truestrength.trainer.worker.drain import TrialOutcome, drain

SPACE = {
    "max_depth": {"type": "int", "low": 2, "high": 9},
    "training.rolling_windows": {"type": "choice", "values": [[10], [10, 30]]},
    "training.loss": {"type": "choice", "values": ["listmle", "spearman"]},
    "model_a.hidden": {"type": "choice", "values": [8, 16], "when": {"training.loss": ["spearman"]}},
}


def score(job):
    depth = job.config.model_b.max_depth
    figures = {objective: depth / 10 + i for i, objective in enumerate(Objective)}
    return TrialOutcome(figures[job.spec.objective], figures)


@pytest.fixture
def make(sweep_spec):
    def spec(batch_id, space=None, **fields):
        return sweep_spec({"search_spaces": {"phase1": space or SPACE}}, batch_id=batch_id, **fields)

    return spec


@pytest.fixture
def run(ledger, outputs):
    def drained(spec):
        register(ledger, spec, outputs)
        worker = ledger.start_worker(spec.batch_id, "testhost", os.getpid())
        assert drain(ledger, spec.batch_id, worker, score, threading.Event()).done == spec.n_trials

    return drained


@pytest.fixture
def old(make, run):
    """A finished sweep of twelve trials."""
    spec = make("old", n_trials=12)
    run(spec)
    return spec


def narrow(low):
    return {**SPACE, "max_depth": {"type": "int", "low": low, "high": 9}}


def test_trials_of_an_earlier_sweep_are_known_and_those_outside_are_counted(ledger, make, run, old, outputs):
    depths = [slot.parameters["max_depth"] for slot in ledger.slots("old")]
    inside = sum(depth >= 5 for depth in depths)
    assert 0 < inside < 12
    [new] = with_prior(ledger, [make("new", narrow(5), prior=("old",), objective=Objective.NDCG4)])
    [known] = new.known
    assert (known.name, known.finished, known.fitting, known.alike) == ("old", 12, inside, True)
    # By the new sweep's objective, whatever the old one's was.
    assert [t.value for t in known.trials] == [t.parameters["max_depth"] / 10 + 1 for t in known.trials]
    [said] = prior_said(new)
    assert said == (
        f"new: of 12 finished trials of old, {inside} count as prior observations, outside the budget. Left out: "
        f"{12 - inside}, outside the search space or without a value for ndcg4."
    )
    run(new)
    assert ledger.progress("new").done == new.n_trials == 6
    write_sweep_results(ledger, "new", outputs)
    write_analysis(ledger, ["new"], outputs, pytest.fail)
    [row] = [line for line in outputs.analysis.read_text().splitlines() if line.startswith("| new   | old")]
    assert [cell.strip() for cell in row.split("|")[3:-1]] == ["yes", "12", *map(str, (inside, 12 - inside, inside))]


@pytest.mark.parametrize("sampler", [s for s in Sampler if s not in {Sampler.QMC, Sampler.RANDOM}])
@pytest.mark.usefixtures("old")
def test_what_is_known_spares_the_start_design_and_is_learnt_from(ledger, make, outputs, sampler):
    plain, [new] = make("new"), with_prior(ledger, [make("new", prior=("old",), sampler=sampler)])
    claim = Claim(batch_id="new", slot=0, attempt=1, rung=0, worker_id=1, parameters=None)
    register(ledger, new, outputs)
    assert proposals.propose(ledger, plain, claim) == proposals.start_point(plain, 0)
    found = [proposals.propose(ledger, new, msgspec.structs.replace(claim, slot=i)) for i in range(8)]
    assert sum(point["max_depth"] for point in found) / 8 > 6.5, "deeper is better, as the old sweep has found"


def test_a_folder_tells_the_same_as_the_ledger(ledger, make, old, outputs, tmp_path):
    write_sweep_results(ledger, "old", outputs)
    elsewhere = tmp_path / "elsewhere" / "sweeps" / "old"
    shutil.copytree(outputs.sweep("old").folder, elsewhere)
    [by_name] = with_prior(ledger, [make("new", narrow(4), prior=("old",))])
    ledger.forget("old")
    [by_folder] = with_prior(ledger, [make("new", narrow(4), prior=(str(elsewhere),))])
    assert by_folder.known[0].trials == by_name.known[0].trials
    assert by_folder.known[0].name == str(elsewhere)
    assert any("model_a.hidden" not in trial.parameters for trial in by_folder.known[0].trials)


def test_failed_trials_and_lower_rungs_do_not_count(ledger, make, run):
    run(make("old", n_trials=7, method=Method.HALVING))
    [new] = with_prior(ledger, [make("new", prior=("old",))])
    assert new.known[0].finished == 1


def test_other_data_are_said(ledger, make, old):
    [new] = with_prior(ledger, [make("new", prior=("old",), data_fingerprint="league-2")])
    assert prior_said(new)[0].endswith("They were measured on other data or seasons, and are taken as they are.")


def test_of_very_many_the_best_the_worst_and_the_newest_count(ledger, make, outputs, old, tmp_path):
    write_sweep_results(ledger, "old", outputs)
    folder = tmp_path / "many"
    shutil.copytree(outputs.sweep("old").folder, folder)
    table = folder / "sweep_results.csv"
    header, *rows = list(csv.reader(table.read_text().splitlines()))
    column = header.index("spearman")
    many = [[*rows[0][:column], str(i), *rows[0][column + 1 :]] for i in range(400)]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([header, *reversed(many)])
    [new] = with_prior(ledger, [make("new", prior=(f"{folder}/",))])
    assert (new.known[0].finished, new.known[0].fitting) == (400, 400)
    assert [t.value for t in new.known[0].trials] == [*map(float, range(399, 374, -1)), *map(float, range(199, -1, -1))]
    assert "Of so many, the best, the worst and the newest are looked at: 225." in prior_said(new)[0]


def test_the_same_command_knows_the_same_whatever_became_of_the_earlier_sweep(ledger, make, old, outputs):
    asked = make("new", narrow(4), prior=("old",))
    [first] = with_prior(ledger, [asked])
    register(ledger, first, outputs)
    ledger.forget("old")
    [again] = with_prior(ledger, [msgspec.structs.replace(asked, n_trials=9)])
    assert again.known == first.known
    register(ledger, again, outputs)
    assert ledger.spec("new").known == first.known


def test_it_is_part_of_what_the_sweep_is(ledger, make, old):
    plain = make("new")
    assert make("new", prior=("old",)).digest != plain.digest
    assert with_prior(ledger, [make("new", prior=("old",))])[0].digest == make("new", prior=("old",)).digest
    assert "prior" not in plain.identity()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prior": ("odl",)}, r"--prior odl: no such sweep: did you mean 'old'\?.*named by its folder, with a /"),
        ({"prior": ("./odl",)}, r"--prior \./odl: is no sweep's folder: .*No such file or directory\. Name a folder"),
        ({"prior": ("new",)}, "--prior new: is a sweep of the plan itself"),
        ({"prior": ("open",)}, "--prior open: has no finished trial"),
        (
            {"prior": ("old",), "target": Target.PLAYOFF_OUTCOME},
            r"--prior old: its target is final_rank, and no sweep that asks for it has that \(they have playoff_out",
        ),
        (
            {
                "prior": ("old",),
                "space": {"max_depth": SPACE["max_depth"], "subsample": {"type": "fixed", "value": 1.0}},
            },
            r"--prior old: its parameters are not those of new: it has no subsample; new has no model_a.hidden, "
            r"training.loss, training.rolling_windows\. Name a sweep with the same parameters",
        ),
    ],
)
@pytest.mark.usefixtures("old")
def test_what_is_no_prior_is_refused_before_anything_is_registered(ledger, make, outputs, fields, said):
    register(ledger, make("open"), outputs)
    with pytest.raises(ConfigError, match=said):
        with_prior(ledger, [make("other"), make("new", **fields)])
    assert [now.batch_id for now in ledger.all_progress()] == ["old", "open"]


@pytest.mark.parametrize("text", ["", "{}", "[", '{"target": "x"}'])
@pytest.mark.usefixtures("old")
def test_a_folder_whose_files_are_damaged_is_refused(ledger, make, outputs, text):
    write_sweep_results(ledger, "old", outputs)
    paths = outputs.sweep("old")
    paths.config.write_text(text)
    with pytest.raises(ConfigError, match=r"--prior .*sweep_config\.json: cannot be read"):
        with_prior(ledger, [make("new", prior=(str(paths.folder),))])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"method": Method.HALVING},
            "--prior old: goes with --method optuna and a sampler that learns from trials; new",
        ),
        ({"sampler": Sampler.QMC}, "new has --method optuna, --sampler qmc"),
        ({"prior": ("old", "old")}, "--prior old: is written twice"),
        ({"prior": ("a b",)}, "--prior 'a b': letters, digits"),
    ],
)
def test_a_sweep_that_could_not_use_it_is_none(make, fields, said):
    with pytest.raises(ConfigError, match=said):
        make("new", **{"prior": ("old",), **fields})


CONFIG = """
paths: {data: league, outputs: out}
search_spaces: {phase1: {max_depth: {type: int, low: 3, high: 9}}}
plans:
  mine:
    - {grid: {listmle_target: [final_rank, playoff_outcome]}, prior: [a, b], batch_id: "x_{listmle_target}"}
    - {batch_id: y, method: random}
"""


@pytest.fixture
def project(tmp_path, monkeypatch, project_database):
    stub_league(tmp_path / "league")
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_a_key_of_an_entry_and_a_flag_of_the_whole_plan(project):
    config = load_config(Path("config.yaml"))
    plan = expand_plan(config, "mine", Budget())
    assert [spec.prior for spec in plan.sweeps] == [("a", "b"), ("a", "b"), ()]
    with pytest.raises(ConfigError, match="y has --method random"):
        expand_plan(config, "mine", Budget(prior=("c",)))
    asked = expand_plan(config, "mine", Budget(prior=("c",), method=Method.OPTUNA))
    assert {spec.prior for spec in asked.sweeps} == {("c",)}


def test_each_sweep_of_a_plan_takes_the_priors_of_its_target(ledger, make, run):
    run(make("a", n_trials=3))
    run(make("b", n_trials=4, target=Target.PLAYOFF_OUTCOME))
    one, other = with_prior(
        ledger, [make("x", prior=("a", "b")), make("y", prior=("a", "b"), target=Target.PLAYOFF_OUTCOME)]
    )
    assert [known.name for known in one.known] == ["a"]
    assert [known.name for known in other.known] == ["b"]


def test_kill_9_in_the_middle_and_the_same_command_ends_with_the_budget_and_the_same_prior(ledger, project, make, run):
    """The launcher and its workers die, the earlier sweep is forgotten: nothing of what was known is lost."""
    space = {"max_depth": {"type": "int", "low": 2, "high": 9}}
    run(make("old", space, n_trials=12, data_fingerprint="f00d"))
    command = [sys.executable, str(SUPPORT / "prior_launcher.py"), "launch", "config.yaml", "old", "14"]
    launcher = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _wait_until(lambda: any(now.batch_id == "new" and now.done >= 2 for now in ledger.all_progress()))
    for pid in [launcher.pid, *(worker.pid for worker in ledger.workers("new"))]:
        os.kill(pid, signal.SIGKILL)
    launcher.wait()
    known = ledger.spec("new").known
    assert (known[0].finished, len(known[0].trials)) == (12, known[0].fitting)
    assert ledger.progress("new").open > 0
    ledger.forget("old")

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"new: of 12 finished trials of old, {known[0].fitting} count as prior observations" in done.stdout
    assert ledger.spec("new").known == known
    states = [row.state for row in ledger.attempts("new")]
    assert (states.count(AttemptState.COMPLETE), ledger.progress("new").done) == (14, 14)
    assert AttemptState.DEAD in states


def _wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
