"""Whose an outputs root is: copied, moved, linked, with another database, with runs that are gone or unknown."""

import csv
import json
import os
import re
import secrets
import shutil
import subprocess
import sys

import msgspec
import pytest
import yaml

from tests.support import launcher_stub_main as stub
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.local.progress import PlainLines
from truestrength.launcher.local.run_plan import run_plan
from truestrength.launcher.postgres import server
from truestrength.launcher.report.folders import RunFolders, run_folders
from truestrength.launcher.report.reading import up_to_date
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute, rows
from truestrength.trainer.contract.errors import ConfigError, SweepChangedError
from truestrength.trainer.contract.files import write_json, write_text
from truestrength.trainer.contract.ledger import Ledger, roots, study
from truestrength.trainer.contract.outputs_root import outputs_id, owner
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import RunMetrics, Scores
from truestrength.trainer.contract.words import Objective, Target

BATCH = "phase1_spearman_final_rank"


@pytest.fixture
def project(tmp_path, monkeypatch, project_database):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def another(postgres_server):
    """The URL of a second database, with nothing in it."""
    name = f"another_{secrets.token_hex(6)}"
    with connected(postgres_server) as session:
        execute(session, f"CREATE DATABASE {name} TEMPLATE template0")
    yield url_text.with_database(postgres_server, name)
    with connected(postgres_server) as session:
        execute(session, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def copy(project, outputs, registered):
    """A copy of the outputs root beside it."""
    run_slots(registered, outputs, 6)
    shutil.copytree(outputs.root, project / "copy", symlinks=True)
    return OutputsRoot(project / "copy")


@pytest.fixture
def registered(project, ledger, outputs, sweep_spec):
    ledger.register(sweep_spec(), outputs)
    return ledger


def launcher(*words):
    return command_line.main(parser(), list(map(str, words)))


def report(outputs):
    return launcher("report", "--outputs", outputs.root)


def run_slots(ledger, outputs, count):
    """Complete some slots, with a folder each as a run leaves it; returns their run ids."""
    spec = ledger.spec(BATCH)
    worker, given = ledger.start_worker(BATCH, "testhost", os.getpid()), []
    for _ in range(count):
        claim = ledger.claim(BATCH, worker)
        run_id = ledger.new_run_id(outputs, 25)
        value = run_id / 100
        scores = Scores(**dict.fromkeys(Objective, value))
        metrics = RunMetrics(
            target=Target.FINAL_RANK, seasons=("2021-22",), n_dates=20, models={"stack": scores}, baselines={},
            by_conference={}, by_third={}, stack_weights={},
        )  # fmt: skip
        paths = outputs.sweep(BATCH).run(run_id)
        write_text(paths.config, yaml.safe_dump(msgspec.to_builtins(spec.config)))
        write_json(paths.metrics, metrics)
        ledger.begin(claim, {"max_depth": spec.config.model_b.max_depth}, run_id)
        ledger.finish(claim, value, 1.0, dict.fromkeys(Objective, value))
        assert study.tell(ledger.connection, ledger.spec(claim.batch_id))
        given.append(run_id)
    ledger.stop_worker(worker, "no slots left")
    return given


def table(outputs):
    return list(csv.DictReader(outputs.sweep(BATCH).results.read_text().splitlines()))


def test_a_copy_is_refused_by_whatever_would_speak_for_it(copy, outputs, registered, sweep_spec, capsys):
    message = f"{copy.root}: is a copy of the outputs root {outputs.root}, which is still there"
    with pytest.raises(ConfigError, match=message):
        registered.register(sweep_spec(), copy)
    assert report(copy) == 2
    said = capsys.readouterr().err
    assert message in said
    for way in ("adopt", "separate"):
        assert f"`truestrength outputs {way} {copy.root}`" in said
    assert not copy.analysis.exists()
    assert report(outputs) == 0, "the original is as before"


def test_a_copy_takes_over(copy, outputs, registered, sweep_spec, capsys):
    assert launcher("outputs", "adopt", copy.root) == 0
    assert "which knows 1 of its sweeps" in capsys.readouterr().out
    registered.register(sweep_spec(), copy)
    assert report(copy) == 0
    with pytest.raises(ConfigError, match=f"{outputs.root}: is a copy of the outputs root {copy.root}"):
        registered.register(sweep_spec(), outputs)


def test_a_copy_becomes_a_root_of_its_own(copy, outputs, registered, sweep_spec, capsys):
    assert launcher("outputs", "separate", copy.root) == 0
    assert "is an outputs root of its own now" in capsys.readouterr().out
    assert outputs_id(copy) != outputs_id(outputs)
    with pytest.raises(SweepChangedError, match="belongs to the outputs root"):
        registered.register(sweep_spec(), copy)
    registered.register(sweep_spec(batch_id="mine"), copy)
    registered.register(sweep_spec(), outputs)
    assert registered.new_run_id(copy, 25) == 31, "after the runs that it was copied with"
    assert launcher("outputs", "separate", copy.root) == 2
    assert "is no copy of an outputs root that this database knows" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["adopt", "separate"])
