"""`python -m benchmarks.skill --data data/nba`: does the ranker beat the standings, and how sure is that?

Trains one run per target with the configuration's own settings (or reads finished runs: `--run FOLDER`) and prints, for
the validation seasons, the stack beside every baseline: gain and 95 % interval (paired block bootstrap over
dates), the same by third of the season, what the stack would lose without each model, championship odds beside naive
ones and, for a league that knows its true strengths, the ceiling. `--holdout` adds the held-out
season, which should be read once, when everything else is decided.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.setting import CONFIG
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.config.settings import load_config, replace
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records.metrics import LABELS, Gain, RunMetrics, Scores
from truestrength.trainer.contract.records.odds import TitleOdds
from truestrength.trainer.contract.text_table import text_table
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.run import holdout as held_out
from truestrength.trainer.run import pipeline
from truestrength.trainer.stages.store import Store


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.skill", description=__doc__, allow_abbrev=False)
    top.add_argument("--data", default="data/nba", metavar="DIR", help="a league folder (default: data/nba)")
    top.add_argument("--config", type=Path, default=CONFIG, metavar="FILE")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    top.add_argument("--run", type=Path, action="append", default=[], metavar="FOLDER", help="a finished run instead")
    top.add_argument("--holdout", action="store_true", help="also the held-out season")
    top.set_defaults(handler=handler)
    return top


def handler(args: argparse.Namespace) -> None:
    """Print the tables."""
    for name, metrics in read(args.run, holdout=args.holdout) if args.run else train(args):
        print(f"\n{name}: {metrics.target} on {', '.join(metrics.seasons)}, {metrics.n_dates} dates")
        print(figures(metrics))
        print(f"\n{gains(metrics)}\n\n{thirds(metrics)}")
        if metrics.stack_without:
            print(f"\n{worth(metrics)}")
        if metrics.title_odds:
            print(f"\n{odds(metrics.title_odds)}")
        if metrics.ceilings:
            print(f"\n{ceiling(metrics)}")


def read(folders: list[Path], *, holdout: bool) -> Iterator[tuple[str, RunMetrics]]:
    """The figures of finished runs."""
    for folder in folders:
        paths = RunPaths(folder)
        for path in [paths.metrics, *([paths.holdout] if holdout else [])]:
            if not path.exists():
                raise UserError(f"--run {folder}: has no {path.name}")
            yield f"{folder.name} ({path.name})", msgspec.json.decode(path.read_bytes(), type=RunMetrics)


def train(args: argparse.Namespace) -> Iterator[tuple[str, RunMetrics]]:
    """Train a run per target, in memory; only the stage store is written."""
    config = load_config(args.config, args.set)
    store = Store(Path(config.paths.batch_cache), max_gb=config.cache.max_gb)
    for target in Target:
        own = replace(config, {"training.listmle_target": target, "paths.data": args.data})
        trained = pipeline.train(own, Path(args.data), store)
        yield "validation", trained.metrics
        if args.holdout:
            yield "held out", held_out.holdout(own, Path(args.data), store, trained.models)[0]


def figures(metrics: RunMetrics) -> str:
    """Every ranker by every objective."""
    both = {**metrics.models, **metrics.baselines}
    rows = [[LABELS.get(name, name), *_row(scores)] for name, scores in both.items()]
    return text_table(["ranker", *Objective], rows)


def gains(metrics: RunMetrics) -> str:
    """The stack's gain over each baseline."""
    rows = [[LABELS.get(name, name), *(_interval(of[o]) for o in Objective)] for name, of in metrics.gains.items()]
    won = sum(all(of[o].mean > 0 for of in metrics.gains.values()) for o in Objective)
    return (
        f"{text_table(['gain over', *Objective], rows)}\nbeats every baseline on {won} of {len(Objective)} objectives"
    )


def thirds(metrics: RunMetrics) -> str:
    """The stack and the best baseline by third of the season."""
    rows = []
    for third, table in metrics.by_third.items():
        for objective in Objective:
            others = {name: table[name].of(objective) for name in metrics.baselines}
            best = (min if objective is Objective.RANK_RMSE else max)(others, key=lambda name: others[name])
            ours = table["stack"].of(objective)
            won = objective.better(ours, others[best])
            rows.append([third, objective, f"{ours:.3f}", best, f"{others[best]:.3f}", "beats" if won else "LOSES"])
    return text_table(["third", "objective", "stack", "best baseline", "its value", ""], rows)


def worth(metrics: RunMetrics) -> str:
    """The stack without each model."""
    rows = [["stack", "", *_row(metrics.objectives)]]
    for name, scores in metrics.stack_without.items():
        rows.append([f"without {name}", f"{metrics.stack_weights.get(name, 0.0):.2f}", *_row(scores)])
    return text_table(["", "weight", *Objective], rows)


def odds(found: TitleOdds) -> str:
    """Championship odds beside naive ones, and how reliable they were."""
    measures = ("brier", "log_loss", "skill", "champion")
    rows = []
    for name, whole in found.scores.items():
        parts = [f"{getattr(t[name], m):.3f}" for m in ("brier", "log_loss") for t in found.by_third.values()]
        rows.append([name, *(f"{getattr(whole, measure):.3f}" for measure in measures), *parts])
    thirds = [f"{measure} {third}" for measure in ("brier", "log_loss") for third in found.by_third]
    bins = [
        [f"{b.low:g}-{b.high:g}", str(b.count), str(b.seasons_of_teams), f"{b.predicted:.3f}", f"{b.observed:.3f}"]
        for b in found.reliability
    ]
    return (
        f"{text_table(['title odds', *measures, *thirds], rows)}\n"
        f"{found.champions} champions; a unit of score is worth {found.points_per_score:.2f} points\n\n"
        f"{text_table(['probability', 'teams and dates', 'different teams', 'predicted', 'observed'], bins)}"
    )


def ceiling(metrics: RunMetrics) -> str:
    """The stack and the best it could do, where the true strengths are known."""
    rows = [[name, *_row(scores)] for name, scores in {"stack": metrics.objectives, **metrics.ceilings}.items()]
    return text_table(["ceiling", *Objective], rows)


def _row(scores: Scores) -> list[str]:
    return [f"{scores.of(objective):.3f}" for objective in Objective]


def _interval(gain: Gain) -> str:
    return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
