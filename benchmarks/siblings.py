"""`python -m benchmarks.siblings`: what `--share-observations` gains in best value at an equal budget.

Runs the six fixed-window sweeps of each target twice, in the plan's order and with the launcher's own proposals: each
sweep for itself, and with the finished trials of the sweeps before it as prior observations. Trials are real trainings
through a stage store, one at a time; no database is asked. Both ways begin with the same start design, so they can only
differ in the slots after it. Search seeds change the proposals and not the models. How to read it: `gain` is how much
better the best value is with siblings (above 0: better; for rank_rmse that is lower), its mean over targets and seeds
with its standard error; `won` and `lost` count them. `spread` is the standard deviation of the values of all trials.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.setting import CONFIG, fresh_folder, heading, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.config.search_space import Parameters, config_key
from truestrength.trainer.contract.config.settings import Config, load_config, replace
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.ledger import Observation
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.sweep.start_slots import START_SLOTS
from truestrength.trainer.contract.words import Direction, Method, Objective, Phase, Target
from truestrength.trainer.models.settings import deepest
from truestrength.trainer.run import pipeline
from truestrength.trainer.search.proposals import searched, start_point
from truestrength.trainer.stages.store import Store

Values = Mapping[Objective, float]
Evaluate = Callable[[Parameters], Values]


@dataclass(frozen=True)
class Compared:
    """The best value of one sweep, both ways."""

    objective: Objective
    alone: float
    shared: float

    @property
    def gain(self) -> float:
        """How much better the sweep was with siblings."""
        difference = self.shared - self.alone
        return -difference if self.objective.direction is Direction.MINIMIZE else difference


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.siblings", description=__doc__)
    top.add_argument("--data", type=Path, default=Path("data/demo"), help="league folder (data/demo)")
    top.add_argument("--n-trials", type=int, default=12, metavar="N", help="budget of each sweep (12)")
    top.add_argument("--seeds", type=int, default=5, metavar="N", help="searches of each sweep (5)")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any key of the config")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    print(heading(f"Sibling knowledge on {args.data}: {args.n_trials} trials, {args.seeds} searches"), flush=True)
    config = load_config(CONFIG, [f"paths.data={args.data}", *args.set])
    found: list[Compared] = []
    seen: list[Values] = []
    with fresh_folder() as folder:
        store = Store(folder / "cache")
        for target in Target:
            evaluate = _evaluator(replace(config, {"training.listmle_target": target}), args.data, store, seen)
            for seed in range(args.seeds):
                found += compare(specs(config, target, seed, args), evaluate)
    show("with siblings against without", HEADER, [row(o, found, seen) for o in Objective])
    print(f"\nslots that can differ: {max(0, args.n_trials - START_SLOTS)} of {args.n_trials} of each sweep")


HEADER = ("objective", "sweeps", "best alone", "best with siblings", "gain", "+-", "won", "lost", "spread")


def row(objective: Objective, found: Sequence[Compared], seen: Sequence[Values]) -> list[object]:
    """For the table; values are means over targets and seeds."""
    own = [one for one in found if one.objective is objective]
    gains = [one.gain for one in own]
    error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
    best = [f"{statistics.mean(values):.4f}" for values in ([o.alone for o in own], [o.shared for o in own])]
    spread = statistics.pstdev(values[objective] for values in seen)
    won, lost = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    return [objective, len(own), *best, f"{statistics.mean(gains):+.5f}", f"{error:.5f}", won, lost, f"{spread:.4f}"]


def specs(config: Config, target: Target, seed: int, args: argparse.Namespace) -> list[SweepSpec]:
    """The sweeps of a target, in the plan's order."""
    own = replace(config, {"training.listmle_target": target, "training.seed": seed})
    return [
        SweepSpec(
            batch_id=f"{objective}_{target}",
            objective=objective,
            target=target,
            phase=Phase.PHASE1,
            method=Method.OPTUNA,
            n_trials=args.n_trials,
            config=own,
            data_fingerprint=read_manifest(args.data).fingerprint,
        )
        for objective in Objective
    ]


def compare(sweeps: Sequence[SweepSpec], evaluate: Evaluate) -> Iterator[Compared]:
    """Run the sweeps for themselves, and each with those before it."""
    finished: list[tuple[str, int, Parameters, Values]] = []
    for spec in sweeps:
        siblings = [
            Observation(batch_id=batch_id, slot=slot, parameters=parameters, value=values[spec.objective], rung=0)
            for batch_id, slot, parameters, values in finished
        ]
        alone, shared = search(spec, (), evaluate), search(spec, siblings, evaluate)
        finished += [(spec.batch_id, o.slot, o.parameters, evaluate(o.parameters)) for o in shared]
        best = min if spec.objective.direction is Direction.MINIMIZE else max
        yield Compared(spec.objective, *(best(o.value or 0.0 for o in found) for found in (alone, shared)))


def search(spec: SweepSpec, siblings: Sequence[Observation], evaluate: Evaluate) -> list[Observation]:
    """One sweep by one worker."""
    own: list[Observation] = []
    for slot in range(spec.n_trials):
        parameters = start_point(spec, slot) if slot < START_SLOTS else searched(spec, slot, own, siblings)
        value = evaluate(parameters)[spec.objective]
        own.append(Observation(batch_id=spec.batch_id, slot=slot, parameters=parameters, value=value, rung=0))
    return own


def _evaluator(config: Config, data: Path, store: Store, seen: list[Values]) -> Evaluate:
    """All objectives of a trial with some parameters, trained once."""
    known: dict[str, Values] = {}
    train_to = deepest(config.search_spaces[Phase.PHASE1])

    def evaluate(parameters: Parameters) -> Values:
        name = json.dumps(parameters, sort_keys=True)
        if name not in known:
            changed = replace(config, {config_key(key): value for key, value in parameters.items()})
            scores = pipeline.train(changed, data, store, train_to=train_to).metrics.objectives
            known[name] = {objective: scores.of(objective) for objective in Objective}
            seen.append(known[name])
        return known[name]

    return evaluate


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
