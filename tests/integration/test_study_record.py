"""Trials begun by the study's record are those that Optuna itself would have made."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from trainer.contract import study
from trainer.contract.objectives import Direction
from trainer.contract.study_record import StudyRecord

DISTRIBUTIONS = {
    "depth": IntDistribution(3, 9, step=2),
    "rate": FloatDistribution(0.01, 0.1, log=True),
    "windows": CategoricalDistribution(["[10]", "[10, 30]"]),
}
PARAMETERS = {"depth": 5, "rate": 0.03, "windows": "[10, 30]"}
MARKS = {"run_id": 25, "slot": 3, "attempt": 1}


def test_a_trial_is_the_one_that_optuna_makes(database_url):
    study.create_study(database_url, "s", Direction.MAXIMIZE)
    with study.opened(database_url) as storage:
        by_optuna = storage.create_new_trial(
            storage.get_study_id_from_name("s"),
            create_trial(state=TrialState.RUNNING, params=PARAMETERS, distributions=DISTRIBUTIONS, user_attrs=MARKS),
        )
        expected = storage.get_trial(by_optuna)
    with StudyRecord(database_url, "s", patience_s=5) as record:
        number = record.start(PARAMETERS, DISTRIBUTIONS, MARKS)
        made = study.load_study(database_url, "s").trials[number]
        record.complete(number, 0.5)
    for field in ("state", "params", "distributions", "user_attrs", "system_attrs", "intermediate_values"):
        assert getattr(made, field) == getattr(expected, field), field
    assert (expected.number, number) == (0, 1)
    assert abs(made.datetime_start - datetime.now()) < timedelta(minutes=10)
    done = study.load_study(database_url, "s").trials[number]
    assert (done.state, done.value) == (TrialState.COMPLETE, 0.5)


def test_a_space_without_free_parameters_makes_a_trial_too(database_url):
    study.create_study(database_url, "s", Direction.MAXIMIZE)
    with StudyRecord(database_url, "s", patience_s=5) as record:
        assert record.start({}, {}, MARKS) == 0
    assert study.load_study(database_url, "s").trials[0].params == {}


def test_trials_begun_at_once_get_numbers_without_gaps(database_url):
    study.create_study(database_url, "s", Direction.MAXIMIZE)

    def begin(_: int) -> list[int]:
        with StudyRecord(database_url, "s", patience_s=20) as record:
            return [record.start(PARAMETERS, DISTRIBUTIONS, MARKS) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        numbers = [number for found in pool.map(begin, range(8)) for number in found]
    assert sorted(numbers) == list(range(40))
