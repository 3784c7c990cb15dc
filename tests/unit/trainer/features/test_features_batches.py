import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.data.list_days import list_days
from truestrength.trainer.features.batches import Batches, build_batches
from truestrength.trainer.features.directions import directions
from truestrength.trainer.features.season_games import season_games
from truestrength.trainer.features.targets import target_ranks

FIRST_DAY = 5


@pytest.fixture(scope="module")
def batches(small_league: League) -> Batches:
    return build_batches(small_league, [3, 8], 8, FIRST_DAY)


def test_lists_are_every_day_and_conference_in_order(small_league: League, batches: Batches) -> None:
    expected = [
        (season, int(day), conference)
        for season, games in enumerate(season_games(small_league))
        for day in games.days[games.days >= games.days[0] + FIRST_DAY]
        for conference in range(2)
    ]
    found = zip(batches.season.tolist(), batches.date.tolist(), batches.conference.tolist(), strict=True)
    assert list(found) == expected
    assert batches.seasons == ("2020-21", "2021-22", "2022-23")
    assert batches.conferences == ("East", "West")


def test_shapes_types_and_padding(batches: Batches) -> None:
    n_lists = len(batches.season)
    assert batches.players.shape == (n_lists, 5, 8, len(batches.player_columns))
    assert batches.context.shape == (n_lists, 5, len(batches.context_columns))
    assert batches.players.dtype == batches.context.dtype == np.float32
    assert batches.team_mask.sum(axis=1).tolist() == [5, 4] * (n_lists // 2)
    assert batches.player_mask[batches.team_mask].any(axis=1).all()
    assert not batches.player_mask[~batches.team_mask].any()
    assert (batches.players[~batches.player_mask] == 0).all()
    assert (batches.context[~batches.team_mask] == 0).all()
    assert (batches.team_id[~batches.team_mask] == 0).all()
    assert np.isfinite(batches.players).all()
    assert np.isfinite(batches.context).all()


def test_ranks_are_the_seasons_own(small_league: League, batches: Batches) -> None:
    truth = target_ranks(small_league)
    for target in Target:
        known = {(s, t): r for s, t, r in truth.select("season", "team_id", target.value).iter_rows()}
        lists, teams = np.nonzero(batches.team_mask)
        expected = [
            known[batches.seasons[season], team]
            for season, team in zip(batches.season[lists], batches.team_id[lists, teams], strict=True)
        ]
        assert batches.ranks[target][lists, teams].tolist() == expected
        assert (batches.ranks[target][~batches.team_mask] == 0).all()
    first, second = (batches.ranks[Target.FINAL_RANK][np.argmax(batches.season == season)] for season in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("windows", [[10], [15, 30], [4, 6], [7]])
def test_no_window_is_special(small_league: League, windows: list[int]) -> None:
    """The replaced system had nine features that a window pair without a 10-game window silently made zero."""
    found = build_batches(small_league, windows, 8, FIRST_DAY)
    for name, values in zip(found.context_columns, np.moveaxis(found.context, -1, 0), strict=True):
        assert values[found.team_mask].std() > 0, name
    for name, values in zip(found.player_columns, np.moveaxis(found.players, -1, 0), strict=True):
        assert values[found.player_mask].std() > 0, name
    for window in windows:
        assert f"win_rate_last_{window}" in found.context_columns
        assert f"plus_minus_per_36_last_{window}" in found.player_columns


def test_a_column_does_not_depend_on_the_other_windows(small_league: League, batches: Batches) -> None:
    alone = build_batches(small_league, [8], 8, FIRST_DAY)
    for one, other, kind in (
        (alone.context_columns, batches.context_columns, "context"),
        (alone.player_columns, batches.player_columns, "players"),
    ):
        assert set(one) < set(other)
        chosen = [other.index(name) for name in one]
        np.testing.assert_array_equal(getattr(alone, kind), getattr(batches, kind)[..., chosen])


def test_every_column_but_the_calendar_has_a_direction(batches: Batches) -> None:
    """And it is the right one: better teams have more of what speaks for them."""
    truth = -batches.ranks[Target.FINAL_RANK][batches.team_mask]
    for name, direction in zip(batches.context_columns, directions(batches.context_columns), strict=True):
        if name == "season_elapsed":
            assert direction == 0
        elif name != "rest_days":
            values = batches.context[..., batches.context_columns.index(name)][batches.team_mask]
            assert np.corrcoef(values, truth)[0, 1] * direction > 0.1, name
    assert directions(["unheard_of"]) == (0,)


def test_a_season_without_playoffs_has_no_outcome(small_league: League) -> None:
    games = small_league.team_games.filter((pl.col("season") != "2022-23") | (pl.col("season_type") == "regular"))
    found = build_batches(
        League(games, small_league.player_games, small_league.teams, small_league.manifest), [3], 8, FIRST_DAY
    )
    last = (found.season == 2)[:, None] & found.team_mask
    assert np.isnan(found.ranks[Target.PLAYOFF_OUTCOME][last]).all()
    assert np.isfinite(found.ranks[Target.PLAYOFF_OUTCOME][~last]).all()
    assert np.isfinite(found.ranks[Target.FINAL_RANK]).all()
    assert np.isfinite(found.context).all()


def test_a_first_day_after_the_season_is_refused(small_league: League) -> None:
    with pytest.raises(
        DataError, match=r"2020-21: no game day 90 days after its first game.*smaller evaluation.first_day"
    ):
        build_batches(small_league, [3], 8, 90)


def test_the_manifest_says_from_when_to_when_there_can_be_lists(small_league: League) -> None:
    tables = (small_league.team_games, small_league.player_games)
    regular, players = (table.filter(pl.col("season_type") == "regular") for table in tables)
    found = [
        list_days(regular.filter(pl.col("season") == season), players.filter(pl.col("season") == season))
        for season in regular["season"].unique()
    ]
    earliest, latest = max(earliest for earliest, _ in found), min(days[-1] for _, days in found)
    assert 1 < earliest < latest
    for first_day in (earliest, latest):
        build_batches(small_league, [3], 8, first_day)
    for first_day, problem in ((earliest - 1, "has no player with a game before"), (latest + 1, "it has no lists")):
        with pytest.raises(DataError, match=problem):
            build_batches(small_league, [3], 8, first_day)


def test_a_team_without_a_roster_is_refused(small_league: League) -> None:
    players = small_league.player_games.filter((pl.col("team_id") != 23) | (pl.col("season") != "2021-22"))
    league = League(small_league.team_games, players, small_league.teams, small_league.manifest)
    with pytest.raises(
        DataError, match=r"2021-22: team 23 has no player with a game before 2021-.*Import a player log"
    ):
        build_batches(league, [3], 8, FIRST_DAY)


def test_every_process_builds_the_same_bits(small_league: League, batches: Batches, tmp_path: Path) -> None:
    """The replaced system's player features were hashed with a salt that changes from process to process."""
    for name in ("team_games", "player_games", "teams"):
        getattr(small_league, name).write_parquet(tmp_path / f"{name}.parquet")
    script = (
        "import sys, hashlib, polars as pl\n"
        "from pathlib import Path\n"
        "from truestrength.trainer.data.league import League\n"
        "from truestrength.trainer.contract.league.manifest import Manifest\n"
        "from truestrength.trainer.features.batches import build_batches\n"
        "names = ('team_games', 'player_games', 'teams')\n"
        "tables = [pl.read_parquet(Path(sys.argv[1]) / f'{name}.parquet') for name in names]\n"
        f"b = build_batches(League(*tables, Manifest('', '', (), dict())), [3, 8], 8, {FIRST_DAY})\n"
        "print(hashlib.sha256(b.players.tobytes() + b.context.tobytes()).hexdigest())\n"
    )
    expected = hashlib.sha256(batches.players.tobytes() + batches.context.tobytes()).hexdigest()
    for salt in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        found = subprocess.run(
            [sys.executable, "-c", script, tmp_path], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == expected
