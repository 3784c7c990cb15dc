"""Turns game logs into a league folder.

Surprising: everything is read, checked and written to temporary files before the first file of an older league in the
folder is touched, and the manifest is taken away first and put back last, so no reader sees a mixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import polars as pl

from truestrength.trainer.contract.digests import file_digest
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import replacing, write_json
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.changes import league_before, what_is_new
from truestrength.trainer.data.fingerprint import fingerprint
from truestrength.trainer.data.game_checks import check_player_rows, check_team_rows
from truestrength.trainer.data.league import PLAYER_GAMES, TEAM_GAMES, League, Manifest
from truestrength.trainer.data.log_files import read_player_logs, read_team_logs
from truestrength.trainer.data.season_counts import count_seasons, unfinished
from truestrength.trainer.data.teams import teams_of


def import_logs(
    team_logs: Path,
    player_logs: Path,
    into: Path,
    teams: Path | None = None,
    source: str | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Read LeagueGameLog-shaped logs, check and repair them, and write the league folder `into`.

    Args:
        team_logs: Parquet or CSV with one row per team and game.
        player_logs: Parquet or CSV with one row per player and game.
        into: a new folder, an empty one, or a league folder, which is replaced; tables that hold the same already are
            left alone, so that whoever reads them is not disturbed.
        teams: CSV of another league's teams; None: the NBA's.
        source: what the manifest says about where the data came from; None: the names of the files.
        say: told what is new, when the folder holds a league already.

    Raises:
        DataError: saying what is wrong, where, and what to do.
    """
    refuse_foreign_folder(into)
    league = read_league(team_logs, player_logs, teams, source or f"{team_logs.name}, {player_logs.name}")
    before = league_before(into)
    if before is None:
        return write_league(league, into)
    said = what_is_new(before, league)
    same = before.manifest.fingerprint == league.manifest.fingerprint and not LeaguePaths(into).truth.exists()
    manifest = _write_manifest(league, into, before.manifest.files) if same else write_league(league, into)
    say(said)
    return manifest


def read_league(team_logs: Path, player_logs: Path, teams: Path | None, source: str) -> League:
    """Read and check logs without writing anything; see `import_logs`."""
    repairs: list[str] = []
    nba = teams is None
    team_file = read_team_logs(team_logs, repairs, nba=nba)
    player_file = read_player_logs(player_logs, repairs, nba=nba)
    team_rows = check_team_rows(team_file, player_file, repairs, nba=nba)
    league_teams = teams_of(team_rows, teams)
    player_rows = check_player_rows(player_file, team_rows, repairs, nba=nba)
    team_games = team_rows.select(pl.col(name).cast(kind) for name, kind in TEAM_GAMES.items())
    player_games = player_rows.rows.select(pl.col(name).cast(kind) for name, kind in PLAYER_GAMES.items())
    seasons = count_seasons(team_games, player_games, league_teams, player_rows.lost)
    repairs += unfinished(seasons)
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
    return _write_manifest(league, into, files)


def _write_manifest(league: League, into: Path, files: dict[str, str]) -> Manifest:
    """Write the manifest of tables that are there, unless it is there, too."""
    manifest = msgspec.structs.replace(league.manifest, files=files)
    path = LeaguePaths(into).manifest
    with writing(into):
        if not path.exists() or read_manifest(into) != manifest:
            write_json(path, manifest)
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
