"""The verdict in one sentence: what won, whether that is more than chance, and what is incomplete or failed.

It stands first in the report and on the pages, and is the last thing that `truestrength report` prints. Surprising: it
compares with the ranking without training, too, because that is what every model begins with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from truestrength.launcher.report.markdown import bold, number, signed
from truestrength.launcher.report.trials import (
    FAILED,
    Comparison,
    Sweep,
    Trial,
    against,
    best_of_target,
    compare,
    deciding,
    rankers,
    trials_of_target,
)
from truestrength.trainer.contract.ledger.rows import COMPLETE, AttemptState
from truestrength.trainer.contract.records.metrics import EXPECTED, Gain, RunMetrics
from truestrength.trainer.contract.text_table import counted
from truestrength.trainer.contract.words import Objective, Target


def said_first(sweeps: Sequence[Sweep], planned: Sequence[str]) -> str:
    """The sentence, in Markdown.

    Args:
        sweeps: Those that are registered.
        planned: The batch ids of the whole plan, in its order.
    """
    won = [found for target in Target if (found := _won(sweeps, target))]
    if not won:
        won = [f"no trial has completed, so {bold('nothing has won')}"]
    elif not _whole(sweeps, planned):
        won[0] = f"so far, {won[0]}"
    text = f"{_there(sweeps, planned)}, {_failed(sweeps)}: {'; '.join(won)}."
    first = text.lstrip("*")[0]
    return text.replace(first, first.upper(), 1)


def plain(markdown: str) -> str:
    """The sentence as a terminal shows it."""
    return markdown.replace("**", "").replace("`", "")


def _won(sweeps: Sequence[Sweep], target: Target) -> str:
    """What won for a target, and how that stands; empty where there is no complete trial."""
    objective = deciding(sweeps, target)
    best = best_of_target(sweeps, target)
    score = best.score(objective) if best else None
    if best is None or score is None:
        return ""
    equal = sum(trial.score(objective) == score for trial in trials_of_target(sweeps, target)) - 1
    said = (
        f"for `{target}`, {bold(f'{best.run} won')} (sweep `{best.batch_id}`) with {objective} "
        f"{bold(number(score, 4))}{_mean(best)}{_as_good(equal)}"
    )
    if best.metrics is None:
        return f"{said}, but its `metrics.json` cannot be read"
    return ", ".join([said, *_stands(best.metrics, objective), *_held_out(best.holdout, objective)])


def _mean(best: Trial) -> str:
    return f", the mean of {len(best.metrics.repeats)} seeds" if best.metrics and best.metrics.repeats else ""


def _as_good(equal: int) -> str:
    """Runs with the very same value: sweeps of a target begin with the same trials."""
    return f" (as {counted(equal, 'other run')} {'has' if equal == 1 else 'have'})" if equal else ""


def _stands(metrics: RunMetrics, objective: Objective) -> Iterator[str]:
    """How a run stands against the best baseline and, where that is another one, the ranking without training."""
    scores = rankers(metrics)
    best = compare(scores, objective)
    if best is None:
        yield "with no baseline to compare with"
        return
    yield _against(f"the best baseline ({_named(best.baseline)})", best, metrics).replace("; ", "; 95 % interval ")
    untrained = against(scores, EXPECTED, objective)
    if untrained and best.baseline != EXPECTED:
        yield _against(_named(EXPECTED), untrained, metrics)


def _named(baseline: str) -> str:
    return "the ranking without training" if baseline == EXPECTED else f"`{baseline}`"


def _against(whom: str, found: Comparison, metrics: RunMetrics) -> str:
    """How a run stands against one baseline, and whether that is more than chance."""
    gain = metrics.gains.get(found.baseline, {}).get(found.objective)
    if found.gain == 0:
        return f"{bold('as good as')} {whom}"
    if gain is None:
        return f"{bold('better' if found.beats else 'WORSE')} than {whom} by {number(abs(found.gain), 4)}"
    interval = f"{signed(found.gain, 4)}; {signed(gain.low, 4)} to {signed(gain.high, 4)}"
    if not _sure(gain, found):
        return f"{'ahead of' if found.beats else 'behind'} {whom} {bold('by no more than chance')} ({interval})"
    return f"{bold('better' if found.beats else 'WORSE')} than {whom} {bold('by more than chance')} ({interval})"


def _sure(gain: Gain, found: Comparison) -> bool:
    """Whether the interval leaves 0 out, on the side that the run is on."""
    return gain.low > 0 if found.beats else gain.high < 0


def _held_out(held_out: RunMetrics | None, objective: Objective) -> Iterator[str]:
    """How the run stands against the best baseline of the held-out season, where that was read."""
    found = compare(rankers(held_out), objective) if held_out else None
    if held_out and found:
        stands = _against(f"the best there ({_named(found.baseline)})", found, held_out)
        yield f"and on the held-out season {stands}"


def _whole(sweeps: Sequence[Sweep], planned: Sequence[str]) -> bool:
    return bool(sweeps) and sum(map(_complete, sweeps)) == len(planned)


def _complete(sweep: Sweep) -> bool:
    return sweep.standing in COMPLETE and not sweep.missing


def _there(sweeps: Sequence[Sweep], planned: Sequence[str]) -> str:
    """How many of the sweeps are complete, and how the others stand."""
    if _whole(sweeps, planned):
        return f"all {len(planned)} sweeps are complete" if len(planned) > 1 else "the sweep is complete"
    others = Counter("incomplete" if s.standing in COMPLETE else s.standing for s in sweeps if not _complete(s))
    if len(planned) == 1:
        return f"{bold('the sweep is not complete')} ({''.join(others) or 'not begun'})"
    others["not begun"] = len(planned) - len(sweeps)
    said = ", ".join(f"{count} {standing}" for standing, count in sorted(others.items()) if count)
    complete = sum(map(_complete, sweeps))
    verb = "is" if complete == 1 else "are"
    return f"{bold(f'{complete} of {len(planned)} sweeps {verb} complete')} ({said})"


def _failed(sweeps: Sequence[Sweep]) -> str:
    """How many attempts failed or died, and how many trials were given up."""
    states = Counter(trial.state for sweep in sweeps for trial in sweep.incomplete)
    failed, died = states[FAILED], states[AttemptState.DEAD]
    given_up = sum(sweep.given_up for sweep in sweeps)
    said = [f"{counted(failed, 'attempt')} failed"] if failed else []
    said += [f"{counted(died, 'attempt')} died"] if died else []
    said += [bold(f"{counted(given_up, 'trial')} {'was' if given_up == 1 else 'were'} given up")] if given_up else []
    return ", ".join(said) or "nothing failed"
