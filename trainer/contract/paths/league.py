"""A league folder and the game logs in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LeaguePaths:
    """A league folder, as the importer writes it."""

    folder: Path

    @property
    def team_games(self) -> Path:
        """One row per team and game."""
        return self.folder / "team_games.parquet"

    @property
    def player_games(self) -> Path:
        """One row per player and game played."""
        return self.folder / "player_games.parquet"

    @property
    def teams(self) -> Path:
        """One row per team: abbreviation, name, conference."""
        return self.folder / "teams.parquet"

    @property
    def manifest(self) -> Path:
        """Seasons, counts, repairs and the data fingerprint, as JSON; written last."""
        return self.folder / "league.json"

    @property
    def truth(self) -> Path:
        """The demo league's true team strengths by season and date; real leagues have none."""
        return self.folder / "true_strength.parquet"

    @property
    def logs(self) -> LogPaths:
        """The game logs that the league was made or downloaded as; an imported league has none."""
        return LogPaths(self.folder / "logs")


@dataclass(frozen=True)
class LogPaths:
    """Game logs in the columns of nba_api's LeagueGameLog."""

    folder: Path

    @property
    def team_logs(self) -> Path:
        """One row per team and game."""
        return self.folder / "team_logs.parquet"

    @property
    def player_logs(self) -> Path:
        """One row per player and game played."""
        return self.folder / "player_logs.parquet"

    @property
    def teams(self) -> Path:
        """The teams of a league that is not the NBA."""
        return self.folder / "teams.csv"

    def response(self, season: str, season_type: str, rows_of: str) -> Path:
        """What the NBA's server answered: the `team` or `player` rows of one season and season type."""
        return self.folder / f"{season}_{season_type}_{rows_of}.json"
