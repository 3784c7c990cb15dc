"""Promise 4: the same command goes on where it stopped, and a changed one is refused with the difference."""

import pytest

from tests.support.processes import in_processes
from truestrength.trainer.contract import digests
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import ConfigError, DatabaseError, SweepChangedError
from truestrength.trainer.contract.ledger import Ledger, study
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Method, Objective, Phase

BATCH = "phase1_spearman_final_rank"


def test_registering_again_changes_nothing(ledger, sweep_spec, outputs):
    spec = sweep_spec()
    ledger.register(spec, outputs)
    worker = ledger.start_worker(BATCH, "testhost", 1)
    claim = ledger.claim(BATCH, worker)
    ledger.register(spec, outputs)
    assert ledger.spec(BATCH) == spec
    assert ledger.renew(claim).owner
    assert ledger.progress(BATCH).n_trials == 6


def test_the_study_is_named_by_the_batch_id_and_goes_the_right_way(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(objective=Objective.RANK_RMSE), outputs)
    found = study.load_study(ledger.connection, ledger.spec(BATCH))
    assert (found.study_name, found.direction.name, found.trials) == (BATCH, "MINIMIZE", [])


def test_a_larger_budget_adds_slots(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(), outputs)
    ledger.register(sweep_spec(n_trials=9), outputs)
    assert [row.slot for row in ledger.slots(BATCH)] == list(range(9))
    assert ledger.spec(BATCH).n_trials == 9


def test_a_smaller_budget_is_refused(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(), outputs)
    with pytest.raises(SweepChangedError, match=r"registered with 6 trials; found --n-trials 5"):
        ledger.register(sweep_spec(n_trials=5), outputs)


@pytest.mark.parametrize("method", [Method.HALVING, Method.GRID])
def test_rungs_and_grids_do_not_grow(ledger, sweep_spec, outputs, method):
    ledger.register(sweep_spec(method=method), outputs)
    with pytest.raises(SweepChangedError, match="has laid its slots out for 6 trials"):
        ledger.register(sweep_spec(method=method, n_trials=12), outputs)


def test_a_changed_configuration_is_refused_key_by_key(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(), outputs)
    changed = {"model_a.epochs": 3, "search_spaces": {"phase1": {"max_depth": {"type": "int", "low": 3, "high": 9}}}}
    with pytest.raises(SweepChangedError) as refused:
        ledger.register(sweep_spec(changed, data_fingerprint="league-2"), outputs)
    lines = str(refused.value).splitlines()
    assert "  data_fingerprint: league-1 -> league-2" in lines
    assert "  config.model_a.epochs: 20 -> 3" in lines
    assert "  space.max_depth.high: 5 -> 9" in lines
    assert any(line.startswith("  space.min_samples_leaf.low: 4 -> nothing") for line in lines)
    assert not any("rolling_windows: [10, 30] -> [10, 30]" in line for line in lines)


def test_where_things_lie_may_change(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(), outputs)
    ledger.register(sweep_spec({"paths.batch_cache": "elsewhere"}), outputs)
    assert ledger.spec(BATCH).config.paths.batch_cache == "elsewhere"


def test_a_sweep_belongs_to_its_outputs_root(ledger, sweep_spec, outputs, tmp_path):
    ledger.register(sweep_spec(), outputs)
    with pytest.raises(SweepChangedError, match="belongs to the outputs root"):
        ledger.register(sweep_spec(), OutputsRoot(tmp_path / "other"))
    outputs.root.rename(tmp_path / "moved")
    ledger.register(sweep_spec(), OutputsRoot(tmp_path / "moved"))


def test_a_study_of_somebody_else_is_not_taken_over(ledger, sweep_spec, outputs):
    import optuna

    foreign = optuna.create_study(study_name=BATCH, storage=url_text.sqlalchemy_url(ledger.url), direction="maximize")
    foreign.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(SweepChangedError, match="with 1 trials that this ledger did not make"):
        ledger.register(sweep_spec(), outputs)
    with pytest.raises(SweepChangedError, match="to maximize, not to minimize"):
        ledger.register(sweep_spec(objective=Objective.RANK_RMSE), outputs)


def test_forgetting_a_sweep_lets_it_begin_anew(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(), outputs)
    ledger.start_worker(BATCH, "testhost", 1)
    ledger.forget(BATCH)
    assert ledger.all_progress() == []
    ledger.register(sweep_spec(data_fingerprint="league-2"), outputs)


