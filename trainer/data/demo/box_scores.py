"""Splits a game into players' lines that add up to the team's.

Every count is drawn for the team first and then shared out by minutes times rates, so the sums hold by construction:
points by the shots made, rebounds by the shots missed, steals by the other team's turnovers.
"""

from __future__ import annotations

import numpy as np

from truestrength.trainer.data.demo.game_scores import Played, whole
from truestrength.trainer.data.demo.population import BoxRates, Floats, Ints

Box = dict[str, Ints]
"""Statistic -> [2G, P]."""

FOUL_LIMIT = 6


def box_scores(played: Played, rates: BoxRates, rng: np.random.Generator) -> Box:
    """The box scores of all players of all games: the names of `league.BOX` and `plus_minus`, each [2G, P]."""
    shooting = _shooting(played, rates, rng)
    rebounds = _rebounds(played, rates, shooting, rng)
    others = _other_counts(played, rates, shooting, rng)
    return shooting | rebounds | others | {"plus_minus": _plus_minus(played, rng)}


def _weights(played: Played, rate: Ints) -> Ints:
    return played.minutes * rate[played.roster]


def _share_out(total: Ints, weights: Ints, rng: np.random.Generator) -> Ints:
    """Multinomial: `total` [2G] over the players, by whole-number weights [2G, P]."""
    return rng.multinomial(total, weights / weights.sum(axis=1, keepdims=True))


def _level(weights: Ints, played: Played) -> Floats:
    """[2G] a team's rate relative to the average of these games, per minute."""
    rate = weights.sum(axis=1) / played.minutes.sum(axis=1)
    level: Floats = np.round(rate / rate.mean(), 6)
    return level


def _shooting(played: Played, rates: BoxRates, rng: np.random.Generator) -> Box:
    points, rows = played.points, len(played.points)
    above = points - 109.0
    threes = np.clip(np.rint(rng.normal(11.5 + 0.13 * above, 3.0)), 1, points // 6).astype(np.int64)
    free = np.clip(np.rint(rng.normal(17.5 + 0.14 * above, 4.8)), 2, points // 5).astype(np.int64)
    free += (points - free) % 2 != threes % 2
    twos = (points - 3 * threes - free) // 2
    two_missed = np.clip(np.rint(rng.normal(26.5, 4.5, rows)), 8, None).astype(np.int64)
    made_two = _share_out(twos, _weights(played, rates.two_made), rng)
    made_three = _share_out(threes, _weights(played, rates.three_made), rng)
    ftm = _share_out(free, _weights(played, rates.free_made), rng)
    missed_two = _share_out(two_missed, _weights(played, rates.two_missed), rng)
    missed_three = _share_out(rng.poisson(20.3, rows), _weights(played, rates.three_missed), rng)
    missed_free = _share_out(rng.poisson(5.1, rows), _weights(played, rates.free_missed), rng)
    fgm = made_two + made_three
    return {
        "fgm": fgm,
        "fga": fgm + missed_two + missed_three,
        "fg3m": made_three,
        "fg3a": made_three + missed_three,
        "ftm": ftm,
        "fta": ftm + missed_free,
        "pts": 2 * fgm + made_three + ftm,
    }


def _rebounds(played: Played, rates: BoxRates, shooting: Box, rng: np.random.Generator) -> Box:
    offensive, defensive = _weights(played, rates.oreb), _weights(played, rates.dreb)
    missed = (shooting["fga"] - shooting["fgm"]).sum(axis=1) + (shooting["fta"] - shooting["ftm"]).sum(axis=1) // 2
    own = rng.binomial(missed, np.clip(0.21 * _level(offensive, played), 0.05, 0.5))
    # Of what is left, the other team gets most; the rest goes out of bounds.
    others = _of_opponent(rng.binomial(missed - own, 0.9))
    oreb, dreb = _share_out(own, offensive, rng), _share_out(others, defensive, rng)
    return {"oreb": oreb, "dreb": dreb, "reb": oreb + dreb}


def _other_counts(played: Played, rates: BoxRates, shooting: Box, rng: np.random.Generator) -> Box:
    overtime = played.minutes.sum(axis=1) / 240
    passing, losing = _weights(played, rates.ast), _weights(played, rates.tov)
    stealing, blocking = _weights(played, rates.stl), _weights(played, rates.blk)
    assists = rng.binomial(shooting["fgm"].sum(axis=1), np.clip(0.6 * _level(passing, played), 0.2, 0.9))
    turnovers = rng.poisson(13.4 * overtime * _level(losing, played))
    steals = rng.binomial(_of_opponent(turnovers), np.clip(0.57 * _level(stealing, played), 0.1, 0.95))
    fouls = rng.poisson(20.0 * overtime * _level(_weights(played, rates.pf), played))
    return {
        "ast": _share_out(assists, passing, rng),
        "stl": _share_out(steals, stealing, rng),
        "blk": _share_out(rng.poisson(4.9 * _level(blocking, played)), blocking, rng),
        "tov": _share_out(turnovers, losing, rng),
        "pf": np.minimum(_share_out(fouls, _weights(played, rates.pf), rng), FOUL_LIMIT),
    }


def _of_opponent(per_team: Ints) -> Ints:
    home, away = np.split(per_team, 2)
    return np.concatenate([away, home])


def _plus_minus(played: Played, rng: np.random.Generator) -> Ints:
    """Five times the margin over a team's players: each gets his minutes' part, what he adds, and luck."""
    minutes = played.minutes
    part = minutes / minutes.sum(axis=1, keepdims=True)
    margin = played.points - _of_opponent(played.points)
    mean = (part * played.impact).sum(axis=1, keepdims=True)
    on_court = minutes / 48
    added = on_court * (1 - np.minimum(on_court, 1)) * (played.impact - mean)
    luck = rng.normal(0.0, 1.0, minutes.shape) * 12.0 * np.sqrt(on_court * np.maximum(1 - on_court, 0.05))
    extra = added + luck
    balanced = 5 * part * margin[:, None] + extra - part * extra.sum(axis=1, keepdims=True)
    return whole(np.round(balanced, 6))
