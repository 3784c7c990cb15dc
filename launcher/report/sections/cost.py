"""What the attempts cost, and what sharing saved: whatever a run finds in the store it need not do.

Surprising: what is saved is said of complete attempts only, and only of those whose cost alone is known. What sharing
costs is part of it: waiting for another worker, and training deeper than the run itself needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from truestrength.launcher.report.markdown import MISSING, bold, number, section, table
from truestrength.launcher.report.trials import COMPLETE, Sweep, Trial
from truestrength.trainer.contract.records.cost import WATTS_OF_A_CORE, WATTS_OF_A_GPU, Costs, summed

HEADERS = ["sweep", "attempts", "wall s", "CPU s", "waited s", "alone s", "saved s", "times", "memory MiB", "energy Wh"]
GPU_HEADERS = ["GPU s", "GPU MiB"]

SOURCES = {
    "rapl": "the processor's counter (RAPL)",
    "cpu_seconds": f"CPU seconds at {WATTS_OF_A_CORE:g} W",
    "nvml": "the GPU's counter (NVML)",
    "gpu_seconds": f"GPU seconds at {WATTS_OF_A_GPU:g} W",
}
"""What energy rests on, by its word in a record."""


def cost_of(trials: Iterable[Trial]) -> Costs:
    """The sums over attempts."""
    return summed((trial.state == COMPLETE, trial.cost) for trial in trials)


def cost_section(sweeps: Sequence[Sweep]) -> str:
    """What each sweep cost and all together, and what sharing saved; empty where nothing is known."""
    begun = [(sweep.spec.batch_id, cost_of(sweep.trials)) for sweep in sweeps if sweep.trials]
    together = cost_of(trial for sweep in sweeps for trial in sweep.trials)
    if together.attempts == together.unknown:
        return ""
    gpu = together.gpu_seconds is not None
    rows = [_row(name, costs, gpu=gpu) for name, costs in begun]
    rows += [_row("all", together, gpu=gpu)] if len(rows) > 1 else []
    unknown = (
        f" {together.unknown} attempts say nothing of their cost: their workers died, or were of an older version."
    )
    return section(
        [
            "## Cost, and what sharing saved",
            bold(cost_said(sweeps)),
            "Sums over attempts; memory is the most of any. `waited` is the time in which another worker was making "
            "what was needed. `alone` is what complete attempts would have taken with an empty store and nobody beside "
            "them, `saved` what they took less than that, and `times` how many times as long alone is."
            + (unknown if together.unknown else ""),
            f"Energy is an estimate, from {', and '.join(map(_source, together.energy_from))}.",
            table([*HEADERS, *(GPU_HEADERS if gpu else [])], rows),
        ]
    )


def cost_said(sweeps: Sequence[Sweep]) -> str:
    """In one sentence; empty where nothing is known."""
    costs = cost_of(trial for sweep in sweeps for trial in sweep.trials)
    known = costs.attempts - costs.unknown
    if not known:
        return ""
    said = f"{known} attempts took {_time(costs.wall_seconds)}, {_time(costs.cpu_seconds)} of CPU time"
    if not costs.compared or costs.saved_ratio is None:
        return f"{said}; what they would have taken alone is not known."
    who = "they" if costs.compared == known else f"{costs.compared} of them"
    saved = f"{_time(abs(costs.saved_seconds))} {'saved' if costs.saved_seconds >= 0 else 'lost'} by sharing"
    return f"{said}; alone, {who} would have taken {costs.saved_ratio:.2f} times as long: {saved}."


def _time(seconds: float) -> str:
    """In a unit that suits it.

    >>> _time(90), _time(600), _time(36000)
    ('90.0 s', '10.0 min', '10.0 h')
    """
    unit, length = ("h", 3600) if seconds >= 7200 else ("min", 60) if seconds >= 120 else ("s", 1)
    return f"{number(seconds / length, 1)} {unit}"


def _source(energy_from: str) -> str:
    """What an estimate of energy rests on.

    >>> _source("cpu_seconds+nvml")
    "CPU seconds at 10 W with the GPU's counter (NVML)"
    """
    return " with ".join(SOURCES.get(part, part) for part in energy_from.split("+"))


def _row(name: str, costs: Costs, *, gpu: bool) -> list[str]:
    known, compared = costs.attempts > costs.unknown, costs.compared > 0
    saved = [number(costs.alone_seconds, 1), number(costs.saved_seconds, 1), number(costs.saved_ratio, 2)]
    sums = [costs.wall_seconds, costs.cpu_seconds, costs.waited_seconds]
    return [
        name,
        str(costs.attempts),
        *(number(value, 1) if known else MISSING for value in sums),
        *(saved if compared else [MISSING] * 3),
        number(costs.memory_mb, 0),
        number(costs.energy_joules / 3600, 2) if known else MISSING,
        *([number(costs.gpu_seconds, 1), number(costs.gpu_memory_mb, 0)] if gpu else []),
    ]
