"""`db backup` and `db restore`: of a server that is named and of the embedded one, whole or not at all."""

import os
import secrets
import shutil
import stat
from pathlib import Path

import psycopg2
import pytest

from truestrength.launcher.commands.parser import parser
from truestrength.launcher.postgres import backup as backups
from truestrength.launcher.postgres import programs, server
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute, rows
from truestrength.trainer.contract.errors import ConfigError, DatabaseError
from truestrength.trainer.contract.ledger import Ledger, study
from truestrength.trainer.contract.ledger.queries import migrations, newest_version
from truestrength.trainer.contract.ledger.version import version
from truestrength.trainer.contract.outputs_root import outputs_id, owner

BATCH = "phase1_spearman_final_rank"
TABLES = ("truestrength.sweeps", "truestrength.slots", "truestrength.attempts", "studies")


@pytest.fixture
def project(tmp_path, monkeypatch, project_database):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty(postgres_server):
    """The URL of a database with nothing in it, of a role of its own that may do nothing else."""
    name = f"restored_{secrets.token_hex(6)}"
    with connected(postgres_server) as session:
        execute(session, f"CREATE ROLE {name} LOGIN PASSWORD 'sesame'")
        execute(session, f"CREATE DATABASE {name} TEMPLATE template0 OWNER {name}")
    parts = url_text.parse(postgres_server)
    yield str(parts._replace(user=name, password="sesame", name=name, query=None))
    with connected(postgres_server) as session:
        execute(session, f"DROP DATABASE {name} WITH (FORCE)")
        execute(session, f"DROP ROLE {name}")


def launcher(*words):
    return command_line.main(parser(), list(map(str, words)))


def run_slots(ledger, outputs, count):
    """Complete some slots, with a folder each; returns their run ids."""
    worker, given = ledger.start_worker(BATCH, "testhost", os.getpid()), []
    for _ in range(count):
        claim = ledger.claim(BATCH, worker)
        given.append(ledger.new_run_id(outputs, 25))
        outputs.sweep(BATCH).run(given[-1]).folder.mkdir(parents=True)
        ledger.begin(claim, {"max_depth": 3}, given[-1])
        ledger.finish(claim, 0.5, 1.0)
        assert study.tell(ledger.connection, ledger.spec(claim.batch_id))
    ledger.stop_worker(worker, "no slots left")
    ledger.close()
    return given


