"""Promise 2: no run id twice in an outputs root, whatever happens to the database."""

import pytest

from tests.support.processes import in_processes
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import ConfigError, DatabaseError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.outputs_root import next_free, outputs_id, reserve
from truestrength.trainer.contract.paths.outputs import OutputsRoot


def test_ids_count_up_from_the_base(ledger, outputs):
    assert [ledger.new_run_id(outputs, 25) for _ in range(3)] == [25, 26, 27]
    assert sorted(path.name for path in outputs.reservations.iterdir()) == ["run_025", "run_026", "run_027"]


def test_each_outputs_root_counts_for_itself(ledger, outputs, tmp_path):
    other = OutputsRoot(tmp_path / "other")
    assert (ledger.new_run_id(outputs, 25), ledger.new_run_id(other, 25)) == (25, 25)
    assert outputs_id(outputs) != outputs_id(other)


def test_an_outputs_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "results").write_text("not a folder")
    with pytest.raises(ConfigError, match=r"paths\.outputs: .*results cannot be made or written to"):
        outputs_id(OutputsRoot(tmp_path / "results"))


def test_a_moved_root_goes_on_counting(ledger, outputs, tmp_path):
    ledger.new_run_id(outputs, 25)
    outputs.root.rename(tmp_path / "moved")
    assert ledger.new_run_id(OutputsRoot(tmp_path / "moved"), 25) == 26


def test_16_processes_get_distinct_ids(database_url, outputs):
    given = in_processes(_take, [(database_url, outputs, 8)] * 16)
    ids = [run_id for some in given for run_id in some]
    assert sorted(ids) == list(range(25, 25 + 128))


def test_a_lost_database_goes_on_after_the_highest_id_on_disk(ledger, outputs):
    for _ in range(5):
        ledger.new_run_id(outputs, 25)
    _drop_sequence(ledger, outputs)
    assert ledger.new_run_id(outputs, 25) == 30


def test_a_lost_database_under_many_starters(ledger, database_url, outputs):
    for _ in range(5):
        ledger.new_run_id(outputs, 25)
    _drop_sequence(ledger, outputs)
    given = in_processes(_take, [(database_url, outputs, 4)] * 8)
    ids = [run_id for some in given for run_id in some]
    assert len(set(ids)) == 32
    assert min(ids) == 30


def test_a_restored_database_does_not_reuse(ledger, outputs):
    for _ in range(5):
        ledger.new_run_id(outputs, 25)
    with connected(ledger.url) as connection:
        execute(connection, f"SELECT setval('truestrength.run_ids_{outputs_id(outputs)}', 26)")
    assert ledger.new_run_id(outputs, 25) == 30


def test_folders_without_reservations_count(ledger, outputs):
    """As after `git clone`: the results are there, the reservations and the database are not."""
    outputs.sweep("some_sweep").run(40).folder.mkdir(parents=True)
    outputs.lone_run(41).folder.mkdir(parents=True)
    assert ledger.new_run_id(outputs, 25) == 42


def test_registering_looks_at_the_disk(ledger, outputs, sweep_spec):
    """A restored database and lost reservations at once: only the folders know."""
    assert ledger.new_run_id(outputs, 25) == 25
    outputs.sweep("some_sweep").run(26).folder.mkdir(parents=True)
    ledger.register(sweep_spec(), outputs)
    assert ledger.new_run_id(outputs, 25) == 27


def test_another_database_on_the_same_root(ledger, outputs, database_url, postgres_server):
    ledger.new_run_id(outputs, 25)
    with Ledger(postgres_server) as other:
        try:
            assert other.new_run_id(outputs, 25) == 26
            assert ledger.new_run_id(outputs, 25) == 27
        finally:
            with connected(postgres_server) as connection:
                execute(connection, "DROP SCHEMA truestrength CASCADE")


def test_a_chosen_id_is_taken_once(ledger, outputs):
    reserve(outputs, 26)
    with pytest.raises(ConfigError, match="run_026 exists"):
        reserve(outputs, 26)
    assert ledger.new_run_id(outputs, 25) == 27


def test_a_chosen_id_with_a_folder_is_refused(outputs):
    outputs.sweep("some_sweep").run(33).folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match="run_033 exists"):
        reserve(outputs, 33)


def test_names_grow_past_three_digits(ledger, outputs):
    outputs.lone_run(1234).folder.mkdir(parents=True)
    assert ledger.new_run_id(outputs, 25) == 1235


def _take(url, outputs, count):
    with Ledger(url, patience_s=60) as ledger:
        return [ledger.new_run_id(outputs, 25) for _ in range(count)]


def _drop_sequence(ledger, outputs):
    with connected(ledger.url) as connection:
        execute(connection, f"DROP SEQUENCE truestrength.run_ids_{outputs_id(outputs)}")


def test_a_number_that_is_too_large_is_named(ledger, outputs):
    """On disk, or in the database, whoever has put it there."""
    assert ledger.new_run_id(outputs, 25) == 25
    huge = outputs.root / f"run_{10**20}"
    huge.mkdir()
    with pytest.raises(
        DatabaseError, match=f"run ids end at {2**53}, and the highest folder or reservation is {10**20}"
    ):
        ledger.new_run_id(outputs, 27)
    with pytest.raises(ConfigError, match="run ids end at"):
        next_free(outputs, 25)
    huge.rmdir()
    for at in (2**53, 2**63 - 1):
        with connected(ledger.url) as session:
            execute(session, f"SELECT setval('truestrength.run_ids_{outputs_id(outputs)}', {at})")
        with pytest.raises(DatabaseError, match=f"run ids end at {2**53}, and the database's sequence"):
            ledger.new_run_id(outputs, 25)
