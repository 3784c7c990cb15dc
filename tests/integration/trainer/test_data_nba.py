"""The real NBA logs, 2015-16 to 2023-24, where they lie beside the checkout, and the commands on them."""

from pathlib import Path

import polars as pl
import pytest

from tests.support.places import NBA
from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import SeasonCount
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import PLAYER_GAMES, TEAM_GAMES, League, load_league
from truestrength.trainer.data.season_counts import champion

TEAM_LOGS, PLAYER_LOGS = NBA / "team_logs.parquet", NBA / "player_logs.parquet"

pytestmark = pytest.mark.skipif(not TEAM_LOGS.exists(), reason=f"no NBA logs in {NBA}")

COUNTS = {
    "2015-16": (1230, 86, 26078 + 1900),
    "2016-17": (1230, 79, 26139 + 1737),
    "2017-18": (1230, 82, 26107 + 1729),
    "2018-19": (1230, 82, 26101 + 1761),
    "2019-20": (1059, 83, 20501 + 1694),
    "2020-21": (1080, 85, 23054 + 1864),
    "2021-22": (1230, 87, 26039 + 1891),
    "2022-23": (1230, 84, 25895 + 1728),
    "2023-24": (1230, 82, 26401 + 1668),
}
CHAMPIONS = ["CLE", "GSW", "GSW", "TOR", "LAL", "MIL", "GSW", "DEN", "BOS"]
EAST = "ATL BKN BOS CHA CHI CLE DET IND MIA MIL NYK ORL PHI TOR WAS"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nba") / "league"
    import_logs(TEAM_LOGS, PLAYER_LOGS, folder)
    return folder


@pytest.fixture(scope="module")
def league(folder: Path) -> League:
    return load_league(folder)


def test_every_game_is_there(league: League) -> None:
    found = {s.season: (s.regular_games, s.playoff_games, s.player_rows) for s in league.manifest.seasons}
    assert found == COUNTS
    assert league.manifest.seasons[4] == SeasonCount(
        season="2019-20",
        regular_games=1059,
        playoff_games=83,
        player_rows=22195,
        first_date="2019-10-22",
        last_regular_date="2020-08-14",
        last_date="2020-10-11",
        teams=30,
        fewest_games=64,
        most_games=75,
        neutral_games=174,
        champion="LAL",
        player_rows_lost=0,
        games_without_players=88,
        rows_without_minutes=0,
        earliest_list=3,
        last_days=(295, 296, 297),
    )


def test_only_the_known_gaps_are_said(league: League) -> None:
    assert league.manifest.repairs == (
        "player rows: 1455 have no minutes; they are kept without",
        "player rows: 88 games (176 team rows) have none; the team rows are kept",
    )


def test_champions(league: League) -> None:
    names = dict(league.teams.select("team_id", "abbreviation").rows())
    playoffs = league.team_games.filter(pl.col("season_type") == "playoffs")
    assert [names[champion(games)] for _, games in playoffs.group_by("season", maintain_order=True)] == CHAMPIONS
    assert [season.champion for season in league.manifest.seasons] == CHAMPIONS
    wins = playoffs.group_by("season", "team_id").agg(pl.col("won").sum())
    assert wins.filter(pl.col("won") == 16).height == 9


def test_conferences(league: League) -> None:
    assert league.teams.height == 30
    east = league.teams.filter(pl.col("conference") == "East")["abbreviation"].sort()
    assert east.to_list() == EAST.split()
    playoffs = league.team_games.filter(pl.col("season_type") == "playoffs").join(league.teams, on="team_id")
    assert playoffs.group_by("season", "conference").agg(pl.col("team_id").n_unique())["team_id"].to_list() == [8] * 18


def test_the_tables_are_as_the_schema_says(league: League) -> None:
    assert dict(league.team_games.schema) == TEAM_GAMES
    assert dict(league.player_games.schema) == PLAYER_GAMES
    assert league.team_games.equals(league.team_games.sort("date", "game_id", "team_id"))
    assert league.player_games.equals(league.player_games.sort("date", "game_id", "team_id", "player_id"))
    assert league.team_games.null_count().sum_horizontal()[0] == 0
    assert league.player_games.drop("minutes").null_count().sum_horizontal()[0] == 0
    assert league.team_games.group_by("game_id").agg(pl.col("home").sum())["home"].unique().to_list() == [1]


def test_csv_gives_the_same_fingerprint(league: League, tmp_path: Path) -> None:
    for path in (TEAM_LOGS, PLAYER_LOGS):
        table = pl.read_parquet(path).drop("season", "season_type", "source")
        # As a spreadsheet would save it: the game ids have lost their zeros.
        table.with_columns(pl.col("GAME_ID").cast(pl.Int64)).write_csv(tmp_path / f"{path.stem}.csv")
    manifest = import_logs(tmp_path / "team_logs.csv", tmp_path / "player_logs.csv", tmp_path / "league")
    assert manifest.fingerprint == league.manifest.fingerprint
    assert manifest.seasons == league.manifest.seasons


class TestCommands:
    """`truestrength data …`, as the argument parser calls it."""

    def call(self, *words: str) -> None:
        args = parser().parse_args(["data", *words])
        args.handler(args)

    def test_import_and_describe(self, tmp_path: Path, league: League, capsys: pytest.CaptureFixture[str]) -> None:
        into = str(tmp_path / "nba")
        self.call("import", "--team-logs", str(TEAM_LOGS), "--player-logs", str(PLAYER_LOGS), "--into", into)
        out = capsys.readouterr().out
        assert out.startswith(f"{into}: 9 seasons, 10749 games, 750 playoff games\n")
        assert "  player rows: 1455 have no minutes; they are kept without\n" in out
        self.call("describe", into)
        out = capsys.readouterr().out
        assert [line.split()[4] for line in out.splitlines()[1:10]] == CHAMPIONS
        assert league.manifest.fingerprint in out

    def test_demo(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.call("demo", "--into", str(tmp_path / "demo"), "--seasons", "1", "--seed", "3")
        out = capsys.readouterr().out
        assert "1 seasons, 1230 games" in out
        assert "Source: demo (synthetic), seed 3\n" in out
        assert LeaguePaths(tmp_path / "demo").truth.exists()

    def test_the_two_files_swapped(self, tmp_path: Path) -> None:
        files = ["--team-logs", str(PLAYER_LOGS), "--player-logs", str(TEAM_LOGS)]
        with pytest.raises(
            DataError, match=r"player_logs\.parquet: has a column PLAYER_ID, .* Are the two files swapped\?"
        ):
            self.call("import", *files, "--into", str(tmp_path / "league"))
