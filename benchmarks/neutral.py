"""`python -m benchmarks.neutral --data data/nba`: what it changes that nobody is at home at a neutral site.

The league is ranked twice: as it is, and with the home team by name taken as at home in every game.

How to read it: the first table has the neutral games of the regular season. `won` is how often the home team by name
won them; the two columns beside it, how often Elo expected it to. Nearer is better. The second table holds out each
season that has enough neutral games (`--least`) and enough seasons before it, as `benchmarks.backtest` does; `as it is`
beside `at home` is the same ranking with and without.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from benchmarks.backtest import FEWEST_BEFORE, held_out_season
from benchmarks.setting import CONFIG, fresh_folder, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.config import settings as configuration
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.data.fingerprint import fingerprint
from truestrength.trainer.data.importer import write_league
from truestrength.trainer.data.league import League, load_league
from truestrength.trainer.features.ratings import ELO_HOME, elo
from truestrength.trainer.features.season_games import SeasonGames, season_games
from truestrength.trainer.stages.store import Store

RANKERS = ("stack", "elo", "blend")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.neutral", description=__doc__, allow_abbrev=False)
    top.add_argument("--data", default="data/nba", metavar="DIR", help="a league folder (default: data/nba)")
    top.add_argument("--config", type=Path, default=CONFIG, metavar="FILE")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    top.add_argument("--least", type=int, default=5, metavar="N", help="neutral games (default: %(default)s)")
    top.set_defaults(handler=handler)
    return top


def handler(args: argparse.Namespace) -> None:
    """Print the tables."""
    league = load_league(Path(args.data))
    counts = [season.neutral_games for season in league.manifest.seasons if season.champion]
    held_out = [i for i, count in enumerate(counts) if count >= args.least and i >= FEWEST_BEFORE]
    if not held_out:
        raise UserError(f"--data {args.data}: no season with {args.least} neutral games and {FEWEST_BEFORE} before it")
    header = ["season", "games", "won", "expected as it is", "at home"]
    show("neutral games of the regular season", header, list(expected_wins(league)))
    with fresh_folder() as folder:
        at_home = write_at_home(league, folder / "league")
        for target in Target:
            rows = [row for i in held_out for row in compared(args, at_home, target, i)]
            show(f"{target}", ["held out", "ranker", "objective", "as it is", "at home"], rows)


def write_at_home(league: League, folder: Path) -> Path:
    """The same league with no game at a neutral site."""
    games = league.team_games.with_columns(neutral=pl.lit(value=False))
    digest = fingerprint(games, league.player_games, league.teams)
    manifest = msgspec.structs.replace(league.manifest, fingerprint=digest)
    write_league(replace(league, team_games=games, manifest=manifest), folder)
    return folder


def expected_wins(league: League) -> Iterator[list[object]]:
    """A row per season, and one for all."""
    seasons = season_games(league)
    without = [replace(games, neutral=np.zeros_like(games.neutral)) for games in seasons]
    parts = []
    for games, rating, other in zip(seasons, elo(seasons), elo(without), strict=True):
        chosen = np.flatnonzero(games.neutral & games.regular)
        won = games.margin[chosen] > 0
        parts.append(np.stack([won, _chance(games, rating, chosen, 0.0), _chance(games, other, chosen, ELO_HOME)]))
        if len(chosen):
            yield [games.season, len(chosen), *parts[-1].mean(axis=1).tolist()]
    both = np.concatenate(parts, axis=1)
    yield ["all", both.shape[1], *both.mean(axis=1).tolist()]


def _chance(games: SeasonGames, rating: np.ndarray, chosen: np.ndarray, home: float) -> np.ndarray:
    before = rating[np.searchsorted(games.days, games.date[chosen])]
    rows = np.arange(len(chosen))
    lead = before[rows, games.home[chosen]] + home - before[rows, games.away[chosen]]
    return np.asarray(1 / (1 + 10 ** (-lead / 400)))


def compared(args: argparse.Namespace, at_home: Path, target: Target, i: int) -> Iterator[list[object]]:
    """Rows of one held-out season."""
    config = configuration.load_config(args.config, args.set)
    store = Store(Path(config.paths.batch_cache), max_gb=config.cache.max_gb)
    seasons = [season.season for season in read_manifest(at_home).seasons if season.champion]
    ways = [configuration.replace(config, {"paths.data": str(data)}) for data in (args.data, at_home)]
    found = [held_out_season(way, target, seasons, i, store) for way in ways]
    for ranker in RANKERS:
        for objective in (Objective.SPEARMAN, Objective.RANK_RMSE):
            values = [{**metrics.models, **metrics.baselines}[ranker].of(objective) for metrics in found]
            yield [seasons[i], ranker, objective, *(f"{value:.4f}" for value in values)]
        yield [seasons[i], ranker, "Brier of the title", *(f"{_brier(metrics, ranker):.4f}" for metrics in found)]


def _brier(metrics: RunMetrics, ranker: str) -> float:
    assert metrics.title_odds is not None
    return metrics.title_odds.scores[ranker].brier


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