def test_what_is_no_outputs_root_is_neither_adopted_nor_separated(project, way, capsys):
    assert launcher("outputs", way, "typo") == 2
    assert "typo: is no outputs root" in capsys.readouterr().err
    assert not (project / "typo").exists()


def test_workers_keep_a_root_from_being_taken_over(copy, registered, capsys):
    worker = registered.start_worker(BATCH, "testhost", os.getpid())
    assert launcher("outputs", "adopt", copy.root) == 2
    assert f"workers are at {BATCH}" in capsys.readouterr().err
    registered.stop_worker(worker, "told to stop")
    assert launcher("outputs", "adopt", copy.root) == 0


def test_moved_linked_and_mounted_roots_are_no_copies(registered, outputs, project, sweep_spec):
    moved = OutputsRoot(project / "moved")
    outputs.root.rename(moved.root)
    registered.register(sweep_spec(), moved)
    assert registered.outputs_roots()[0].path == str(moved.root)
    (project / "link").symlink_to(moved.root)
    registered.register(sweep_spec(), OutputsRoot(project / "link"))
    registered.register(sweep_spec(), moved)
    registered.register(sweep_spec(), OutputsRoot((project / "link").relative_to(project)))
    assert registered.outputs_roots()[0].path == str(project / "link")


def test_a_bind_mount_is_the_same_folder(registered, outputs, project, sweep_spec):
    """As a container sees it, or a node that mounts the file system elsewhere."""
    script = (
        "from pathlib import Path; from truestrength.trainer.contract.ledger import Ledger, roots; import sys;"
        "from truestrength.trainer.contract.paths.outputs import OutputsRoot;"
        "ledger = Ledger(sys.argv[1], 5); roots.check(ledger.connection, OutputsRoot(Path(sys.argv[2])))"
    )
    (project / "mounted").mkdir()
    inside = f'mount --bind "{outputs.root}" "{project}/mounted" && exec "$@"'
    unshared = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*unshared, inside, "sh", "true"], capture_output=True, check=False).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("no mounts can be made here")
        pytest.skip("no mounts can be made here")
    words = [sys.executable, "-c", script, registered.url, project / "mounted"]
    subprocess.run([*unshared, inside, "sh", *words], check=True)


def test_another_database_is_refused_and_left_empty(registered, outputs, another, sweep_spec, monkeypatch):
    run_slots(registered, outputs, 3)
    write_sweep_results(registered, BATCH, outputs)
    before = outputs.sweep(BATCH).results.read_bytes()
    with Ledger(another, patience_s=5) as other:
        with pytest.raises(ConfigError) as refused:
            other.register(sweep_spec(), outputs)
        with connected(another) as session:
            assert rows(session, "SELECT FROM pg_namespace WHERE nspname = 'truestrength'") == []
        other.prepare()
    for said in ("DATABASE_URL", "db restore FILE", "--set paths.outputs=FOLDER", f"outputs adopt {outputs.root}"):
        assert said in str(refused.value)
    assert url_text.parse(registered.url).password not in str(refused.value) + outputs.ledger.read_text()
    monkeypatch.setenv("DATABASE_URL", another)
    assert report(outputs) == 2
    assert outputs.sweep(BATCH).results.read_bytes() == before


def test_a_lost_database_is_followed_and_the_rows_stay(registered, outputs, another, sweep_spec, monkeypatch):
    lost = run_slots(registered, outputs, 3)
    write_sweep_results(registered, BATCH, outputs)
    before = {row["run_id"]: row for row in table(outputs)}
    monkeypatch.setenv("DATABASE_URL", another)
    assert launcher("outputs", "adopt", outputs.root) == 0
    with Ledger(another, patience_s=5) as other:
        other.register(sweep_spec(), outputs)
        given = run_slots(other, outputs, 6)
        assert given == list(range(28, 34))
        for _ in range(2):
            write_sweep_results(other, BATCH, outputs)
            after = {row["run_id"]: row for row in table(outputs)}
            assert [int(run_id) for run_id in after] == [*given, *lost]
        for run_id in map(str, lost):
            assert after[run_id]["state"] == "kept"
            for column in ("value", "spearman", "rank_rmse", "max_depth"):
                assert float(after[run_id][column]) == float(before[run_id][column])
        assert json.loads(outputs.sweep(BATCH).summary.read_text())["kept"] == lost
        assert report(outputs) == 0
        assert "Runs that the database does not know: " in outputs.analysis.read_text()
        assert run_folders(other, outputs) == RunFolders(unknown={BATCH: lost})
    with pytest.raises(ConfigError, match="belongs to another database"):
        registered.register(sweep_spec(), outputs)


def test_a_root_from_before_is_taken_by_the_database_that_comes_first(registered, outputs, sweep_spec):
    outputs.ledger.unlink()
    registered.register(sweep_spec(), outputs)
    assert owner(outputs).ledger_id
    outputs.ledger.write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read"):
        registered.register(sweep_spec(), outputs)


