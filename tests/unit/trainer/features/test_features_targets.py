from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import BOX, League
from truestrength.trainer.features.targets import require_target, target_ranks


def rows(season: str, results: list[tuple[int, int, int, str]]) -> list[dict[str, Any]]:
    """Team rows of games (home, away, margin of the home team, season type), one a day."""
    games = []
    for day, (home, away, margin, kind) in enumerate(results):
        for team, other, own in ((home, away, margin), (away, home, -margin)):
            games.append(
                {
                    "season": season,
                    "season_type": kind,
                    "game_id": f"{season}{day}",
                    "date": date(2000 + int(season[:2]), 1, 1) + timedelta(days=day),
                    "team_id": team,
                    "opponent_id": other,
                    "home": team == home,
                    "neutral": False,
                    "won": own > 0,
                    "plus_minus": own,
                    **dict.fromkeys(BOX, 5),
                    "pts": 100 + max(own, 0),
                }
            )
    return games


@pytest.fixture
def league(make_league: Any, small_league: League) -> Any:
    def build(*seasons: list[dict[str, Any]]) -> League:
        return make_league(pl.DataFrame([row for season in seasons for row in season]), small_league.player_games[:0])

    return build


def ranks(league: League, column: str) -> dict[tuple[str, int], int | None]:
    found = target_ranks(league)
    return dict(zip(zip(found["season"], found["team_id"], strict=True), found[column], strict=True))


def test_final_rank_is_by_win_rate_then_point_difference(league: Any) -> None:
    # 11 and 12 both win two of three; 12 by more. 21 wins none; 22 wins one of two, from fewer games.
    results = [(11, 21, 1, "regular"), (11, 22, 1, "regular"), (12, 11, 9, "regular"), (12, 21, 9, "regular")]
    results += [(12, 22, -1, "regular"), (21, 13, -1, "regular")]
    found = ranks(league(rows("01-02", results)), "final_rank")
    assert found == {("01-02", 13): 1, ("01-02", 12): 2, ("01-02", 11): 3, ("01-02", 22): 4, ("01-02", 21): 5}


def test_playoff_outcome_is_series_then_wins_then_record(league: Any) -> None:
    regular = [(11, 12, 5, "regular"), (12, 13, 5, "regular"), (13, 21, 5, "regular"), (21, 22, 5, "regular")]
    regular += [(22, 23, 5, "regular"), (11, 23, 5, "regular")]
    # 13 beats 11 in a series of three, 21 beats 22 in one; 13 wins the final. 12 and 23 are not there.
    playoffs = [(11, 13, 4, "playoffs"), (11, 13, -4, "playoffs"), (11, 13, -4, "playoffs"), (21, 22, 3, "playoffs")]
    playoffs += [(13, 21, 2, "playoffs")]
    found = ranks(league(rows("01-02", regular + playoffs)), "playoff_outcome")
    order = sorted(found, key=lambda key: found[key] or 0)
    # 11 lost its first series with a win and 22 without one; 12 has a better record than 23.
    assert [team for _, team in order] == [13, 21, 11, 22, 12, 23]


def test_outcomes_are_of_the_season_and_not_of_all_time(league: Any) -> None:
    first = [(11, 12, 5, "regular"), (11, 12, 5, "playoffs")]
    second = [(12, 11, 5, "regular"), (12, 11, 5, "playoffs")]
    found = ranks(league(rows("01-02", first), rows("02-03", second)), "playoff_outcome")
    assert found == {("01-02", 11): 1, ("01-02", 12): 2, ("02-03", 11): 2, ("02-03", 12): 1}


def test_a_season_without_playoffs_has_no_outcome_and_says_so_when_asked(league: Any) -> None:
    both = [(11, 12, 5, "regular"), (11, 12, 5, "playoffs")]
    truth = target_ranks(league(rows("01-02", both), rows("02-03", both[:1])))
    assert truth["playoff_outcome"].to_list() == [1, 2, None, None]
    assert truth["playoff_team"].to_list() == [True, True, False, False]
    require_target(truth, Target.FINAL_RANK, ["01-02", "02-03"])
    require_target(truth, Target.PLAYOFF_OUTCOME, ["01-02"])
    with pytest.raises(DataError, match=r"playoff_outcome: no playoff games in 02-03.*or rank by final_rank"):
        require_target(truth, Target.PLAYOFF_OUTCOME, ["01-02", "02-03"])


def test_ranks_are_a_permutation_in_each_season(small_league: League) -> None:
    truth = target_ranks(small_league)
    for column in ("final_rank", "playoff_outcome"):
        by_season = truth.group_by("season").agg(pl.col(column).sort())
        assert all(values == list(range(1, 10)) for values in by_season[column].to_list())
    champions = truth.filter(playoff_outcome=1)["season"].to_list()
    assert champions == ["2020-21", "2021-22", "2022-23"]
