"""Where the players play: drafts and free agency in the summer, trades during the season.

Surprising: the cheapest team chooses first among the free agents. That is what keeps the league's spread of strength
where a salary cap keeps it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from truestrength.trainer.data.demo.population import ENTRANTS, UNSIGNED, Floats, Ints, Players, grow_older, rookies

N_TEAMS = 30
ROSTER = 15
KEEPS_PLAYER = 0.55
"""Chance that a player whose contract ends signs again with his team."""
TRADES = 24
"""Expected trades a season."""
TRADE_DAYS = (20, 110)


def found_league(rng: np.random.Generator) -> Players:
    """A league that has been playing for a while: 15 players a team, of all ages."""
    players = rookies(N_TEAMS * ROSTER, 1_000_001, rng)
    for _ in range(12):
        players = summer(players, rng.permutation(N_TEAMS).astype(np.float64), rng)
    return players


def summer(players: Players, wins: Floats, rng: np.random.Generator) -> Players:
    """Age, retire, draft in the reverse order of `wins` [teams], sign free agents.

    Returns:
        15 players a team, in the order of the teams.
    """
    next_id = int(players.player_id.max()) + 1
    players = _retire(grow_older(players, rng), rng)
    leaves = (players.contract <= 0) & (rng.random(len(players.age)) > KEEPS_PLAYER)
    renewed = (players.contract <= 0) & ~leaves
    contract = np.where(renewed, rng.integers(1, 5, len(players.age)), players.contract)
    players = replace(players, team=np.where(leaves, UNSIGNED, players.team), contract=contract)
    players = players.join(_draft(rookies(ENTRANTS, next_id, rng), wins, rng))
    players = _sign_free_agents(_cut(players), rng)
    players = players.take(players.team != UNSIGNED)
    return players.take(np.lexsort((players.player_id, players.team)))


def _retire(players: Players, rng: np.random.Generator) -> Players:
    chance = np.clip(0.12 * (players.age - 32), 0.0, 1.0) * (players.seen < 2.0)
    return players.take(rng.random(len(players.age)) >= chance)


def _draft(entrants: Players, wins: Floats, rng: np.random.Generator) -> Players:
    """Two rounds; the lottery is noise on the standings."""
    order = np.argsort(wins + rng.normal(0.0, 5.0, N_TEAMS), kind="stable")
    best = np.argsort(-entrants.worth, kind="stable")
    team, contract = entrants.team.copy(), entrants.contract.copy()
    for turn, years in enumerate((4, 2)):
        chosen = best[turn * N_TEAMS : (turn + 1) * N_TEAMS]
        team[chosen], contract[chosen] = order, years
    return replace(entrants, team=team, contract=contract)


def _cut(players: Players) -> Players:
    """Let the least worth go where a team has more than 15."""
    team = players.team.copy()
    for club in range(N_TEAMS):
        own = np.flatnonzero(team == club)
        team[own[np.argsort(-players.worth[own], kind="stable")[ROSTER:]]] = UNSIGNED
    return replace(players, team=team)


def _sign_free_agents(players: Players, rng: np.random.Generator) -> Players:
    team, contract = players.team.copy(), players.contract.copy()
    pay = np.maximum(players.worth + 2.0, 0.0)
    payroll = np.array([pay[team == club].sum() for club in range(N_TEAMS)])
    size = np.bincount(team[team != UNSIGNED], minlength=N_TEAMS)
    while (size < ROSTER).any():
        open_places = np.flatnonzero(size < ROSTER)
        club = open_places[np.argmin(payroll[open_places] + rng.normal(0.0, 9.0, len(open_places)))]
        free = np.flatnonzero(team == UNSIGNED)
        chosen = free[np.argmax(players.worth[free] + rng.normal(0.0, 0.7, len(free)))]
        team[chosen], contract[chosen] = club, rng.integers(1, 5)
        payroll[club] += pay[chosen]
        size[club] += 1
    return replace(players, team=team, contract=contract)


def trade(players: Players, days: int, rng: np.random.Generator) -> tuple[Ints, Players]:
    """The season's trades, k players for k.

    Returns:
        roster [days, teams, 15] of rows of `players`, and the players with the teams they end the season with.
    """
    roster = np.tile(np.argsort(players.team, kind="stable").reshape(N_TEAMS, ROSTER), (days, 1, 1))
    for day in np.sort(rng.integers(*TRADE_DAYS, rng.poisson(TRADES))):
        now = roster[day]
        strength = np.sort(players.seen[now], axis=1)[:, -8:].sum(axis=1)
        order = np.argsort(strength + rng.normal(0.0, 5.0, N_TEAMS), kind="stable")
        seller, buyer = order[rng.integers(0, 10)], order[rng.integers(20, N_TEAMS)]
        count = int(rng.integers(1, 4))
        away = _offered(players, now[seller], (0, 6), count, rng)
        home = _offered(players, now[buyer], (4, ROSTER), count, rng)
        roster[day:, seller, away], roster[day:, buyer, home] = now[buyer, home], now[seller, away]
    team = players.team.copy()
    team[roster[-1]] = np.arange(N_TEAMS)[:, None]
    return roster, replace(players, team=team)


def _offered(players: Players, roster: Ints, first: tuple[int, int], count: int, rng: np.random.Generator) -> Ints:
    """Places in the roster of `count` players: one of the given range of the team's best, the others from its bench."""
    by_worth = np.argsort(-players.seen[roster], kind="stable")
    main = int(rng.integers(*first))
    bench = np.setdiff1d(np.arange(6, ROSTER), [main])
    chosen: Ints = by_worth[np.concatenate([[main], rng.permutation(bench)[: count - 1]])]
    return chosen
