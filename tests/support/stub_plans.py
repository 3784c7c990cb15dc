"""Whole plans in this process, over a real ledger and real workers; only the trials train nothing."""

from dataclasses import replace
from pathlib import Path

from tests.support import launcher_stub_main as stub
from tests.support.leagues import stub_league
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.local.run_plan import WrittenReports, run_plan
from truestrength.trainer.contract.sweep.limits import NO_LIMITS

CONFIG = "paths: {data: league, outputs: out}\nsearch_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}\n"


class Lines:
    """What a launcher shows and says, and of which sweeps it reports."""

    def __init__(self):
        self.text = []
        self.workers = []
        self.reports = []

    def sweep(self, batch_id):
        self.reports.append(batch_id)

    def end(self, *, changed, complete):
        self.reports.append((changed, complete))

    def show(self, plan, progress, at_work):
        self.workers.append(at_work)

    def say(self, text):
        self.text.append(text)


def stub_project(folder, monkeypatch):
    """A folder with a league and a configuration, which is the working folder."""
    stub_league(folder / "league")
    (folder / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(folder)
    return folder


def launch(ledger, batch_ids, *, n_trials=4, n_jobs=2, executor=None, written=False, limits=NO_LIMITS):
    """Run the plan of the working folder's configuration. Returns the exit code and what was said."""
    plan = stub.stub_plan(Path("config.yaml"), batch_ids, n_trials, n_jobs)
    plan = replace(plan, planned=tuple(replace(one, limits=limits) for one in plan.planned))
    lines = Lines()
    executor = executor or LocalExecutor(n_jobs, stub.stub_command)
    reports = WrittenReports(plan, ledger, lines.say) if written else lines
    return run_plan(plan, ledger, executor, lines, reports), lines
