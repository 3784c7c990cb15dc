"""Every word that is said to the trainer.

Whoever starts it puts the interpreter of its own place in front: this machine's, the cluster profile's, the image's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

WorkerWords = Callable[[str, int, Sequence[str]], Sequence[str]]
"""From a sweep, the threads of a worker and the sweeps that follow, to what is said after the interpreter."""


def work(batch_id: str, threads: int, later: Sequence[str] = (), *, share: bool = True) -> list[str]:
    """The worker of a sweep, and then of those `later`: the same words on a laptop, in a container, under SLURM."""
    sweeps = [word for name in (batch_id, *later) for word in ("--batch-id", name)]
    alone = [] if share else ["--no-share"]
    return ["-m", "truestrength.trainer", "work", *sweeps, "--threads", str(threads), *alone]


def forking(words: Sequence[str], folder: Path) -> list[str]:
    """A worker's words, for a process that forks such workers as they are asked for in a folder."""
    return [*words, "--forks", str(folder)]


def holdout(runs: Sequence[Path]) -> list[str]:
    """Finished runs, by their folders, on the held-out season."""
    return ["-m", "truestrength.trainer", "holdout", *(word for run in runs for word in ("--run", str(run)))]


def noise(runs: Sequence[Path], n_seeds: int) -> list[str]:
    """The configurations of finished runs with more seeds."""
    return [
        "-m",
        "truestrength.trainer",
        "noise",
        *(word for run in runs for word in ("--run", str(run))),
        "--seeds",
        str(n_seeds),
    ]


def explain(runs: Sequence[Path]) -> list[str]:
    """What carried each team in finished runs, into their folders."""
    return ["-m", "truestrength.trainer", "explain", *map(str, runs), "--save"]


def compare(runs: Sequence[str], outputs: Path, data: Path | None, *, json: bool) -> list[str]:
    """Finished runs side by side."""
    league = [] if data is None else ["--data", str(data)]
    form = ["--json"] if json else []
    return ["-m", "truestrength.trainer", "compare", *runs, "--outputs", str(outputs), *league, *form]


def demo_league(into: str) -> list[str]:
    """The synthetic league."""
    return ["-m", "truestrength.trainer", "data", "demo", "--into", into]


def precision(amp: str, device: str) -> list[str]:
    """Whether this machine has what `training.amp` and `training.device` ask for."""
    return ["-m", "truestrength.trainer", "precision", "--amp", amp, "--device", device]
