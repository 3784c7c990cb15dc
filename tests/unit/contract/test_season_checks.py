"""Which seasons a plan may hold out, validate on and train on, by what the manifest says of them."""

import pytest

from tests.support.leagues import season_count
from truestrength.trainer.contract.config.settings import Evaluation
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import Manifest
from truestrength.trainer.contract.league.season_checks import usable_split
from truestrength.trainer.contract.words import Target

NAMES = tuple(f"{year}-{year + 1 - 2000:02}" for year in range(2015, 2024))
BOTH = frozenset(Target)


def manifest(**changed: dict[str, object]) -> Manifest:
    """Nine whole seasons; `changed` by the year that a season begins in, as y2023."""
    seasons = (season_count(name, **changed.get(f"y{name[:4]}", {})) for name in NAMES)
    return Manifest("test", "test", tuple(seasons), {})


NOT_OVER = {"champion": None, "playoff_games": 41, "last_date": "2024-05-12"}


def test_whole_seasons_are_used() -> None:
    split = usable_split(Evaluation(), manifest(), BOTH)
    assert (split.validation, split.holdout) == (("2021-22", "2022-23"), ("2023-24",))


@pytest.mark.parametrize("target", list(Target))
def test_a_season_that_is_not_over_is_not_held_out_whatever_the_target(target: Target) -> None:
    with pytest.raises(ConfigError) as error:
        usable_split(Evaluation(), manifest(y2023=NOT_OVER), {target})
    assert str(error.value) == (
        "evaluation.holdout: the season 2023-24 is not over: it has no champion (41 playoff games, the last game on "
        "2024-05-12), so it cannot be held out. Import the logs of the whole season, or use others: "
        '--set "evaluation.holdout=[2022-23]"'
    )


def test_what_the_message_says_to_set_works() -> None:
    found = usable_split(Evaluation(holdout=("2022-23",)), manifest(y2023=NOT_OVER), BOTH)
    assert found.validation == ("2020-21", "2021-22")
    assert "2023-24" not in (*found.train, *found.validation, *found.holdout)


def test_others_are_named_for_as_many_seasons_as_were_asked_for() -> None:
    with pytest.raises(ConfigError, match=r'evaluation.validation: .*"evaluation.validation=\[2019-20, 2021-22\]"'):
        usable_split(Evaluation(), manifest(y2022=NOT_OVER, y2020=NOT_OVER), BOTH)
    with pytest.raises(ConfigError, match=r"evaluation.holdout: .*without it there are too few others"):
        usable_split(
            Evaluation(holdout=NAMES[3:], validation=1),
            manifest(y2023=NOT_OVER, y2015=NOT_OVER, y2016=NOT_OVER, y2017=NOT_OVER, y2018=NOT_OVER),
            BOTH,
        )


THIN = {
    "unequal": ({"fewest_games": 60, "most_games": 82}, "60 to 82 regular-season games a team, too unequal"),
    "few": ({"fewest_games": 4, "most_games": 5}, "4 to 5 regular-season games a team, of 82 in the longest season"),
    "without players": ({"games_without_players": 400}, "400 of 1312 games have no player rows"),
}


@pytest.mark.parametrize("fault", THIN)
@pytest.mark.parametrize(("year", "use"), [("y2023", "holdout"), ("y2022", "validation")])
def test_a_thin_season_is_refused(fault: str, year: str, use: str) -> None:
    changes, words = THIN[fault]
    with pytest.raises(ConfigError, match=f"evaluation.{use}: the season .* is not whole: {words}"):
        usable_split(Evaluation(), manifest(**{year: changes}), {Target.FINAL_RANK})


def test_the_shortest_real_seasons_are_not_thin() -> None:
    """2019-20, 2011-12 and 1998-99 beside those of 82 games, and one that lacks a game."""
    for fewest, most in ((64, 75), (66, 66), (50, 50), (81, 82)):
        usable_split(Evaluation(), manifest(y2023={"fewest_games": fewest, "most_games": most}), BOTH)


def test_a_training_season_needs_a_champion_for_the_playoff_outcome_only() -> None:
    early = manifest(y2016={"champion": None, "playoff_games": 0, "last_date": "2017-04-12"})
    usable_split(Evaluation(), early, {Target.FINAL_RANK})
    with pytest.raises(
        ConfigError, match=r"2016-17 is not over.*\(no playoffs, .*would be trained on.* out of the logs"
    ):
        usable_split(Evaluation(), early, BOTH)
    thin = manifest(y2016={"fewest_games": 3, "most_games": 6})
    with pytest.raises(ConfigError, match="2016-17 is not whole"):
        usable_split(Evaluation(), thin, {Target.FINAL_RANK})


def test_a_short_season_is_trained_on_when_it_is_over() -> None:
    """As the WNBA's of 2020, 22 games of 36; one that stops in January is no season."""
    short = {"fewest_games": 36, "most_games": 40}
    usable_split(Evaluation(), manifest(y2016=short), BOTH)
    with pytest.raises(ConfigError, match=r"2016-17 is not whole: 36 to 40 .* of 82 in the longest season"):
        usable_split(Evaluation(), manifest(y2016={**short, "champion": None}), {Target.FINAL_RANK})
    with pytest.raises(ConfigError, match=r"evaluation.holdout: the season 2023-24 is not whole: 36 to 40"):
        usable_split(Evaluation(), manifest(y2023=short), BOTH)


def test_a_training_season_may_lack_player_rows() -> None:
    usable_split(Evaluation(), manifest(y2016={"games_without_players": 1312}), BOTH)
