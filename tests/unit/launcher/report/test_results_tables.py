"""The sweep's tables as pure functions of its trials."""

import csv
import io
import json
import math

import msgspec
import polars as pl
import pytest

from truestrength.launcher.report.analysis import about_data, halved
from truestrength.launcher.report.sweep_files import (
    best_configs,
    result_columns,
    results_csv,
    summary,
    sweep_config,
    trial_config,
)
from truestrength.launcher.report.trials import Slot, best_of_target, best_trial, comparable, compare, rankers
from truestrength.trainer.contract.words import Method, Objective, Phase, Target


def read(sweep):
    return list(csv.DictReader(io.StringIO(results_csv(sweep))))


def test_a_row_per_finished_trial_equals_its_source(build):
    sweep = build.sweep(build.spec(Objective.RANK_RMSE), [0.80, 0.85, 0.82])
    rows = read(sweep)
    assert [int(row["slot"]) for row in rows] == [0, 1, 2]
    for row, trial in zip(rows, sweep.trials, strict=True):
        assert (int(row["run_id"]), int(row["attempt"]), row["state"]) == (trial.run_id, 1, "complete")
        assert float(row["value"]) == trial.value == trial.metrics.objectives.rank_rmse
        assert float(row["learning_rate"]) == trial.parameters["learning_rate"]
        assert json.loads(row["rolling_windows"]) == [10, 30]
        assert float(row["seconds"]) == trial.seconds
        for ranker, scores in rankers(trial.metrics).items():
            for objective in Objective:
                column = objective.value if ranker == "stack" else f"{ranker}_{objective}"
                assert float(row[column]) == scores.of(objective)


def test_columns_do_not_depend_on_the_trials(build):
    spec = build.spec()
    empty, full = build.sweep(spec, []), build.sweep(spec, [0.8])
    assert result_columns(empty) == result_columns(full)
    assert results_csv(empty).splitlines() == [",".join(result_columns(full))]
    assert len(set(result_columns(full))) == len(result_columns(full)) == 6 + 9 + 10 * 6 + 1 + 10 + 1


def test_parameters_stand_in_the_configurations_order_whatever_the_databases(build):
    spec = build.spec()
    space = dict(sorted(spec.config.search_spaces["phase1"].items(), key=lambda item: len(item[0])))
    config = msgspec.structs.replace(spec.config, search_spaces={Phase.PHASE1: space})
    stored = msgspec.structs.replace(spec, config=config)
    assert list(stored.space) != list(spec.space)
    assert result_columns(build.sweep(stored, [])) == result_columns(build.sweep(spec, []))
    assert result_columns(build.sweep(spec, []))[6:9] == ["model_a_epochs", "max_depth", "learning_rate"]


def test_failed_attempts_are_rows_and_dead_ones_are_not(build):
    spec = build.spec()
    sweep = build.sweep(spec, [0.8])
    failed, dead = build.failed(spec, 1, 26, "NaN loss"), build.failed(spec, 2, None, "lost", state="dead")
    rows = read(msgspec.structs.replace(sweep, trials=(*sweep.trials, failed, dead)))
    assert [row["state"] for row in rows] == ["complete", "failed"]
    assert (rows[1]["run_id"], rows[1]["value"], rows[1]["elo_spearman"]) == ("26", "", "")


def test_slots_that_are_not_needed_are_rows_without_figures(build):
    sweep = build.sweep(build.spec(n_trials=4), [0.8, 0.9])
    ended = msgspec.structs.replace(sweep, reached="max_minutes", not_needed=(Slot(2, 0), Slot(3, 0)))
    rows = read(ended)
    assert [(row["slot"], row["state"], row["reason"]) for row in rows[2:]] == [
        ("2", "not needed", "time is up"), ("3", "not needed", "time is up")
    ]  # fmt: skip
    assert {value for row in rows[2:] for value in row.values()} == {"", "0", "2", "3", "not needed", "time is up"}
    assert pl.read_csv(io.StringIO(results_csv(ended)))["run_id"].null_count() == 2
    found = summary(ended)
    assert (found["complete"], found["not_needed"], found["n_trials"]) == (2, 2, 4)
    assert found["reached"] == "max_minutes"


def test_csv_is_read_back_by_polars_in_full_precision(build):
    sweep = build.sweep(build.spec(), [1 / 3, 2 / 3])
    table = pl.read_csv(io.StringIO(results_csv(sweep)))
    assert table["value"].to_list() == [1 / 3, 2 / 3]
    assert table["state"].to_list() == ["complete", "complete"]


