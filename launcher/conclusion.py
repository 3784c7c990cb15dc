"""The analysis while a plan goes on, and its end: the held-out season, all plots, the last word of the analysis.

Drawing plots and reading the held-out season take seconds each and need nothing of one another, so they go side by
side. Whatever is cut off in between is found unfinished by the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from truestrength.launcher.containers.settings import Container
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot

FIGURES_REST_S = 300.0
"""While sweeps are still to come, plots are drawn at most this often; the end of a plan draws them all."""


def analyse(
    outputs: OutputsRoot,
    batch_ids: Sequence[str],
    ledger: Ledger,
    say: Callable[[str], object],
    *,
    resting: bool = False,
) -> None:
    """Write the analysis of all sweeps of the outputs root: those of a plan in its order, then any others.

    `say` is told of plots that could not be drawn. With `resting`, plots that were drawn a short while ago are left as
    they are.
    """
    from truestrength.launcher.report.analysis import write_analysis  # noqa: PLC0415 - seconds, which a finished plan need not wait
    from truestrength.launcher.report.reading import registered  # noqa: PLC0415

    planned = batch_ids if len(batch_ids) > 1 else []
    others = [name for name in registered(ledger, outputs) if name not in planned]
    write_analysis(ledger, [*planned, *others], outputs, say, FIGURES_REST_S if resting else 0.0)


def conclude(
    outputs: OutputsRoot,
    batch_ids: Sequence[str],
    ledger: Ledger,
    *,
    changed: bool,
    held_out: bool,
    noise: bool,
    container: Container | None,
    say: Callable[[str], None],
    explained: bool = False,
) -> bool:
    """Bring the analysis and all plots up to date; costs little where they are.

    Args:
        outputs: The root that holds the sweeps' folders.
        batch_ids: The plan's sweeps, in order.
        ledger: Where they are registered.
        changed: Tables were written since the plots were drawn.
        held_out: Read the held-out season for the best runs, unless that was done.
        noise: Measure with more seeds how far chance moves the value of the best runs, unless that was done.
        container: Where the trainer runs.
        say: Told what is being read, and what goes wrong with it.
        explained: Say of every sweep's best run what carried the teams, unless that was done.

    Returns:
        Whether all that was to be read of the held-out season could be.
    """
    write = partial(analyse, outputs, batch_ids, ledger, _once(say))
    unread = 0
    if held_out:
        from truestrength.launcher.held_out import read_held_out  # noqa: PLC0415 - a plan that fails need not wait

        found = read_held_out(ledger, outputs, batch_ids, container=container, say=say, meanwhile=write)
        unread, changed = found.unread, changed or found.read > 0
    if noise:
        from truestrength.launcher.noise import measure_noise  # noqa: PLC0415 - as above

        measured = measure_noise(ledger, outputs, batch_ids, container=container, say=say)
        changed = changed or measured > 0
    if explained:
        from truestrength.launcher.explained import explain_best  # noqa: PLC0415 - as above

        explain_best(ledger, outputs, batch_ids, container=container, say=say)
    from truestrength.launcher.report.reading import up_to_date  # noqa: PLC0415 - as above

    if changed or not up_to_date(ledger, outputs):
        write()
    return not unread


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Like `say`, but what was said is not repeated."""
    said: set[str] = set()

    def say_once(text: str) -> None:
        if text not in said:
            said.add(text)
            say(text)

    return say_once
