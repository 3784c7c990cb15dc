"""Measures at the end of a plan how far chance alone moves the value: the best run of each target, with other seeds.

Without it nobody could tell whether a sweep has found a setting or the luckiest of a dozen draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from truestrength.launcher.containers.contained import run_to_end
from truestrength.launcher.containers.settings import Container
from truestrength.launcher.report.chance import FEWEST_TRIALS
from truestrength.launcher.report.reading import read_alike
from truestrength.launcher.report.trials import best_of_target
from truestrength.launcher.trainer_commands import noise
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.words import Target

MORE_SEEDS = 5


def measure_noise(
    ledger: Ledger,
    outputs: OutputsRoot,
    batch_ids: Sequence[str],
    *,
    container: Container | None,
    say: Callable[[str], None],
) -> int:
    """Leave `noise.json` in the folder of the best run of each target, unless it is there.

    Args:
        ledger: Where the sweeps are registered.
        outputs: The root that holds their folders.
        batch_ids: The plan's sweeps; others of the root that were measured like them may have the best run, too.
        container: Where the trainer runs.
        say: Told which runs are measured, and what goes wrong, which stops nothing.

    Returns:
        How many runs were measured now.
    """
    chosen = list(_unmeasured(ledger, outputs, batch_ids))
    if not chosen:
        return 0
    names = " and ".join(run.folder.name for run in chosen)
    say(f"measuring how far chance moves the value: the best configurations, of {names}, with {MORE_SEEDS} more seeds")
    if problem := run_to_end(container, noise([run.folder for run in chosen], MORE_SEEDS)):
        say(f"noise could not be measured for {names}:\n{problem}")
    return sum(run.noise.exists() for run in chosen)


def _unmeasured(ledger: Ledger, outputs: OutputsRoot, batch_ids: Sequence[str]) -> Iterator[RunPaths]:
    """The best run of each target whose sweep has trials enough to be held against chance."""
    sweeps = read_alike(ledger, outputs, batch_ids)
    trials = {sweep.spec.batch_id: len(sweep.ranked) for sweep in sweeps}
    for target in Target:
        best = best_of_target(sweeps, target)
        if best and best.run_id is not None and best.noise is None and trials[best.batch_id] >= FEWEST_TRIALS:
            yield outputs.sweep(best.batch_id).run(best.run_id)
