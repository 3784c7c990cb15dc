"""What the attempts cost, and what sharing saved: whatever a run finds in the store it need not do.

Surprising: what is saved is said of complete attempts only, and only of those whose cost alone is known. What sharing
costs is part of it: waiting for another worker, and training deeper than the run itself needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from launcher.report.markdown import MISSING, bold, number, section, table
from launcher.report.trials import COMPLETE, Sweep, Trial
from trainer.contract.records.cost import WATTS_OF_A_CORE, WATTS_OF_A_GPU, Costs, summed

HEADERS = [
    "sweep", "attempts", "wall s", "CPU s", "GPU s", "waited s", "peak memory MiB", "peak GPU memory MiB", "alone s",
    "saved s", "times", "energy Wh",
]  # fmt: skip

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
    rows = [_row(name, costs) for name, costs in begun]
    unknown = (
        f" {together.unknown} attempts say nothing of their cost: their workers died, or were of an older version."
    )
    return section(
        [
            "## Cost, and what sharing saved",
            bold(cost_said(sweeps)),
            "Sums over attempts; peaks are the largest of any. `waited` is the time in which another worker was making "
            "what was needed. `alone` is what complete attempts would have taken with an empty store and nobody beside "
            "them, `saved` what they took less than that, and `times` how many times as long alone is."
            + (unknown if together.unknown else ""),
            f"Energy is an estimate, from {', and '.join(map(_source, together.energy_from))}.",
            table(HEADERS, [*rows, *([_row("all", together)] if len(rows) > 1 else [])]),
        ]
    )


def cost_said(sweeps: Sequence[Sweep]) -> str:
    """In one sentence; empty where nothing is known."""
    costs = cost_of(trial for sweep in sweeps for trial in sweep.trials)
    known = costs.attempts - costs.unknown
    if not known:
        return ""
    said = f"{known} attempts took {number(costs.wall_seconds, 1)} s, {number(costs.cpu_seconds, 1)} s of CPU time"
    if not costs.compared or costs.saved_ratio is None:
        return f"{said}; what they would have taken alone is not known."
    saved = f"{number(abs(costs.saved_seconds), 1)} s {'saved' if costs.saved_seconds >= 0 else 'lost'} by sharing"
    return f"{said}; alone, {costs.compared} of them would have taken {costs.saved_ratio:.2f} times as long: {saved}."


def _source(energy_from: str) -> str:
    """What an estimate of energy rests on.

    >>> _source("cpu_seconds+nvml")
    "CPU seconds at 10 W with the GPU's counter (NVML)"
    """
    return " with ".join(SOURCES.get(part, part) for part in energy_from.split("+"))


def _row(name: str, costs: Costs) -> list[str]:
    known, compared = costs.attempts > costs.unknown, costs.compared > 0
    sums = [costs.wall_seconds, costs.cpu_seconds, costs.gpu_seconds, costs.waited_seconds]
    peaks = [costs.memory_mb, costs.gpu_memory_mb]
    saved = [number(costs.alone_seconds, 1), number(costs.saved_seconds, 1), number(costs.saved_ratio, 2)]
    return [
        name,
        str(costs.attempts),
        *(number(value, 1) if known else MISSING for value in sums),
        *(number(value, 0) for value in peaks),
        *(saved if compared else [MISSING] * 3),
        number(costs.energy_joules / 3600, 2) if known else MISSING,
    ]