def test_a_minimised_objective_picks_the_smallest(build):
    sweep = build.sweep(build.spec(Objective.RANK_RMSE), [0.80, 0.85, 0.82])
    found = summary(sweep)
    assert found["best"]["rank_rmse"]["run_id"] == 26
    assert found["best"]["rank_rmse"]["value"] == min(trial.value for trial in sweep.trials)
    assert found["direction"] == "minimize"


def test_the_summary_has_the_best_by_every_objective_beside_the_baselines(build):
    spec = build.spec(n_trials=2)
    first = build.trial(spec, 0, 0.80, 25)
    scores = msgspec.structs.replace(first.metrics.objectives, ndcg4=0.99)
    first = msgspec.structs.replace(
        first, metrics=msgspec.structs.replace(first.metrics, models=first.metrics.models | {"stack": scores})
    )
    sweep = msgspec.structs.replace(build.sweep(spec, []), trials=(first, build.trial(spec, 1, 0.84, 26)))
    best = summary(sweep)["best"]
    assert {objective: best[objective]["run_id"] for objective in Objective} == {
        "spearman": 26, "ndcg4": 25, "ndcg16": 26, "ndcg20": 26, "playoff_spearman": 26, "rank_rmse": 26,
    }  # fmt: skip
    assert best["ndcg4"]["value"] == 0.99
    assert best["spearman"]["best_baseline"] == "blend"
    assert best["spearman"]["gain"] == pytest.approx(0.01)
    assert best["spearman"]["beats_every_baseline"] is True
    assert best["rank_rmse"]["rankers"]["win_rate"] == first.metrics.baselines["win_rate"].rank_rmse
    assert best["rank_rmse"]["gain"] > 0


def test_counts_of_a_summary(build):
    spec = build.spec(n_trials=4)
    whole = build.sweep(spec, [0.8])
    others = (build.failed(spec, 1, 26, "x"), build.failed(spec, 1, 27, "y"), build.failed(spec, 2, 28, "z", "dead"))
    found = summary(msgspec.structs.replace(whole, trials=(*whole.trials, *others)))
    assert (found["n_trials"], found["complete"]) == (4, 1)
    assert found["attempts"] == {"complete": 1, "dead": 1, "failed": 2}


@pytest.mark.parametrize("skills", [[], [math.nan]])
def test_a_sweep_without_figures_has_no_best(build, skills):
    sweep = build.sweep(build.spec(), skills)
    assert summary(sweep)["best"] == dict.fromkeys(Objective)
    assert best_configs(sweep) == dict.fromkeys(Objective)
    assert len(read(sweep)) == len(skills)


def test_not_a_number_never_wins(build):
    sweep = build.sweep(build.spec(Objective.RANK_RMSE), [math.nan, 0.5, 0.6])
    assert best_trial(sweep.ranked, Objective.RANK_RMSE).run_id == 27
    assert best_trial(sweep.ranked, Objective.SPEARMAN).run_id == 27


def test_a_tie_goes_to_the_first_run_and_is_no_win_over_a_baseline(build):
    sweep = build.sweep(build.spec(), [0.83, 0.83])
    assert best_trial(reversed(sweep.ranked), Objective.SPEARMAN).run_id == 25
    found = compare(rankers(sweep.trials[0].metrics), Objective.SPEARMAN)
    assert (found.gain, found.beats) == (0.0, False)


def test_a_run_whose_folder_is_gone_keeps_its_value(build):
    spec = build.spec()
    lost = build.trial(spec, 0, 0.9, 25, metrics=None)
    sweep = msgspec.structs.replace(build.sweep(spec, []), trials=(lost,))
    assert summary(sweep)["best"]["spearman"]["value"] == 0.9
    assert summary(sweep)["best"]["spearman"]["rankers"] == {}
    assert read(sweep)[0]["spearman"] == "0.9"


def test_the_best_configs_are_whole_and_hold_the_runs_parameters(build):
    sweep = build.sweep(build.spec(target=Target.PLAYOFF_OUTCOME), [0.80, 0.85])
    found = best_configs(sweep)["spearman"]
    best = sweep.trials[1]
    assert (found["run_id"], found["value"]) == (26, 0.85)
    config = found["config"]
    assert config.model_a.epochs == best.parameters["model_a_epochs"]
    assert config.model_b.learning_rate == best.parameters["learning_rate"]
    assert config.training.listmle_target is Target.PLAYOFF_OUTCOME
    assert config.evaluation == sweep.spec.config.evaluation


