from dataclasses import replace

import numpy as np
import pytest

from truestrength.trainer.data.league import League
from truestrength.trainer.features import outlook as outlooks
from truestrength.trainer.features.outlook import outlook
from truestrength.trainer.features.season_games import SeasonGames, season_games


@pytest.fixture(scope="module")
def games(small_league: League) -> SeasonGames:
    return season_games(small_league)[0]


def flat(games: SeasonGames) -> np.ndarray:
    return np.zeros((len(games.days), len(games.team_id)))


def remaining(games: SeasonGames) -> outlooks.Remaining:
    return outlooks.remaining(games, np.arange(len(games.days)), flat(games), flat(games))


def test_probabilities_and_places_add_up(games: SeasonGames) -> None:
    strength = np.tile(np.linspace(8, -8, 9), (len(games.days), 1))
    found = outlook(games, strength, strength)
    np.testing.assert_allclose(found.in_playoffs.sum(axis=1), 8)
    np.testing.assert_allclose(found.champion.sum(axis=1), 1)
    np.testing.assert_allclose(found.place.sum(axis=1), 45)
    np.testing.assert_allclose(found.rank.sum(axis=1), 45)
    assert (found.champion <= found.in_playoffs).all()
    for name in ("East", "West"):  # the weaker conference has the easier way to the final
        assert (np.diff(found.place[0, games.conference == name]) > 0).all()
    assert found.champion[0, 0] > 0.3


def test_all_four_western_teams_play_the_playoffs(games: SeasonGames) -> None:
    found = outlook(games, flat(games), flat(games))
    assert (found.in_playoffs[:, games.conference == "West"] == 1).all()
    assert (found.in_playoffs[0, games.conference == "East"] < 1).all()


def test_every_scheduled_game_is_left_or_played(games: SeasonGames) -> None:
    left = remaining(games)
    log = games.regular_log
    total = (log.opponent >= 0).sum(axis=1)
    np.testing.assert_array_equal(left.games + log.played, np.tile(total, (len(games.days), 1)))
    np.testing.assert_allclose(left.wins.sum(axis=1), left.games.sum(axis=1) / 2)


def test_expected_wins_follow_strength_and_home_advantage(games: SeasonGames) -> None:
    strength = np.tile(np.linspace(6, -6, 9), (len(games.days), 1))
    even, uneven = outlook(games, flat(games), flat(games)), outlook(games, strength, strength)
    assert uneven.win_rate[0, 0] > even.win_rate[0, 0] + 0.1
    assert uneven.win_rate[0, -1] < even.win_rate[0, -1] - 0.1
    log = games.regular_log
    at_home = log.at_home.sum(axis=1) / (log.opponent >= 0).sum(axis=1)
    more_home = np.corrcoef(at_home, even.win_rate[0])[0, 1]
    assert more_home > 0.9


