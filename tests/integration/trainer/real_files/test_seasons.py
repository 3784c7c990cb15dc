"""What is said of seasons, which are refused, and the import of every day."""

import re
from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.real_files.logs import (
    DATE,
    ID,
    REGULAR,
    ROW,
    SEASON,
    Logs,
    both,
    bring,
    read,
    row,
)
from truestrength.trainer.contract.config.settings import Evaluation
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.league.season_checks import usable_split
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import load_league
from truestrength.trainer.features.batches import build_batches


@row("fewer games")
def test_seasons_with_fewer_games_are_whole(ten_seasons: Path) -> None:
    manifest = read_manifest(ten_seasons)
    games = {season.season: (season.fewest_games, season.most_games) for season in manifest.seasons}
    assert games["2019-20"] == (64, 75)
    assert games["2020-21"] == (72, 72)
    wanted = Evaluation(validation=("2019-20",), holdout=("2020-21",))
    assert usable_split(wanted, manifest, set(Target)).validation == ("2019-20",)


DEFAULT = Evaluation()


def refusal(folder: Path, logs: Logs, evaluation: Evaluation = DEFAULT) -> str:
    manifest = bring(folder, logs)
    with pytest.raises(ConfigError) as error:
        usable_split(evaluation, manifest, {Target.FINAL_RANK})
    return str(error.value)


FIVE = ("2019-20", "2020-21", "2021-22", "2022-23", SEASON)


@pytest.fixture(scope="module")
def five() -> Logs:
    return read(*FIVE)


UNFINISHED = {
    "in the regular season": ("2024-01-15", "no playoffs, the last game on 2024-01-15"),
    "in the playoffs": ("2024-05-12", "57 playoff games, the last game on 2024-05-12"),
    "in the first round": ("2024-04-25", "19 playoff games, the last game on 2024-04-25"),
    "in the final": ("2024-06-14", "81 playoff games, the last game on 2024-06-14"),
    "before the playoffs": ("2024-04-19", "no playoffs, the last game on 2024-04-14"),
}


@pytest.mark.parametrize("when", UNFINISHED)
@row("not over")
def test_a_season_that_is_not_over(when: str, five: Logs, tmp_path: Path) -> None:
    last, said = UNFINISHED[when]
    cut = both(lambda t: t.filter(last >= DATE), five)
    message = refusal(tmp_path, cut)
    assert f"evaluation.holdout: the season 2023-24 is not over: it has no champion ({said})" in message
    assert '--set "evaluation.holdout=[2022-23]"' in message
    manifest = read_manifest(tmp_path / "league")
    assert usable_split(Evaluation(validation=1, holdout=("2022-23",)), manifest, set(Target)).holdout == ("2022-23",)
    with pytest.raises(ConfigError, match=r'evaluation.validation: .* or use others: --set "evaluation.validation=\['):
        usable_split(Evaluation(validation=(SEASON,), holdout=("2022-23",)), manifest, set(Target))


def test_the_first_playoff_game_makes_no_champion(logs: Logs, tmp_path: Path) -> None:
    first = logs[0].filter(~REGULAR)["GAME_ID"].sort()[0]
    found = bring(tmp_path, both(lambda t: t.filter(REGULAR | (first == ID)), logs))
    assert found.seasons[0].champion is None
    assert any("the playoffs are not over (1 games" in line for line in found.repairs)


@pytest.mark.parametrize(
    ("kept", "said"), [(ROW % 20 == 0, "regular-season games a team"), (ROW % 3 > 0, "too unequal")]
)
@row("thin")
def test_a_thin_season(kept: pl.Expr, said: str, five: Logs, tmp_path: Path) -> None:
    """Every twentieth game of 2022-23, or two of three; the playoffs are whole."""
    games = five[0].filter(pl.col("season") == "2022-23", REGULAR)["GAME_ID"].unique().sort().to_frame()
    left = games.filter(kept)["GAME_ID"].to_list()
    thin = both(lambda t: t.filter((pl.col("season") != "2022-23") | ~REGULAR | ID.is_in(left)), five)
    message = refusal(tmp_path, thin, Evaluation(validation=1))
    assert message.startswith("evaluation.validation: the season 2022-23 is not whole: ")
    assert said in message
    assert '--set "evaluation.validation=[2021-22]"' in message
    manifest = read_manifest(tmp_path / "league")
    with pytest.raises(
        ConfigError, match=r"season 2022-23 is not whole.*it would be trained on.* take it out of the logs"
    ):
        usable_split(Evaluation(validation=(SEASON,), holdout=("2019-20",)), manifest, {Target.FINAL_RANK})


@row("no player rows")
def test_a_season_without_player_rows(five: Logs, tmp_path: Path) -> None:
    games = five[0].filter(pl.col("season") == SEASON, REGULAR)["GAME_ID"].unique().sort()[:500].to_list()
    message = refusal(tmp_path, (five[0], five[1].filter(~ID.is_in(games))))
    assert "the season 2023-24 is not whole: 500 of 1312 games have no player rows" in message


@row("only begun")
def test_seasons_before_one_that_has_only_begun_have_their_lists(tmp_path: Path) -> None:
    whole = read("2022-23", SEASON)
    for last in ("2023-10-24", "2023-11-05"):
        bring(tmp_path, both(lambda t, last=last: t.filter(last >= DATE), whole))
        batches = build_batches(load_league(tmp_path / "league"), [10], 15, 21)
        assert batches.seasons == ("2022-23",)
    bring(tmp_path, both(lambda t: t.filter(DATE <= "2023-12-05"), whole))
    assert build_batches(load_league(tmp_path / "league"), [10], 15, 21).seasons == ("2022-23", SEASON)


@row("every day")
def test_an_import_every_day(logs: Logs, tmp_path: Path) -> None:
    said: list[str] = []
    until = lambda day: both(lambda t: t.filter(day >= DATE), logs)  # noqa: E731
    first = bring(tmp_path, until("2024-01-15"), said)
    assert said == []
    tables = {path: path.stat().st_mtime_ns for path in (tmp_path / "league").iterdir()}
    assert bring(tmp_path, until("2024-01-15"), said).fingerprint == first.fingerprint
    assert said.pop() == (
        f"Nothing new: the data are those of the last import ({first.fingerprint[:12]}), and sweeps go on with them."
    )
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "league").iterdir()} == tables

    teams, players = until("2024-01-17")
    corrected = pl.when(ROW == 5).then(pl.col("STL") + 1).otherwise("STL")
    second = bring(tmp_path, (teams, players.with_columns(STL=corrected)), said)
    lines = said.pop().splitlines()
    assert re.fullmatch(r"  2023-24: \d+ games new \(2024-01-16 to 2024-01-17\), 1 changed", lines[1])
    assert f"another fingerprint now ({second.fingerprint[:12]}, before {first.fingerprint[:12]})" in lines[2]
    bring(tmp_path, until("2024-01-16"), said)
    assert re.fullmatch(r"  2023-24: 1 changed, \d+ gone", said.pop().splitlines()[1])