def test_rolling_windows_of_a_trial_reach_its_config(build):
    spec = build.spec(target=Target.PLAYOFF_OUTCOME, phase=Phase.ROLLING)
    trial = build.trial(spec, 0, 0.8, 25)
    trial.parameters["rolling_windows"] = [15, 30]
    assert trial_config(spec, trial.parameters, trial.rung).training.rolling_windows == (15, 30)


def test_the_sweep_config_says_what_was_asked_for(build):
    spec = build.spec(Objective.RANK_RMSE, phase=Phase.ROLLING)
    found = json.loads(msgspec.json.encode(sweep_config(spec)))
    assert found["batch_id"] == spec.batch_id
    assert found["direction"] == "minimize"
    assert found["digest"] == spec.digest
    assert found["space"]["rolling_windows"]["values"] == [[10], [10, 30], [15, 30], [20, 30]]
    assert found["config"]["inference"]["run_id_base"] == 25


def test_with_halving_only_the_last_rung_is_compared(build):
    spec = build.spec(n_trials=7, method=Method.HALVING)
    trials = (
        build.trial(spec, 0, 0.95, 25, rung=0),
        build.trial(spec, 4, 0.90, 26, rung=1),
        build.trial(spec, 6, 0.85, 27, rung=2),
    )
    sweep = msgspec.structs.replace(build.sweep(spec, []), trials=trials)
    assert summary(sweep)["best"]["spearman"]["run_id"] == 27
    assert best_of_target([sweep], Target.FINAL_RANK).run_id == 27
    assert [row["rung"] for row in read(sweep)] == ["0", "1", "2"]
    assert "Successive halving (`phase1_spearman_final_rank`)" in halved([sweep])[0]
    assert halved([build.sweep(build.spec(), [0.9])]) == []


def test_the_best_of_a_target_is_found_over_all_its_sweeps(build):
    sweeps = [
        build.sweep(build.spec(Objective.SPEARMAN), [0.8, 0.81], first_run=25),
        build.sweep(build.spec(Objective.RANK_RMSE), [0.9, 0.82], first_run=30),
        build.sweep(build.spec(target=Target.PLAYOFF_OUTCOME), [0.99], first_run=40),
    ]
    assert best_of_target(sweeps, Target.FINAL_RANK).run_id == 30
    assert best_of_target(sweeps, Target.PLAYOFF_OUTCOME).run_id == 40
    assert best_of_target(sweeps[2:], Target.FINAL_RANK) is None


def test_the_only_objective_that_was_asked_for_decides(build):
    sweep = build.sweep(build.spec(Objective.NDCG16), [0.8, 0.9], first_run=25)
    ranked = [
        msgspec.structs.replace(t, metrics=None, objectives={Objective.SPEARMAN: t.slot, Objective.NDCG16: -t.slot})
        for t in sweep.trials
    ]
    turned = msgspec.structs.replace(sweep, trials=tuple(ranked))
    assert best_of_target([turned], Target.FINAL_RANK).run_id == 25
    both = [build.sweep(build.spec(Objective.SPEARMAN), []), turned]
    assert best_of_target(both, Target.FINAL_RANK).run_id == 26


def test_no_run_of_sweeps_that_were_measured_otherwise_is_called_best(build):
    spec = build.spec()
    evaluation = msgspec.structs.replace(spec.config.evaluation, first_day=60)
    easier = msgspec.structs.replace(
        spec, batch_id="easier", config=msgspec.structs.replace(spec.config, evaluation=evaluation)
    )
    other_data = msgspec.structs.replace(spec, batch_id="other_data", data_fingerprint="0" * 64)
    sweeps = [
        build.sweep(easier, [0.99], first_run=25),
        build.sweep(other_data, [0.98], first_run=30),
        build.sweep(spec, [0.8, 0.81], first_run=40),
    ]
    assert best_of_target(sweeps, Target.FINAL_RANK).run_id == 41
    assert comparable(sweeps, like=sweeps[0]) == sweeps[:1]
    assert "2 of 3 sweeps have other data or `evaluation` settings than the newest one" in about_data(sweeps)
    assert "newest one" not in about_data(sweeps[2:])
