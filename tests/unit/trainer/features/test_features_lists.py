import numpy as np
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import League
from truestrength.trainer.features.batches import Batches, build_batches
from truestrength.trainer.features.lists import choose_lists

SEASONS = ("2020-21", "2021-22", "2022-23")


@pytest.fixture(scope="module")
def batches(small_league: League) -> Batches:
    return build_batches(small_league, [3], 6, 5)


@pytest.mark.parametrize("at_most", [2, 7, 20, 31])
def test_limit_is_kept_and_both_conferences_of_a_date_are_there(batches: Batches, at_most: int) -> None:
    chosen = choose_lists(batches, SEASONS, at_most, seed=1)
    assert len(chosen) == at_most // 2 * 2
    assert len(set(chosen.tolist())) == len(chosen)
    assert (np.diff(chosen) > 0).all()
    dates = list(zip(batches.season[chosen].tolist(), batches.date[chosen].tolist(), strict=True))
    assert all(dates.count(date) == 2 for date in dates)


def test_seasons_get_the_same_number_give_or_take_a_date(batches: Batches) -> None:
    counts = np.bincount(batches.season[choose_lists(batches, SEASONS, 40, seed=3)])
    assert counts.sum() == 40
    assert counts.max() - counts.min() <= 2


def test_dates_are_spread_over_the_season(batches: Batches) -> None:
    chosen = choose_lists(batches, SEASONS[:1], 8, seed=9)
    days = np.unique(batches.date[batches.season == 0])
    places = np.searchsorted(days, np.unique(batches.date[chosen]))
    assert [int(place * 4 / len(days)) for place in places] == [0, 1, 2, 3]


def test_only_the_seasons_asked_for(batches: Batches) -> None:
    assert set(batches.season[choose_lists(batches, ["2022-23", "2020-21"], 10, seed=1)]) == {0, 2}


def test_same_seed_same_lists_other_seed_others(batches: Batches) -> None:
    one, again, other = (choose_lists(batches, SEASONS, 10, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_all_lists_when_there_are_fewer(batches: Batches) -> None:
    np.testing.assert_array_equal(choose_lists(batches, SEASONS, 10_000, seed=1), np.arange(len(batches.season)))


def test_refusals(batches: Batches) -> None:
    with pytest.raises(DataError, match="no lists of season 2030-31; there are lists of 2020-21, 2021-22, 2022-23"):
        choose_lists(batches, ["2030-31"], 10, seed=1)
    with pytest.raises(DataError, match="at most 1 lists cannot hold one date, which has 2"):
        choose_lists(batches, SEASONS, 1, seed=1)
