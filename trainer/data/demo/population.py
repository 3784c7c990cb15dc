"""The players of the synthetic league: what they are worth, how they age, and how their box scores lean.

A player's value is in points per 48 minutes on the court above an average player's. It is never written to the logs:
box scores, minutes and plus-minus show it through noise.

Surprising: whatever goes through `exp` is rounded, so that another processor's last bit does not change the league.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

UNSIGNED = -1
PEAK_AGE = 27
ENTRANTS = 90
"""Rookies a summer; sixty are drafted, the others try as free agents."""
N_STYLES = 14


@dataclass(frozen=True)
class Players:
    """N players; every field has N rows."""

    player_id: Ints
    age: Ints
    peak: Floats
    """Value at the peak age; drifts a little every year."""
    offence: Floats
    """How much of the value is offence rather than defence, in points from an even split."""
    size: Floats
    """-1 is a guard, +1 a centre."""
    styles: Floats
    """[N, N_STYLES] standard normal leanings, one for each box-score rate."""
    scouting_error: Floats
    """What coaches and managers see is value + this error."""
    team: Ints
    """Index of the team, or UNSIGNED."""
    contract: Ints
    """Years left, this one included."""

    @property
    def value(self) -> Floats:
        """True value at today's age."""
        young = np.minimum(self.age - PEAK_AGE, 0)
        old = np.maximum(self.age - PEAK_AGE - 2, 0)
        return self.peak + 0.45 * young - 0.05 * old**2

    @property
    def seen(self) -> Floats:
        """Value as coaches see it: it decides minutes."""
        return self.value + self.scouting_error

    @property
    def worth(self) -> Floats:
        """What managers pay for: value as seen, and a future for the young."""
        return self.seen + 0.35 * np.maximum(25 - self.age, 0)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Players:
        """Some of the players."""
        return Players(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self, others: Players) -> Players:
        """These players, then the others."""
        names = [field.name for field in fields(self)]
        return Players(*(np.concatenate([getattr(self, name), getattr(others, name)]) for name in names))


def rookies(count: int, first_id: int, rng: np.random.Generator) -> Players:
    """New players, 19 to 22 years old, without a team."""
    return Players(
        player_id=np.arange(first_id, first_id + count),
        age=rng.integers(19, 23, count),
        peak=rng.normal(-0.8, 2.5, count),
        offence=rng.normal(0.0, 0.8, count),
        size=rng.uniform(-1.0, 1.0, count),
        styles=rng.normal(0.0, 1.0, (count, N_STYLES)),
        scouting_error=rng.normal(0.0, 1.2, count),
        team=np.full(count, UNSIGNED),
        contract=np.zeros(count, dtype=np.int64),
    )


def grow_older(players: Players, rng: np.random.Generator) -> Players:
    """A year later: ages, luck, contracts, and what a season has taught the scouts."""
    count = len(players.age)
    return Players(
        player_id=players.player_id,
        age=players.age + 1,
        peak=players.peak + rng.normal(0.0, 0.7, count),
        offence=players.offence,
        size=players.size,
        styles=players.styles,
        scouting_error=0.5 * players.scouting_error + rng.normal(0.0, 0.6, count),
        team=players.team,
        contract=players.contract - 1,
    )


@dataclass(frozen=True)
class BoxRates:
    """How often a player does what, per minute, in thousandths of an average player's rate; every field is [N].

    Whole numbers: sums of minutes times rates are then exact on every machine.
    """

    two_made: Ints
    two_missed: Ints
    three_made: Ints
    three_missed: Ints
    free_made: Ints
    free_missed: Ints
    oreb: Ints
    dreb: Ints
    ast: Ints
    stl: Ints
    blk: Ints
    tov: Ints
    pf: Ints


def box_rates(players: Players) -> BoxRates:
    """Rates that lean with value, size and style; value shows in volume, in efficiency, and in the rest a little."""
    offence = 0.6 * players.value + players.offence
    defence = players.value - offence
    size, style = players.size, players.styles.T
    shots = np.exp(0.09 * offence + 0.25 * style[0])
    threes = np.clip(0.37 - 0.2 * size + 0.12 * style[1], 0.01, 0.8)
    two_percent = np.clip(0.52 + 0.012 * offence + 0.03 * size + 0.025 * style[2], 0.35, 0.72)
    three_percent = np.clip(0.35 + 0.006 * offence - 0.02 * size + 0.02 * style[3], 0.2, 0.46)
    free = shots * np.exp(0.04 * offence + 0.15 * size + 0.3 * style[4])
    free_percent = np.clip(0.77 - 0.06 * size + 0.06 * style[5], 0.45, 0.93)
    rates = (
        shots * (1 - threes) * two_percent,
        shots * (1 - threes) * (1 - two_percent),
        shots * threes * three_percent,
        shots * threes * (1 - three_percent),
        free * free_percent,
        free * (1 - free_percent),
        np.exp(0.9 * size + 0.3 * style[6]),
        np.exp(0.45 * size + 0.05 * defence + 0.25 * style[7]),
        np.exp(-0.6 * size + 0.1 * offence + 0.35 * style[8]),
        np.exp(-0.15 * size + 0.1 * defence + 0.3 * style[9]),
        np.exp(0.9 * size + 0.1 * defence + 0.4 * style[10]),
        shots * np.exp(-0.06 * offence - 0.1 * size + 0.2 * style[11]),
        np.exp(0.2 * size - 0.03 * defence + 0.25 * style[12]),
    )
    return BoxRates(*(np.maximum(1, np.rint(1000 * rate)).astype(np.int64) for rate in rates))
