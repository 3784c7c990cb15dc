"""`python -m benchmarks.backtest --data data/nba`: would the ranker have beaten the standings, season after season?

Each season with enough seasons before it is held out in turn: models, stack and blend are fitted on the seasons before
the one that precedes it, with the configuration's own settings, and rank it once. One season is one draw of luck; this
is what there is against that.

How to read it: the first table of a target gives the stack's gain over whichever baseline turned out best in that
season and objective, which nobody could have chosen beforehand; positive is better. The second gives the mean gain over
each baseline, and in how many of the seasons it was positive. The last one counts the seasons in which a ranking beats
every baseline on at least five of the six objectives; for a league that knows its true strengths also the seasons in
which the rest of the season played at those would (`true_outlook`): more than that no ranker can expect. No model
has seen a season that it ranks, but the constants of the features (`trainer.features`) were chosen on NBA seasons up to
2022-23.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.setting import CONFIG
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.config.settings import Config, load_config, replace
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.records.metrics import LABELS, RunMetrics, Scores
from truestrength.trainer.contract.text_table import text_table
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.evaluation.ceilings import TRUE_OUTLOOK
from truestrength.trainer.run import holdout, pipeline
from truestrength.trainer.stages.store import Store

FEWEST_BEFORE = 4
"""Seasons before the first one that is held out: three to train on, and one to validate."""
ENOUGH = 5
"""Objectives of the six on which a ranking must beat every baseline to have won a season."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__, allow_abbrev=False)
    top.add_argument("--data", default="data/nba", metavar="DIR", help="a league folder (default: data/nba)")
    top.add_argument("--config", type=Path, default=CONFIG, metavar="FILE")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    top.set_defaults(handler=handler)
    return top


def handler(args: argparse.Namespace) -> None:
    """Print the tables."""
    seasons = [season.season for season in read_manifest(Path(args.data)).seasons if season.champion]
    if len(seasons) <= FEWEST_BEFORE:
        raise UserError(
            f"--data {args.data}: has {len(seasons)} seasons that are over; a backtest needs more than {FEWEST_BEFORE}"
        )
    found = {}
    for target in Target:
        found[target] = dict(held_out(args, target, seasons))
        print(f"\n{target}\n{by_season(found[target])}\n\n{by_baseline(found[target])}", flush=True)
    print(f"\n{seasons_won(found)}")


def held_out(args: argparse.Namespace, target: Target, seasons: list[str]) -> Iterator[tuple[str, RunMetrics]]:
    """Each season, and the figures of a run that was trained before it."""
    config = replace(load_config(args.config, args.set), {"paths.data": args.data})
    store = Store(Path(config.paths.batch_cache), max_gb=config.cache.max_gb)
    for i in range(FEWEST_BEFORE, len(seasons)):
        yield seasons[i], held_out_season(config, target, seasons, i, store)


def held_out_season(config: Config, target: Target, seasons: Sequence[str], i: int, store: Store) -> RunMetrics:
    """The figures on the season of index `i` of a run that was trained before it."""
    data = Path(config.paths.data)
    changes = {
        "training.listmle_target": target,
        "training.n_folds": min(config.training.n_folds, i - 1),
        "evaluation.validation": [seasons[i - 1]],
        "evaluation.holdout": list(seasons[i:]),
    }
    trained = pipeline.train(replace(config, changes), data, store)
    only = replace(config, {**changes, "evaluation.holdout": [seasons[i]]})
    return holdout.holdout(only, data, store, trained.models)[0]


def by_season(found: Mapping[str, RunMetrics]) -> str:
    """The stack's gain over the season's best baseline of each objective."""
    rows = []
    for season, metrics in found.items():
        least = {o: min((gains[o].mean, name) for name, gains in metrics.gains.items()) for o in Objective}
        cells = [f"{gain:+.3f} {name}" for gain, name in least.values()]
        rows.append([season, *cells, f"{sum(gain > 0 for gain, _ in least.values())} of {len(least)}"])
    return text_table(["held out", *Objective, "beats all"], rows)


def by_baseline(found: Mapping[str, RunMetrics]) -> str:
    """The mean gain over each baseline, and the seasons won."""
    rows = []
    for name in next(iter(found.values())).gains:
        gains = {o: [metrics.gains[name][o].mean for metrics in found.values()] for o in Objective}
        cells = [f"{np.mean(g):+.3f} ({sum(x > 0 for x in g)} of {len(g)})" for g in gains.values()]
        rows.append([LABELS.get(name, name), *cells])
    return text_table(["mean gain over", *Objective], rows)


def seasons_won(found: Mapping[Target, Mapping[str, RunMetrics]]) -> str:
    """In how many seasons the stack, and the true outlook where it is known, beat every baseline."""
    won = {target: {season: winners(metrics) for season, metrics in of.items()} for target, of in found.items()}
    names = next(iter(next(iter(won.values())).values()))
    rows = []
    for name in names:
        each = np.array([[winner[name] for winner in of.values()] for of in won.values()])
        counts = [*each.sum(axis=1), each.all(axis=0).sum()]
        rows.append([name, *(f"{count} of {each.shape[1]}" for count in counts)])
    return text_table(["seasons won", *won, "both"], rows)


def winners(metrics: RunMetrics) -> dict[str, bool]:
    """Whether the stack, and the true outlook where it is known, beat every baseline on enough objectives."""
    rankings = {"stack": metrics.objectives}
    if TRUE_OUTLOOK in metrics.ceilings:
        rankings[TRUE_OUTLOOK] = metrics.ceilings[TRUE_OUTLOOK]
    return {name: _objectives_won(scores, metrics) >= ENOUGH for name, scores in rankings.items()}


def _objectives_won(scores: Scores, metrics: RunMetrics) -> int:
    return sum(all(o.better(scores.of(o), base.of(o)) for base in metrics.baselines.values()) for o in Objective)


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
