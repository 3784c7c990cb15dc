"""The champion, and what `describe` prints."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.describe import describe
from truestrength.trainer.data.league import Manifest
from truestrength.trainer.data.season_counts import champion


def playoffs(*winners_and_losers: tuple[int, int]) -> pl.DataFrame:
    """Playoff rows, a game a day."""
    rows = []
    for number, (winner, loser) in enumerate(winners_and_losers):
        game = {"game_id": f"{number:03d}", "date": date(2024, 5, 1) + timedelta(days=number)}
        rows += [{**game, "team_id": winner, "opponent_id": loser, "won": True}]
        rows += [{**game, "team_id": loser, "opponent_id": winner, "won": False}]
    return pl.DataFrame(rows)


SEMIFINALS = [(1, 4)] * 2 + [(2, 3), (3, 2), (2, 3)]


@pytest.mark.parametrize(
    ("final", "expected"),
    [
        ([(2, 1), (1, 2), (2, 1)], 2),
        ([(1, 2), (1, 2)], 1),
        ([(1, 2)], None),
        ([(1, 2), (2, 1)], None),
        ([], None),
    ],
)
def test_there_is_a_champion_when_the_final_is_over(final: list[tuple[int, int]], expected: int | None) -> None:
    assert champion(playoffs(*SEMIFINALS, *final)) == expected


def test_without_playoffs_there_is_no_champion() -> None:
    assert champion(playoffs((1, 2)).clear()) is None


def test_describe_prints_a_line_per_season(
    small_logs: tuple[pl.DataFrame, pl.DataFrame], import_small: Callable[..., Manifest], tmp_path: Path
) -> None:
    manifest = import_small(small_logs)
    lines = describe(tmp_path / "league").splitlines()
    assert lines[0].split()[:3] == ["season", "games", "a"]
    cells = ["2020-21", "36", "18", "3", "BOS", "0", "4", "390", "0", "0", "0", "2020-11-01", "2020-12-09"]
    assert lines[1].split() == cells
    assert lines[-1] == f"Fingerprint: {manifest.fingerprint}"
    assert "  nothing" in lines


def test_describe_needs_a_league(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no league here \(no league\.json\)"):
        describe(tmp_path)