def test_runs_that_are_gone_are_named_and_not_counted(registered, outputs, capsys):
    run_slots(registered, outputs, 6)
    assert report(outputs) == 0
    assert "Complete, but" not in outputs.analysis.read_text()
    for run_id in (25, 26, 30):
        shutil.rmtree(outputs.sweep(BATCH).run(run_id).folder)
    capsys.readouterr()
    assert launcher("status") == 0
    said = capsys.readouterr().out
    assert f"Complete, but their folders are gone: {BATCH}: run_025 to run_026, run_030. They are not counted" in said
    assert f"forget {BATCH}" in said
    assert "3/6" in said
    assert "complete, 3 missing" in said
    assert launcher("status", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["outputs"] == {str(outputs.root): {"missing": {BATCH: [25, 26, 30]}, "unknown": {}}}
    assert [(sweep["missing"], sweep["state"]) for sweep in data["sweeps"]] == [(3, "complete, 3 missing")]
    assert not up_to_date(registered, outputs)
    assert report(outputs) == 0
    text = outputs.analysis.read_text()
    assert "run_025 to run_026, run_030" in text
    assert re.search(rf"{BATCH} *\| complete, 3 missing *\| *3 *\| *6 *\|", text)
    assert "sweeps are complete** so far, 3 trials in all" in text
    assert json.loads(outputs.sweep(BATCH).summary.read_text())["missing"] == [25, 26, 30]


def test_a_root_that_is_not_on_this_machine_is_not_said_to_have_lost_its_runs(registered, outputs, project, capsys):
    run_slots(registered, outputs, 6)
    outputs.root.rename(project / "elsewhere")
    assert launcher("status") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"outputs: {outputs.root} (not on this machine)\n")
    assert "6/6" in said
    assert "gone" not in said


def test_the_next_command_says_what_is_gone_and_trains_nothing_again(project, ledger, capsys, monkeypatch):
    from tests.support.leagues import stub_league

    stub_league(project / "league")
    spaces = "search_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}\n"
    (project / "config.yaml").write_text(f"paths: {{data: league, outputs: out}}\n{spaces}")
    plan = stub.stub_plan(project / "config.yaml", ["a"], 2, 1)
    run = lambda: run_plan(plan, ledger, LocalExecutor(1, stub.stub_command), PlainLines(), stub.NoReports())  # noqa: E731
    assert run() == 0
    assert "2/2" in capsys.readouterr().out
    gone = ledger.attempts("a")[0].run_id
    shutil.rmtree(plan.outputs.sweep("a").run(gone).folder)
    assert run() == 1
    said = capsys.readouterr().out
    assert f"Complete, but their folders are gone: a: run_{gone:03d}." in said
    assert "1/2" in said
    assert len(ledger.attempts("a")) == 2


def test_a_report_without_its_database_says_which_tables_there_are(registered, outputs, project, monkeypatch, capsys):
    run_slots(registered, outputs, 2)
    write_sweep_results(registered, BATCH, outputs)
    there = f"Tables of an earlier report are in {outputs.sweeps} and stay as they are: {BATCH}."
    monkeypatch.delenv("DATABASE_URL")
    assert report(outputs) == 2
    said = capsys.readouterr().err
    assert "no database here yet" in said
    assert there in said
    registered.forget(BATCH)
    monkeypatch.setenv("DATABASE_URL", registered.url)
    assert report(outputs) == 2
    assert there in capsys.readouterr().err


def test_paths_are_absolute(project, ledger, sweep_spec):
    ledger.register(sweep_spec(), OutputsRoot(project.joinpath("out").relative_to(project)))
    assert [root.path for root in ledger.outputs_roots()] == [str(project / "out")]
    assert roots.copied_from(ledger.connection, OutputsRoot(project / "out")) is None


def test_the_embedded_servers_folder_is_lost_and_the_root_goes_on(project, outputs, sweep_spec, monkeypatch, capsys):
    monkeypatch.delenv("DATABASE_URL")
    try:
        server.up(project)
        with Ledger(server.select(project, outputs).read_text(), patience_s=10) as before:
            before.register(sweep_spec(), outputs)
            assert run_slots(before, outputs, 2) == [25, 26]
        server.down(project)
        shutil.rmtree(project / ".postgres")
        server.up(project)
        with Ledger(server.select(project, outputs).read_text(), patience_s=10) as anew:
            with pytest.raises(ConfigError, match=rf"the embedded server's in {project}/\.postgres"):
                anew.register(sweep_spec(), outputs)
            assert launcher("outputs", "adopt", outputs.root) == 0
            anew.register(sweep_spec(), outputs)
            assert run_slots(anew, outputs, 1) == [27]
            shutil.copytree(outputs.root, project / "copy")
        assert launcher("status", "--outputs", project / "copy") == 2
        assert f"is a copy of the outputs root {outputs.root}" in capsys.readouterr().err
        assert launcher("outputs", "separate", project / "copy") == 0
        assert launcher("status", "--outputs", project / "copy") == 2
        assert "no sweep has run in it" in capsys.readouterr().err
    finally:
        server.down(project)