def test_after_an_interruption_nothing_was_known_before_it(games: SeasonGames) -> None:
    half = int(games.days[len(games.days) // 2])
    broken = replace(games, date=np.where(games.date >= half, games.date + 60, games.date))
    left = remaining(broken)
    before = broken.days < half
    np.testing.assert_array_equal(
        left.games[before].sum(axis=1),
        [
            2 * ((broken.date[broken.regular] >= day) & (broken.date[broken.regular] < half)).sum()
            for day in broken.days[before]
        ],
    )
    whole = remaining(games)
    np.testing.assert_array_equal(left.games[~before], whole.games[games.days >= half])


def test_a_short_break_is_planned(games: SeasonGames) -> None:
    half = int(games.days[len(games.days) // 2])
    paused = replace(games, date=np.where(games.date >= half, games.date + 10, games.date))
    np.testing.assert_array_equal(
        remaining(paused).games,
        remaining(games).games,
    )


def test_strength_in_the_playoffs_changes_the_playoffs_alone(games: SeasonGames) -> None:
    star = flat(games)
    star[:, 0] = 6
    even, uneven = outlook(games, flat(games), flat(games)), outlook(games, flat(games), star)
    assert (uneven.champion[:, 0] > even.champion[:, 0]).all()
    for name in ("win_rate", "rank", "in_playoffs"):
        np.testing.assert_array_equal(vars(uneven)[name], vars(even)[name])


def test_last_day_is_nearly_decided(games: SeasonGames) -> None:
    found = outlook(games, flat(games), flat(games))
    log = games.regular_log
    final = log.sums[:, -1, 0] / (log.opponent >= 0).sum(axis=1)
    assert np.abs(found.win_rate[-1] - final).max() < 1.5 / log.date.shape[1]


def test_same_league_same_figures(games: SeasonGames) -> None:
    one, two = outlook(games, flat(games), flat(games)), outlook(games, flat(games), flat(games))
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, vars(two)[name])


def test_a_league_of_one_conference_has_a_champion(games: SeasonGames) -> None:
    single = replace(games, conference=np.full(len(games.team_id), "East"))
    found = outlook(single, flat(games), flat(games))
    np.testing.assert_allclose(found.champion.sum(axis=1), 1)
    np.testing.assert_allclose(found.in_playoffs.sum(axis=1), 8)


def test_series_constants_are_those_of_seven_games() -> None:
    """A best-of-seven at the game deviation, played out by hand, against the normal shortcut."""
    from scipy.stats import norm

    pattern = [1, 1, -1, -1, 1, -1, 1]
    for lead in (-6.0, -2.0, 0.0, 3.0, 7.0):
        chances = {(0, 0): 1.0}
        won = 0.0
        for side in pattern:
            p = norm.cdf((lead + side * 2.5) / outlooks.GAME_DEVIATION)
            after: dict[tuple[int, int], float] = {}
            for (a, b), chance in chances.items():
                for state, part in (((a + 1, b), p), ((a, b + 1), 1 - p)):
                    if state[0] == 4:
                        won += chance * part
                    elif state[1] < 4:
                        after[state] = after.get(state, 0.0) + chance * part
            chances = after
        shortcut = norm.cdf(outlooks.SERIES_PER_POINT * lead + outlooks.SERIES_HOME)
        assert abs(won - shortcut) < 0.02, (lead, won, shortcut)


def test_nobody_is_at_home_in_neutral_games_that_are_left(games: SeasonGames) -> None:
    """Even teams on even terms: half of the games left are won by each."""
    neutral = replace(games, neutral=np.ones(len(games.date), dtype=np.bool_))
    left = remaining(neutral)
    np.testing.assert_allclose(left.wins, left.games / 2)
    assert not np.allclose(remaining(games).wins, left.games / 2)
    only_playoffs = replace(games, neutral=~games.regular)
    np.testing.assert_array_equal(remaining(only_playoffs).wins, remaining(games).wins)


def test_the_better_record_gains_nothing_in_neutral_playoffs(games: SeasonGames) -> None:
    days = np.arange(len(games.days))
    assert (outlooks.series_home(games, days) == outlooks.SERIES_HOME).all()
    neutral = replace(games, neutral=~games.regular)
    assert (outlooks.series_home(neutral, days) == 0).all()
    one_at_home = replace(neutral, neutral=neutral.neutral & (np.cumsum(~games.regular) > 1))
    assert (outlooks.series_home(one_at_home, days) == outlooks.SERIES_HOME).all()
    found, before = outlook(neutral, flat(games), flat(games)), outlook(games, flat(games), flat(games))
    assert not np.array_equal(found.champion, before.champion)
    np.testing.assert_array_equal(found.in_playoffs, before.in_playoffs)
    np.testing.assert_array_equal(found.rank, before.rank)


def test_that_the_playoffs_are_neutral_is_not_known_before_an_interruption(games: SeasonGames) -> None:
    half = len(games.days) // 2
    later = games.date >= games.days[half]
    broken = replace(games, date=games.date + np.where(later, 60, 0), neutral=~games.regular | later)
    home = outlooks.series_home(broken, np.arange(len(broken.days)))
    assert (home[:half] == outlooks.SERIES_HOME).all()
    assert (home[half:] == 0).all()
