"""Turns game logs into a league folder.

Surprising: everything is read, checked and written to temporary files before the first file of an older league in the
folder is touched, and the manifest is taken away first and put back last, so no reader sees a mixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import polars as pl

from trainer.contract.digests import file_digest
from trainer.contract.errors import DataError
from trainer.contract.files import replacing, write_json
from trainer.contract.paths.league import LeaguePaths
from trainer.data.fingerprint import fingerprint
from trainer.data.game_checks import check_player_rows, check_team_rows
from trainer.data.league import PLAYER_GAMES, TEAM_GAMES, League, Manifest, SeasonCount
from trainer.data.list_days import list_days
from trainer.data.log_files import read_player_logs, read_team_logs
from trainer.data.teams import teams_of


def import_logs(
    team_logs: Path, player_logs: Path, into: Path, teams: Path | None = None, source: str | None = None
) -> Manifest:
    """Read LeagueGameLog-shaped logs, check and repair them, and write the league folder `into`.

    Args:
        team_logs: Parquet or CSV with one row per team and game.
        player_logs: Parquet or CSV with one row per player and game.
        into: a new folder, an empty one, or a league folder, which is replaced.
        teams: CSV of another league's teams; None: the NBA's.
        source: what the manifest says about where the data came from; None: the names of the files.

    Raises:
        DataError: saying what is wrong, where, and what to do.
    """
    refuse_foreign_folder(into)
    league = read_league(team_logs, player_logs, teams, source or f"{team_logs.name}, {player_logs.name}")
    return write_league(league, into)


def read_league(team_logs: Path, player_logs: Path, teams: Path | None, source: str) -> League:
    """Read and check logs without writing anything; see `import_logs`."""
    repairs: list[str] = []
    team_rows = check_team_rows(read_team_logs(team_logs, repairs), repairs)
    league_teams = teams_of(team_rows, teams)
    player_rows = check_player_rows(read_player_logs(player_logs, repairs), team_rows, repairs)
    team_games = team_rows.select(pl.col(name).cast(kind) for name, kind in TEAM_GAMES.items())
    player_games = player_rows.select(pl.col(name).cast(kind) for name, kind in PLAYER_GAMES.items())
    seasons = _count_seasons(team_games, player_games, repairs)
    manifest = Manifest(
        source=source,
        fingerprint=fingerprint(team_games, player_games, league_teams),
        seasons=seasons,
        files={},  # known once they are written
        repairs=tuple(repairs),
    )
    return League(team_games=team_games, player_games=player_games, teams=league_teams, manifest=manifest)


def write_league(league: League, into: Path, truth: pl.DataFrame | None = None) -> Manifest:
    """Write a league folder over whatever league was there; `truth` is the demo's, and an older one goes.

    Returns:
        The league's manifest, with what the files are.
    """
    paths = LeaguePaths(into)
    tables = {paths.team_games: league.team_games, paths.player_games: league.player_games, paths.teams: league.teams}
    files: dict[str, str] = {}
    with writing(into), ExitStack() as stack:
        for path, table in tables.items():
            temporary = stack.enter_context(replacing(path))
            table.write_parquet(temporary)
            files[path.name] = file_digest(temporary)
        if truth is not None:
            truth.write_parquet(stack.enter_context(replacing(paths.truth)))
        # From here to the end of the block there is no league: whoever is stopped in it leaves none, not a mixture.
        paths.manifest.unlink(missing_ok=True)
        if truth is None:
            paths.truth.unlink(missing_ok=True)
    manifest = msgspec.structs.replace(league.manifest, files=files)
    with writing(into):
        write_json(paths.manifest, manifest)
    return manifest


@contextmanager
def writing(into: Path) -> Iterator[None]:
    """Turn a full disk, a missing right or a file in the way into a DataError that names the folder."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{into}: cannot be written: {getattr(error, 'strerror', None) or error}") from None


def refuse_foreign_folder(into: Path) -> None:
    """Raise a DataError when `into` holds anything that is not a league's."""
    paths = LeaguePaths(into)
    if into.exists() and not into.is_dir():
        raise DataError(f"{into}: is a file; give a folder for the league")
    ours = {paths.team_games, paths.player_games, paths.teams, paths.manifest, paths.truth, paths.logs.folder}
    foreign = sorted(p.name for p in into.glob("*") if p not in ours and not _torn(p)) if into.is_dir() else []
    if foreign:
        shown = ", ".join(foreign[:5]) + (", …" if len(foreign) > 5 else "")
        raise DataError(f"{into}: is not a league folder (it holds {shown}). Give a new folder, or an empty one")


def _torn(path: Path) -> bool:
    """Whether this is what an earlier write left when it was killed."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _count_seasons(team_games: pl.DataFrame, player_games: pl.DataFrame, repairs: list[str]) -> tuple[SeasonCount, ...]:
    counts = []
    for (season,), games in team_games.group_by("season", maintain_order=True):
        regular = games.filter(pl.col("season_type") == "regular")
        playoffs = games.height - regular.height
        if regular.is_empty():
            raise DataError(
                f"season {season}: has {playoffs // 2} playoff games and no regular-season game. Add them, or take the "
                "season out"
            )
        if playoffs == 0:
            repairs.append(f"season {season}: no playoffs; it cannot serve the target playoff_outcome")
        players = player_games.filter(pl.col("season") == season)
        earliest, last_days = list_days(regular, players.filter(pl.col("season_type") == "regular"))
        counts.append(
            SeasonCount(
                season=str(season),
                regular_games=regular.height // 2,
                playoff_games=playoffs // 2,
                player_rows=players.height,
                first_date=str(games["date"].min()),
                last_regular_date=str(regular["date"].max()),
                most_games=int(regular.group_by("team_id").len()["len"].to_numpy().max()),
                earliest_list=earliest,
                last_days=last_days,
            )
        )
    return tuple(sorted(counts, key=lambda count: count.season))
