"""The rankings that know the true strengths: their figures, and what a damaged table says."""

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.data.true_strength import load_true_strength
from truestrength.trainer.evaluation.ceilings import evaluate_ceilings
from truestrength.trainer.evaluation.metrics import mean_scores, objectives
from truestrength.trainer.features.season_games import SeasonGames, season_games
from truestrength.trainer.features.targets import target_ranks

Asked = list[tuple[SeasonGames, np.ndarray]]


@pytest.fixture(scope="module")
def truth(small_league: League) -> pl.DataFrame:
    return target_ranks(small_league)


@pytest.fixture(scope="module")
def asked(small_league: League) -> Asked:
    return [(games, games.days[5:]) for games in season_games(small_league)[1:]]


def strengths(truth: pl.DataFrame, asked: Asked, column: str) -> pl.DataFrame:
    """Minus a column of the truth as the strength on every day."""
    dates = pl.concat(
        pl.DataFrame({"season": games.season, "date": pl.Series(games.days).cast(pl.Int32).cast(pl.Date)})
        for games, _ in asked
    )
    return dates.join(truth, on="season").select("season", "date", "team_id", true_strength=-pl.col(column) * 1.0)


def test_a_strength_that_is_the_final_rank_is_perfect(truth: pl.DataFrame, asked: Asked) -> None:
    found = evaluate_ceilings(strengths(truth, asked, "final_rank"), truth, asked, Target.FINAL_RANK)
    assert set(found.ceilings) == {"true_strength", "true_outlook"}
    for table in (found.ceilings, *found.ceilings_by_third.values()):
        assert table["true_strength"].spearman == pytest.approx(1)
        assert table["true_strength"].rank_rmse == pytest.approx(0)
        assert 0.8 < table["true_outlook"].spearman <= 1
    assert set(found.ceilings_by_third) == {"early", "middle", "late"}


def test_figures_are_means_over_the_ranked_dates_only(truth: pl.DataFrame, asked: Asked) -> None:
    table = strengths(truth, asked, "playoff_outcome")
    noise = pl.Series("noise", np.random.default_rng(0).normal(0, 3, table.height))
    table = table.with_columns(true_strength=pl.col("true_strength") + noise)
    found = evaluate_ceilings(table, truth, asked, Target.FINAL_RANK)
    per_date = []
    for games, days in asked:
        ranked = table.filter(pl.col("season") == games.season).sort("date", "team_id")
        scores = ranked["true_strength"].to_numpy().reshape(-1, 9)[np.isin(games.days, days)]
        teams = truth.filter(pl.col("season") == games.season).sort("team_id")
        rank, outcome = (teams[name].cast(pl.Float64).to_numpy() for name in ("final_rank", "playoff_outcome"))
        per_date.append(objectives(scores, rank, outcome, teams["playoff_team"].to_numpy()))
    joined = {objective: np.concatenate([part[objective] for part in per_date]) for objective in per_date[0]}
    assert found.ceilings["true_strength"] == mean_scores(joined)


def test_the_outlook_knows_the_record(truth: pl.DataFrame, asked: Asked) -> None:
    """With equal strengths only the games already won tell the teams apart: the more, the later it is."""
    flat = strengths(truth, asked, "final_rank").with_columns(true_strength=pl.col("team_id") * 1e-9)
    thirds = evaluate_ceilings(flat, truth, asked, Target.FINAL_RANK).ceilings_by_third
    assert thirds["late"]["true_outlook"].spearman > 0.8
    assert thirds["late"]["true_outlook"].spearman > thirds["early"]["true_outlook"].spearman + 0.1


def test_a_missing_strength_is_refused(truth: pl.DataFrame, asked: Asked) -> None:
    short = strengths(truth, asked, "final_rank").filter(pl.col("team_id") != 13)
    with pytest.raises(DataError, match="2021-22: the table of true strengths does not have one for every team"):
        evaluate_ceilings(short, truth, asked, Target.FINAL_RANK)


def test_a_league_without_the_table_has_none_and_a_damaged_one_is_an_error(tmp_path) -> None:
    assert load_true_strength(tmp_path) is None
    path = LeaguePaths(tmp_path).truth
    path.write_bytes(b"torn")
    with pytest.raises(DataError, match=r"true_strength\.parquet: cannot be read"):
        load_true_strength(tmp_path)
    pl.DataFrame({"season": ["2020-21"]}).write_parquet(path)
    with pytest.raises(DataError, match="Make the demo league again, or remove the file"):
        load_true_strength(tmp_path)
