"""Team context: what the tree models read about a team on a date."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.features.season_games import COLUMNS, Floats, SeasonGames


def team_context(games: SeasonGames, rating: Floats, windows: Sequence[int]) -> tuple[tuple[str, ...], Floats]:
    """Columns and [D, T, C] context of every team before every regular-season day of a season."""
    won, difference = COLUMNS.index("won"), COLUMNS.index("plus_minus")
    columns: dict[str, Floats] = {"elo": rating}
    for name, window in [("season", None), *((f"last_{w}", w) for w in windows)]:
        sums, count = games.regular_log.last(window)
        at_least_one = np.maximum(count, 1)
        columns[f"win_rate_{name}"] = np.where(count > 0, sums[..., won] / at_least_one, 0.5)
        columns[f"point_difference_{name}"] = sums[..., difference] / at_least_one
    return tuple(columns), np.stack(list(columns.values()), axis=-1)
