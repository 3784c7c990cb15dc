"""Nothing that is known only on or after a date may move what is said of that date."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.records.metrics import PLAIN_BASELINES
from truestrength.trainer.data.league import BOX, League
from truestrength.trainer.evaluation.baselines import baseline_scores
from truestrength.trainer.features.batches import Batches, build_batches


def other_future(league: League, date: Any, seed: int) -> League:
    """The same schedule; other results, box scores and line-ups from `date` on, in all seasons."""
    rng = np.random.default_rng(seed)
    later = pl.col("date") >= date
    games = league.team_games
    margin = rng.integers(1, 40, games["game_id"].n_unique()) * rng.choice([-1, 1], games["game_id"].n_unique())
    drawn = pl.DataFrame({"game_id": games["game_id"].unique(maintain_order=True), "drawn": margin})
    games = games.join(drawn, on="game_id").with_columns(
        plus_minus=pl.when(later)
        .then(pl.col("drawn") * (2 * pl.col("home").cast(pl.Int64) - 1))
        .otherwise("plus_minus")
    )
    games = games.with_columns(won=pl.col("plus_minus") > 0, plus_minus=pl.col("plus_minus").cast(pl.Int32)).drop(
        "drawn"
    )
    rows = league.player_games
    noise = {name: pl.Series(rng.integers(0, 30, rows.height)).cast(pl.Int32) for name in (*BOX, "plus_minus")}
    minutes = pl.Series(rng.uniform(0, 48, rows.height)).cast(pl.Float32)
    kept = pl.Series(rng.random(rows.height) < 0.6)
    rows = rows.with_columns(
        minutes=pl.when(later).then(minutes).otherwise("minutes"),
        **{name: pl.when(later).then(values).otherwise(name) for name, values in noise.items()},
    ).filter(~later | kept)
    return League(games, rows, league.teams, league.manifest)


def until(batches: Batches, day: int) -> dict[str, np.ndarray]:
    """What is said of the dates up to and including `day`."""
    lists = batches.date <= day
    names = ("players", "player_mask", "context", "team_mask", "team_id", "season", "date", "conference")
    return {name: getattr(batches, name)[lists] for name in names}


@pytest.fixture(scope="module")
def truth(small_league: League) -> Batches:
    return build_batches(small_league, [3, 8], 8, 5)


@pytest.mark.parametrize("seed", range(12))
def test_no_feature_of_a_date_knows_its_games_or_later_ones(small_league: League, truth: Batches, seed: int) -> None:
    day = int(np.random.default_rng(seed).choice(np.unique(truth.date)[:-1]))
    date = pl.lit(day).cast(pl.Int32).cast(pl.Date)
    changed = other_future(small_league, date, seed)
    found = build_batches(changed, [3, 8], 8, 5)
    for name, expected in until(truth, day).items():
        np.testing.assert_array_equal(until(found, day)[name], expected, err_msg=name)
    # The change is not nothing: every later list sees it.
    later = truth.date > day
    assert not np.array_equal(found.context[later], truth.context[later])
    assert not np.array_equal(found.players[later], truth.players[later])


@pytest.mark.parametrize("seed", range(6))
def test_no_baseline_of_a_date_knows_its_games_or_later_ones(small_league: League, seed: int) -> None:
    expected = baseline_scores(small_league)
    date = expected["date"].unique().sort().sample(1, seed=seed)[0]
    found = baseline_scores(other_future(small_league, pl.lit(date), seed))
    assert found.filter(pl.col("date") <= date).equals(expected.filter(pl.col("date") <= date))
    assert not found.filter(pl.col("date") > date).equals(expected.filter(pl.col("date") > date))


def test_a_games_own_date_sees_the_games_of_the_day_before(small_league: League, truth: Batches) -> None:
    """The counterpart: what was known the evening before is used."""
    day = int(np.unique(truth.date[truth.season == 0])[3])
    yesterday = int(np.unique(truth.date[truth.season == 0])[2])
    found = build_batches(other_future(small_league, pl.lit(yesterday).cast(pl.Int32).cast(pl.Date), 1), [3, 8], 8, 5)
    today = truth.date == day
    columns = [truth.context_columns.index(name) for name in ("point_difference_season", "elo", "strength")]
    for column in columns:
        assert not np.array_equal(found.context[today][..., column], truth.context[today][..., column])
    assert set(PLAIN_BASELINES) < set(baseline_scores(small_league).columns)
