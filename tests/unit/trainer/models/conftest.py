"""A small synthetic league as `Batches`: 6 seasons, 2 conferences of 5 and 4 teams, features that know the strength."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models.fits import Task, plan_fits

SEASONS, DATES, TEAMS, PLAYERS = 6, 8, 5, 6
N_EAST, N_WEST = 5, 4


def synthetic_batches(seed: int = 3) -> Batches:
    rng = np.random.default_rng(seed)
    n_lists = SEASONS * DATES * 2
    season = np.repeat(np.arange(SEASONS), DATES * 2)
    date = np.tile(np.repeat(np.arange(DATES), 2), SEASONS)
    conference = np.tile([0, 1], SEASONS * DATES)
    strength = rng.normal(size=(SEASONS, 2, TEAMS))
    there = np.arange(TEAMS) < np.array([N_EAST, N_WEST])[:, None]
    everyone = np.where(there, strength, -np.inf).reshape(SEASONS, -1)
    ranks = np.where(there, (-everyone).argsort(1).argsort(1).reshape(SEASONS, 2, TEAMS) + 1, 0)
    team_mask = there[conference]
    of_list = strength[season, conference]
    players = of_list[..., None, None] + rng.normal(size=(n_lists, TEAMS, PLAYERS, 3))
    players[..., 1] = rng.uniform(5, 35, size=players.shape[:-1])  # minutes
    player_mask = team_mask[..., None] & (rng.random((n_lists, TEAMS, PLAYERS)) < 0.9)
    player_mask[..., 0] = team_mask
    context = of_list[..., None] + rng.normal(scale=1.0, size=(n_lists, TEAMS, 4))
    outcome = ranks[::-1]  # another order than `final_rank`
    return Batches(
        players=np.where(player_mask[..., None], players, 0).astype(np.float32),
        player_mask=player_mask,
        context=np.where(team_mask[..., None], context, 0).astype(np.float32),
        team_mask=team_mask,
        ranks={
            Target.FINAL_RANK: ranks[season, conference].astype(np.float32),
            Target.PLAYOFF_OUTCOME: outcome[season, conference].astype(np.float32),
        },
        team_id=np.where(team_mask, 1 + np.arange(TEAMS) + 10 * conference[:, None], 0).astype(np.int64),
        season=season.astype(np.int16),
        date=(17000 + 400 * season + 10 * date).astype(np.int32),
        conference=conference.astype(np.int8),
        seasons=tuple(f"{2015 + i}-{16 + i}" for i in range(SEASONS)),
        conferences=("East", "West"),
        player_columns=("plus_minus", "minutes_last_10", "points"),
        context_columns=("elo", "win_rate_season", "point_difference_season", "star"),
    )


def task_of(batches: Batches, target: Target = Target.FINAL_RANK) -> Task:
    """Seasons 0 to 3 in 3 folds, of every other list; seasons 4 and 5 are ranked by the final fit."""
    train = np.flatnonzero((batches.season < 4) & (batches.date // 10 % 2 == 0)).astype(np.int64)
    final = np.flatnonzero(batches.season < 4).astype(np.int64)[:50]
    ranked = np.flatnonzero(batches.season >= 4).astype(np.int64)
    return Task(batches, target, plan_fits(batches, train, final, ranked, 3))


@pytest.fixture(scope="session")
def batches() -> Batches:
    return synthetic_batches()


@pytest.fixture(scope="session")
def task(batches: Batches) -> Task:
    return task_of(batches)


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    return task_of


@pytest.fixture(scope="session")
def rank_correlation() -> Callable[[Task, np.ndarray], float]:
    """Mean Spearman correlation of scores [M, T] with the true order, over the ranked lists."""

    def correlation(task: Task, scores: np.ndarray) -> float:
        from scipy.stats import spearmanr

        lists = task.fits.ranked
        mask, ranks = task.batches.team_mask[lists], task.batches.ranks[task.target][lists]
        found = [spearmanr(s[m], -r[m]).statistic for s, m, r in zip(scores, mask, ranks, strict=True)]
        return float(np.mean(found))

    return correlation
