import pytest

from tests.support.leagues import season_count
from truestrength.trainer.contract.config.settings import Evaluation
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import Manifest
from truestrength.trainer.contract.league.seasons import SeasonSplit, split_seasons

NBA = tuple(f"{year}-{(year + 1) % 100:02}" for year in range(2015, 2024))


def manifest(seasons: tuple[str, ...] = NBA) -> Manifest:
    return Manifest("test", "test", tuple(season_count(name) for name in seasons), {})


def test_default_holds_out_the_last_and_validates_on_the_two_before() -> None:
    assert split_seasons(Evaluation(), manifest()) == SeasonSplit(
        ("2015-16", "2016-17", "2017-18", "2018-19", "2019-20", "2020-21"), ("2021-22", "2022-23"), ("2023-24",)
    )


def test_order_of_the_manifest_does_not_matter() -> None:
    assert split_seasons(Evaluation(), manifest(NBA[::-1])) == split_seasons(Evaluation(), manifest())


def test_named_seasons() -> None:
    wanted = Evaluation(validation=("2019-20", "2018-19"), holdout=("2022-23",))
    assert split_seasons(wanted, manifest()) == SeasonSplit(
        ("2015-16", "2016-17", "2017-18"), ("2018-19", "2019-20"), ("2022-23",)
    )


def test_a_count_of_validation_seasons_ends_before_a_named_holdout() -> None:
    split = split_seasons(Evaluation(validation=1, holdout=("2020-21",)), manifest())
    assert split.validation == ("2019-20",)
    assert split.train[-1] == "2018-19"


def test_a_held_out_season_is_not_trained_on_even_when_it_is_early() -> None:
    split = split_seasons(Evaluation(validation=("2022-23",), holdout=("2017-18",)), manifest())
    assert "2017-18" not in split.train
    assert split.train[-1] == "2021-22"


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        (Evaluation(holdout=("2032-24",)), r"evaluation.holdout.*no season '2032-24'; did you mean '20.*2015-16, "),
        (Evaluation(validation=("2023-24",), holdout=("2023-24",)), "2023-24 is both in validation and in holdout"),
        (Evaluation(validation=8), "at least 2 seasons are needed to train on, found 0 before.*2015-16.*9 seasons"),
        (Evaluation(validation=9), "evaluation.validation: asks for 9 seasons, but there are only 8"),
        (Evaluation(holdout=10), "evaluation.holdout: asks for 10 seasons, but there are only 9"),
        (Evaluation(validation=()), "evaluation.validation: at least one season is needed"),
    ],
)
def test_refusals_name_what_is_there(evaluation: Evaluation, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_seasons(evaluation, manifest())


def test_a_league_without_seasons_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"only 0 to choose from. The league has no seasons"):
        split_seasons(Evaluation(), manifest(()))