def test_a_budget_that_the_grid_cannot_fill_is_refused(ledger, sweep_spec, outputs):
    small = {"sweep": {"max_depth": [3, 4], "min_samples_leaf": [4, 5]}}
    with pytest.raises(ConfigError, match="the grid of --phase full has 4 points"):
        ledger.register(sweep_spec(small, phase=Phase.FULL, method=Method.GRID), outputs)
    assert ledger.all_progress() == []


def test_a_phase_without_a_search_space_leaves_nothing(ledger, sweep_spec, outputs):
    with pytest.raises(ConfigError, match=r"no search_spaces\.rolling"):
        ledger.register(sweep_spec({"search_spaces": {"phase1": {}}}, phase=Phase.ROLLING), outputs)
    assert ledger.all_progress() == []


def test_16_processes_register_on_an_empty_database(postgres_server, sweep_spec, outputs):
    name = "empty_for_start_races"
    with connected(postgres_server) as connection:
        execute(connection, f"CREATE DATABASE {name}")
    url = url_text.with_database(postgres_server, name)
    try:
        in_processes(_register, [(url, sweep_spec(), outputs)] * 16)
        with Ledger(url) as ledger:
            assert ledger.progress(BATCH).pending == 6
            assert study.load_study(ledger.connection, ledger.spec(BATCH)).trials == []
    finally:
        with connected(postgres_server) as connection:
            execute(connection, f"DROP DATABASE {name} WITH (FORCE)")


def test_errors_of_the_database_say_what_to_do(postgres_server, sweep_spec, outputs):
    with connected(postgres_server) as connection:
        execute(connection, "CREATE ROLE visitor_of_tests LOGIN PASSWORD 'visitor'")
    try:
        host = postgres_server.rpartition("@")[2].partition("/")[0]
        cases = {
            f"postgresql://visitor_of_tests:wrong@{host}/postgres": "Check user, password",
            f"postgresql://visitor_of_tests:visitor@{host}/nothing_there": "Check user, password",
            f"postgresql://visitor_of_tests:visitor@{host}/postgres": "GRANT CREATE ON DATABASE",
            "postgresql://visitor_of_tests:visitor@127.0.0.1:1/postgres": "Is the server up",
        }
        for url, advice in cases.items():
            with Ledger(url, patience_s=0.2) as ledger, pytest.raises(DatabaseError) as refused:
                ledger.register(sweep_spec(), outputs)
            assert advice in str(refused.value)
            assert "visitor@" not in str(refused.value)
            assert "wrong" not in str(refused.value)
    finally:
        with connected(postgres_server) as connection:
            execute(connection, "DROP ROLE visitor_of_tests")


def test_a_database_without_a_ledger_says_so(postgres_server):
    with Ledger(postgres_server, patience_s=1) as ledger, pytest.raises(DatabaseError, match="ledger is not in this"):
        ledger.all_progress()


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger, _: ledger.prepare(),
        lambda ledger, _: ledger.all_progress(),
        lambda ledger, _: ledger.start_worker(BATCH, "testhost", 1),
        lambda ledger, _: ledger.claim(BATCH, 1),
        lambda ledger, _: ledger.cancel(BATCH),
        lambda ledger, _: ledger.retry(BATCH),
        lambda ledger, _: ledger.forget(BATCH),
        lambda ledger, outputs: ledger.new_run_id(outputs, 25),
    ],
)
def test_a_newer_schema_is_left_alone_by_everybody(ledger, sweep_spec, outputs, write):
    ledger.register(sweep_spec(), outputs)
    with connected(ledger.url) as connection:
        execute(connection, "UPDATE truestrength.schema_version SET version = 99")
    with Ledger(ledger.url, patience_s=5) as older, pytest.raises(DatabaseError, match="has version 99"):
        write(older, outputs)
    with connected(ledger.url) as connection:
        assert execute(connection, "SELECT FROM studies").rowcount == 1, "nothing was removed"


def test_the_identity_survives_the_database(ledger, sweep_spec, outputs):
    """What comes back hashes to what went in, or every second start would be refused."""
    spec = sweep_spec()
    ledger.register(spec, outputs)
    assert ledger.spec(BATCH).digest == spec.digest
    assert digests.digest(spec.identity()) == spec.digest


def _register(url, spec, outputs):
    with Ledger(url, patience_s=60) as ledger:
        ledger.register(spec, outputs)
