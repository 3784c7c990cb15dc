"""The schema by numbered files: from every earlier version, with rows in it, it becomes what a fresh one is."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg2 import errors

from tests.support.processes import in_processes
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute, rows
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger, notices, optuna_storage, preparation
from truestrength.trainer.contract.ledger.queries import migrations, newest_version
from truestrength.trainer.contract.ledger.version import version

EARLIER = [number for number in migrations() if number < newest_version()]
ABSOLUTE_SINCE = 4
"""No outputs root with a relative path has been written down since."""
TABLES = {
    "outputs_roots": "(root_id, path) VALUES ('abc', 'outputs4')",
    "sweeps": "(batch_id, root_id, digest, family, identity, spec, direction, max_attempts, cancelled_at) VALUES "
    "('a', 'abc', 'd', 'f', '{\"k\": 1}', '{}', 'minimize', 3, now())",
    "workers": "(batch_id, host, pid, place, lease_until, stopped_at) VALUES ('a', 'h', 7, 'p', now(), now())",
    "slots": "(batch_id, slot, state, attempt, parameters) VALUES ('a', 0, 'done', 1, '{\"max_depth\": 3}')",
    "attempts": "(batch_id, slot, attempt, state, run_id, value, objectives) VALUES "
    "('a', 0, 1, 'complete', 25, 0.1, '{\"spearman\": 0.1}')",
}
CATALOG = {
    "columns": """
        SELECT c.relkind::text, c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
               a.attnotnull, a.attidentity::text, pg_get_expr(d.adbin, d.adrelid) AS standard,
               col_description(c.oid, a.attnum) AS said
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'truestrength'::regnamespace""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) AS says, convalidated
        FROM pg_constraint WHERE connamespace = 'truestrength'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'truestrength'",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'truestrength'",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle, cache_size
        FROM pg_sequences WHERE schemaname = 'truestrength' AND sequencename !~ '^run_ids'""",
    "comments": """
        SELECT c.relname, obj_description(c.oid) AS said FROM pg_class c
        WHERE c.relnamespace = 'truestrength'::regnamespace""",
    "others": """
        SELECT proname AS name FROM pg_proc WHERE pronamespace = 'truestrength'::regnamespace
        UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'truestrength'::regnamespace
        UNION ALL SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
                  WHERE c.relnamespace = 'truestrength'::regnamespace AND NOT tgisinternal""",
}


@pytest.fixture
def database(postgres_server):
    """Make empty databases."""
    made = []

    def make():
        made.append(f"migrated_{secrets.token_hex(6)}")
        with connected(postgres_server) as session:
            execute(session, f"CREATE DATABASE {made[-1]} TEMPLATE template0")
        return url_text.with_database(postgres_server, made[-1])

    yield make
    for name in made:
        with connected(postgres_server) as session:
            execute(session, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def old(database):
    """Make a database of an earlier version, with a row in every table."""

    def make(number):
        url = database()
        with connected(url) as session:
            for earlier in filter(lambda earlier: earlier <= number, migrations()):
                execute(session, migrations()[earlier])
            execute(session, f"INSERT INTO truestrength.schema_version VALUES ({number})")
            for table, row in TABLES.items():
                there = row if number < ABSOLUTE_SINCE else row.replace("'outputs4'", "'/outputs4'")
                execute(session, f"INSERT INTO truestrength.{table} {there}")
            execute(session, "CREATE SEQUENCE truestrength.run_ids_abc START 26")
        return url

    return make


def prepare(url, patience_s=20):
    with Ledger(url, patience_s) as ledger:
        ledger.prepare()


def catalog(url):
    with connected(url) as session:
        return {what: sorted(map(repr, rows(session, query))) for what, query in CATALOG.items()}


def contents(url):
    with connected(url) as session:
        return {table: rows(session, f"SELECT * FROM truestrength.{table}") for table in TABLES}


def ledger_id(url):
    with connected(url) as session:
        return rows(session, "SELECT ledger_id FROM truestrength.ledger")


@pytest.mark.parametrize("number", EARLIER)
def test_a_migrated_schema_is_a_fresh_one_and_keeps_its_rows(old, database, number):
    migrated, fresh = old(number), database()
    before = contents(migrated)
    prepare(migrated)
    prepare(fresh)
    with connected(migrated) as session:
        execute(session, "DROP SEQUENCE truestrength.run_ids_abc")
        assert version(session) == newest_version()
    after = catalog(migrated)
    assert after == catalog(fresh)
    assert all(after[what] for what in ("columns", "constraints", "indexes", "views", "sequences"))
    kept = contents(migrated)
    assert {t: [{k: row[k] for k in before[t][i]} for i, row in enumerate(kept[t])] for t in before} == before
    assert all(before.values())


def test_nobody_is_told_of_a_ledger_that_was_not_migrated_yet_and_its_sweeps_are_forgotten(old):
    url = old(EARLIER[-1])
    with connected(url) as session:
        optuna_storage.make_tables(session)
    with Ledger(url) as ledger:
        assert ledger_sweeps(ledger) == ["a"]
        assert notices.receivers(ledger.connection) == []
        ledger.forget("a")
        assert ledger_sweeps(ledger) == []


def ledger_sweeps(ledger):
    with connected(ledger.url) as session:
        return [row["batch_id"] for row in rows(session, "SELECT batch_id FROM truestrength.sweeps")]


def test_a_result_that_an_older_version_had_not_settled_is_complete_and_untold(old):
    url = old(5)
    with connected(url) as session:
        execute(session, "UPDATE truestrength.slots SET state = 'reported'")
        execute(session, "UPDATE truestrength.attempts SET state = 'running', trial_number = 4")
        prepare(url)
        [attempt] = rows(session, "SELECT state, told FROM truestrength.attempts")
        assert attempt == {"state": "complete", "told": False}
        assert rows(session, "SELECT next_trial FROM truestrength.sweeps") == [{"next_trial": 5}]


def test_many_that_come_at_once_migrate_once(old, database):
    for url in (old(3), database()):
        in_processes(prepare, [(url,)] * 8)
        assert len(ledger_id(url)) == 1
        with connected(url) as session:
            assert version(session) == newest_version()


def test_a_ledger_has_the_same_id_whenever_it_is_migrated(old, database, postgres_server):
    """Its backup, restored and migrated later, belongs to the same outputs roots."""
    url, other = old(3), old(3)
    copy = url_text.parse(database()).name
    with connected(postgres_server) as session:
        execute(session, f"DROP DATABASE {copy}")
        execute(session, f"CREATE DATABASE {copy} TEMPLATE {url_text.parse(url).name}")
    restored = url_text.with_database(postgres_server, copy)
    for each in (url, restored, other):
        prepare(each)
    assert ledger_id(url) == ledger_id(restored) != ledger_id(other)


def test_an_interrupted_migration_leaves_the_old_version(old, monkeypatch):
    url = old(3)
    before = catalog(url)
    broken = {**migrations(), newest_version() + 1: "CREATE TABLE truestrength.next (); SELECT 1 / 0"}
    with monkeypatch.context() as patched, Ledger(url, patience_s=1) as ledger:
        patched.setattr(preparation, "migrations", lambda: broken)
        with pytest.raises(DatabaseError, match="division by zero"):
            ledger.prepare()
    assert catalog(url) == before
    with connected(url) as session:
        assert version(session) == 3
    prepare(url)


def test_one_that_is_killed_on_the_server_leaves_the_old_version(old):
    """Its transaction waits for a reader's lock; then its session is ended."""
    url = old(3)
    with connected(url) as reader, connected(url) as session:
        with reader, ThreadPoolExecutor(1) as pool:
            execute(reader, "LOCK TABLE truestrength.outputs_roots IN ACCESS SHARE MODE")
            migrating = pool.submit(prepare, url, patience_s=0)
            ask = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'truestrength.outputs_roots'::regclass"
            while not (waiting := execute(session, ask).fetchall()):
                assert not migrating.done()
            execute(session, "SELECT pg_terminate_backend(%s)", waiting[0])
            with pytest.raises(DatabaseError):
                migrating.result()
        assert version(session) == 3
        assert execute(session, "SELECT to_regclass('truestrength.ledger')").fetchone() == (None,)
    prepare(url)


def test_workers_of_the_older_program_are_let_end_first(old):
    url = old(3)
    at_work = "UPDATE truestrength.workers SET stopped_at = NULL, lease_until = now() + interval '%s s'"
    with connected(url) as session:
        execute(session, at_work % 60)
        with pytest.raises(
            DatabaseError, match=rf"has version 3, this program makes it {newest_version()}.* are at a: wait"
        ):
            prepare(url)
        assert version(session) == 3
        execute(session, at_work % -1)
        prepare(url)
        assert version(session) == newest_version()


def test_a_relative_path_is_written_down_no_more(old):
    url = old(3)
    prepare(url)
    with connected(url) as session, pytest.raises(errors.CheckViolation):
        execute(session, "INSERT INTO truestrength.outputs_roots (root_id, path) VALUES ('def', 'outputs4')")
