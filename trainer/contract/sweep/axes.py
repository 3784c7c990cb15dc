"""In what the sweeps of a plan differ: the axes of its grid, found again in the sweeps themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from truestrength.trainer.contract.config.settings import identity
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.sweep.spec import SweepSpec

TARGET_KEY = "training.listmle_target"


def axes(specs: Sequence[SweepSpec]) -> dict[str, list[Any]]:
    """Each name or dotted key in which they differ -> its value in each sweep, in their order."""
    rows = [_values(spec) for spec in specs]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return {name: column for name, column in columns.items() if any(value != column[0] for value in column)}


def _values(spec: SweepSpec) -> dict[str, Any]:
    words = {
        "phase": spec.phase,
        "objective": spec.objective,
        "listmle_target": spec.target,
        "method": spec.method,
        "sampler": spec.sampler,
        "repeats": spec.repeats,
    }
    searched = spec.searched_keys()
    keys = dict(leaves(identity(spec.config)))
    return words | {key: value for key, value in keys.items() if key not in searched and key != TARGET_KEY}
