"""The Optuna study as data, and importances that say why they are not known."""

import json
import math

import msgspec
import optuna
import pytest

from truestrength.launcher.report.study import importances, study_as_data


def make_study(values, direction="maximize"):
    """`depth` decides the value; `noise` does not matter; `fixed` is constant."""
    study = optuna.create_study(study_name="sweep", direction=direction)
    for index, value in enumerate(values):
        study.add_trial(
            optuna.trial.create_trial(
                params={"depth": index % 10, "noise": (7 * index) % 10 / 10, "fixed": "[10, 30]"},
                distributions={
                    "depth": optuna.distributions.IntDistribution(0, 9),
                    "noise": optuna.distributions.FloatDistribution(0, 1),
                    "fixed": optuna.distributions.CategoricalDistribution(["[10, 30]"]),
                },
                value=value,
            )
        )
    return study


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1), ("minimize", -1)])
def test_shares_are_ordered_and_sum_to_one(direction, sign):
    study = make_study([sign * (index % 10 >= 7) + index / 1e6 for index in range(60)], direction)
    found = importances(study, range(60))
    assert list(found.importances) == ["depth", "noise"]
    assert sum(found.importances.values()) == pytest.approx(1)
    assert (found.batch_id, found.n_trials, found.reason) == ("sweep", 60, None)
    assert importances(study, range(60)) == found


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_trials_are_said(n):
    found = importances(make_study([0.1 * index for index in range(n)]), range(n))
    assert found.importances == {}
    assert found.reason == f"{n} complete trial{'' if n == 1 else 's'}; at least 4 are needed"


def test_equal_values_are_said():
    assert importances(make_study([0.5] * 8), range(8)).reason == "all trials have the same value"


def test_infinite_values_give_a_reason_and_no_shares():
    found = importances(make_study([math.inf] * 4 + [math.inf, -math.inf]), range(6))
    assert found.importances == {}
    assert found.reason


def test_only_the_trials_that_count_are_counted():
    assert importances(make_study([index / 10 for index in range(10)]), {1, 2}).n_trials == 2


def test_a_study_without_varied_parameters_is_said():
    study = optuna.create_study(study_name="sweep")
    for value in range(5):
        fixed = optuna.distributions.CategoricalDistribution(["x"])
        study.add_trial(optuna.trial.create_trial(params={"a": "x"}, distributions={"a": fixed}, value=value))
    assert importances(study, range(5)).reason == "no parameter was varied"


def test_a_parameter_that_never_varied_gets_no_share():
    study = optuna.create_study(study_name="sweep", direction="maximize")
    space = {
        "depth": optuna.distributions.IntDistribution(0, 9),
        "constant": optuna.distributions.IntDistribution(0, 9),
    }
    for value in range(10):
        params = {"depth": value, "constant": 5}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=float(value)))
    assert importances(study, range(10)).importances == {"depth": 1.0}


def test_the_study_as_data_has_every_trial_with_distributions_states_and_times():
    study = make_study([0.25, 0.5])
    study.enqueue_trial({"depth": 3})
    study.ask()
    found = json.loads(msgspec.json.encode(study_as_data(study)))
    assert (found["study_name"], found["direction"]) == ("sweep", "maximize")
    assert [trial["state"] for trial in found["trials"]] == ["complete", "complete", "running"]
    first = found["trials"][0]
    assert first["value"] == 0.25
    assert first["params"] == {"depth": 0, "noise": 0.0, "fixed": "[10, 30]"}
    assert first["distributions"]["depth"]["attributes"]["high"] == 9
    assert first["datetime_start"] <= first["datetime_complete"]
    assert found["trials"][2]["datetime_complete"] is None