def contents(url):
    with connected(url) as session:
        return {table: rows(session, f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


def ledger_id(url):
    with connected(url) as session:
        return rows(session, "SELECT ledger_id FROM truestrength.ledger")


@pytest.fixture
def begun(project, ledger, outputs, sweep_spec):
    ledger.register(sweep_spec(), outputs)
    assert run_slots(ledger, outputs, 3) == [25, 26, 27]
    return ledger


def test_a_backup_is_restored_and_no_run_id_is_given_twice(begun, project, outputs, sweep_spec, capsys):
    assert launcher("db", "backup", "day.backup") == 0
    assert capsys.readouterr().out == "day.backup: 1 sweeps and their studies; only you can read it\n"
    assert [path.name for path in project.glob("*day.backup*")] == ["day.backup"]
    assert stat.S_IMODE(Path("day.backup").stat().st_mode) == 0o600
    before, whose = contents(begun.url), ledger_id(begun.url)
    assert all(before.values())
    assert run_slots(begun, outputs, 2) == [28, 29]
    assert contents(begun.url) != before

    assert launcher("db", "restore", "day.backup") == 2
    assert "has 1 sweeps and 1 Optuna studies, which would be lost. `--replace`" in capsys.readouterr().err
    assert launcher("db", "restore", "day.backup", "--replace") == 0
    assert f"Runs that the database does not know: {BATCH}: run_028 to run_029." in capsys.readouterr().out
    assert contents(begun.url) == before
    assert ledger_id(begun.url) == whose
    begun.register(sweep_spec(), outputs)
    assert run_slots(begun, outputs, 3) == [30, 31, 32]
    assert study.load_study(begun.connection, begun.spec(BATCH)).study_name == BATCH
    assert launcher("db", "backup", "day.backup") == 0, "an earlier one is replaced"


def test_a_restored_ledger_is_the_same_elsewhere(begun, outputs, sweep_spec, empty, monkeypatch):
    assert launcher("db", "backup", "day.backup") == 0
    before = contents(begun.url)
    monkeypatch.setenv("DATABASE_URL", empty)
    assert launcher("db", "restore", "day.backup") == 0
    assert contents(empty) == before
    with Ledger(empty, patience_s=5) as restored:
        restored.register(sweep_spec(), outputs)
        assert run_slots(restored, outputs, 3) == [28, 29, 30]
    with connected(empty) as session:
        found = rows(session, "SELECT study_name FROM studies")
    assert found == [{"study_name": BATCH}], "also where the role's own search path does not lead to it"


def test_a_backup_of_an_older_version_is_migrated(empty, postgres_server, tmp_path, database_url):
    file = tmp_path / "old.backup"
    with connected(empty) as session:
        execute(session, migrations()[3])
        execute(session, "INSERT INTO truestrength.schema_version VALUES (3)")
        execute(session, "INSERT INTO truestrength.outputs_roots (root_id, path) VALUES ('abc', 'outputs4')")
        execute(
            session,
            "INSERT INTO truestrength.sweeps (batch_id, root_id, digest, family, identity, spec, direction,"
            " max_attempts) VALUES ('a', 'abc', 'd', 'f', '{}', '{}', 'minimize', 3)",
        )
    backups.backup(empty, file)
    backups.restore(database_url, file)
    with connected(database_url) as session:
        assert version(session) == newest_version()
        assert rows(session, "SELECT batch_id FROM truestrength.sweeps") == [{"batch_id": "a"}]
        assert execute(session, "SELECT count(*) FROM truestrength.ledger").fetchone() == (1,)


def test_a_database_that_is_in_use_is_not_replaced(begun, outputs, monkeypatch, capsys):
    assert launcher("db", "backup", "day.backup") == 0
    before = contents(begun.url)
    monkeypatch.setattr(backups, "LEAVING_S", 0.3)
    with connected(begun.url):
        assert launcher("db", "restore", "day.backup", "--replace") == 2
    assert "1 other connections use this database" in capsys.readouterr().err
    begun.start_worker(BATCH, "testhost", os.getpid())
    begun.close()
    assert launcher("db", "restore", "day.backup", "--replace") == 2
    assert f"workers are at {BATCH}" in capsys.readouterr().err
    assert contents(begun.url) == before


def test_what_is_no_backup_changes_nothing(begun, project, empty, capsys):
    found = programs.clients(0)
    assert launcher("db", "backup", "day.backup") == 0
    whole = Path("day.backup").read_bytes()
    Path("torn").write_bytes(whole[: len(whole) * 2 // 3])
    Path("text").write_text("SELECT 1;")
    with connected(empty) as session, backups._programs(session, empty) as tools:
        tools.run("pg_dump", "--format=custom", "--file=another")
    before = contents(begun.url)
    cases = {
        "text": "expected a backup by `truestrength db backup`, found something else",
        "none": "none: cannot be read: No such file",
        "another": "is a backup of another database: it has no ledger",
        "torn": f"pg_restore (PostgreSQL {found.version}) failed",
    }
    for name, expected in cases.items():
        assert launcher("db", "restore", name, "--replace") == 2
        assert expected in capsys.readouterr().err
    assert contents(begun.url) == before


def test_a_restore_that_fails_halfway_leaves_what_was_there(begun, capsys):
    """A table of somebody else's is in the backup, and in the database still."""
    with connected(begun.url) as session:
        execute(session, "CREATE TABLE public.not_ours (i integer)")
    assert launcher("db", "backup", "day.backup") == 0
    before = contents(begun.url)
    assert launcher("db", "restore", "day.backup", "--replace") == 2
    assert 'relation "not_ours" already exists. Nothing was changed' in capsys.readouterr().err.replace('", ', '" ')
    assert contents(begun.url) == before


def test_a_backup_goes_where_there_is_room_for_it(begun, project, capsys):
    Path("notes.txt").write_text("mine")
    for name, expected in {
        "notes.txt": "is no backup, so it is left",
        "no/day.backup": "there is no folder no",
    }.items():
        assert launcher("db", "backup", name) == 2
        assert expected in capsys.readouterr().err
    assert Path("notes.txt").read_text() == "mine"
    assert not Path("no").exists()


def test_nothing_to_back_up_is_said(project, database_url, empty, capsys, monkeypatch):
    for url in (database_url, empty):
        monkeypatch.setenv("DATABASE_URL", url)
        assert launcher("db", "backup", "day.backup") == 2
        assert "no sweeps are in this database" in capsys.readouterr().err
    assert not Path("day.backup").exists()


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Programs that write down how they were started; with a version to claim, they claim it."""
    folder, log = tmp_path / "bin", tmp_path / "started"

    def make(claimed=""):
        real = programs.clients(0).folder
        folder.mkdir()
        for program in programs.CLIENTS:
            claim = f'[ "$1" = --version ] && echo "{program} (PostgreSQL) {claimed}" && exit' if claimed else ""
            script = f'#!/bin/sh\n{claim}\ntr "\\0" " " < /proc/$$/cmdline >> {log}\nexec {real / program} "$@"\n'
            (folder / program).write_text(script)
            (folder / program).chmod(0o755)
        monkeypatch.setenv("PG_BIN", str(folder))
        return log

    return make


def test_the_password_is_on_no_command_line(begun, watched, capsys):
    log = watched()
    assert launcher("db", "backup", "day.backup") == 0
    assert launcher("db", "restore", "day.backup", "--replace") == 0
    parts, started = url_text.parse(begun.url), log.read_text()
    for program in programs.CLIENTS:
        assert f"/bin/{program} " in started
    for secret in (parts.password, parts.user + ":", parts.hosts):
        assert secret not in started
    assert parts.password not in str(capsys.readouterr())
    assert parts.password.encode() not in Path("day.backup").read_bytes()


def test_programs_that_are_older_than_the_server_are_passed_over_or_named(begun, watched, monkeypatch, capsys):
    watched("9.6.24")
    assert launcher("db", "backup", "day.backup") == 0, "there are others"
    monkeypatch.setattr(programs, "_candidates", lambda: iter([Path(os.environ["PG_BIN"])]))
    assert launcher("db", "backup", "other.backup") == 2
    said = capsys.readouterr().err
    with psycopg2.connect(begun.url) as session:
        assert f"The server is PostgreSQL {session.info.server_version // 10000}, and needs pg_dump" in said
    session.close()
    assert "are of version 9. Install" in said
    assert not Path("other.backup").exists()


def test_the_embedded_server_is_restored_when_its_folder_is_lost(tmp_path, monkeypatch, outputs, sweep_spec, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    try:
        server.up(tmp_path)
        with Ledger(server.select(tmp_path, outputs).read_text(), patience_s=10) as ledger:
            ledger.register(sweep_spec(), outputs)
            run_slots(ledger, outputs, 2)
        belonged = owner(outputs)
        assert launcher("db", "backup", "day.backup") == 0
        server.down(tmp_path)
        shutil.rmtree(".postgres")
        assert launcher("db", "restore", "day.backup") == 2
        assert "--outputs DIR names it" in capsys.readouterr().err
        assert launcher("db", "restore", "day.backup", "--outputs", outputs.root) == 0
        server.up(tmp_path)
        with Ledger(server.url(tmp_path, outputs), patience_s=10) as ledger:
            ledger.register(sweep_spec(), outputs)
            assert owner(outputs) == belonged
            assert ledger.progress(BATCH).done == 2
            assert run_slots(ledger, outputs, 1) == [27]
        assert outputs_id(outputs) in server.url(tmp_path, outputs)
    finally:
        server.down(tmp_path)


def test_optunas_tables_are_all_known(begun):
    """What is not known would be in the way of a restore."""
    with connected(begun.url) as session:
        named = "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'truestrength')"
        there = {name for (name,) in execute(session, named).fetchall()}
        execute(session, "DROP SCHEMA truestrength CASCADE")
        with Ledger(begun.url, patience_s=5) as anew:
            anew.prepare()
        own = {name for (name,) in execute(session, named).fetchall()} - set(study.table_names())
    assert there - own == set(study.table_names())


def test_mistakes_are_config_errors_and_faults_database_errors(tmp_path, database_url):
    with pytest.raises(ConfigError):
        backups.restore(database_url, tmp_path)
    with pytest.raises(DatabaseError):
        backups.backup("postgresql://me:sesame@127.0.0.1:1/none", tmp_path / "x")
