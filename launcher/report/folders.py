"""The runs that the ledger knows beside the folders that are there: what is complete and gone, and what nobody knows.

Names only, one listing a sweep: `status --watch` asks every two seconds, also of a sweep of ten thousand runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from truestrength.trainer.contract.ledger import Ledger, roots
from truestrength.trainer.contract.outputs_root import outputs_id
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name


@dataclass(frozen=True)
class RunFolders:
    """How the folders of an outputs root differ from what the ledger knows; run ids by sweep."""

    missing: Mapping[str, list[int]] = field(default_factory=dict)
    """Complete, and the folder is gone."""
    unknown: Mapping[str, list[int]] = field(default_factory=dict)
    """The folder is there, and the ledger knows no such run of this sweep."""

    def sentences(self) -> list[str]:
        """What there is to say of it; nothing where nothing differs."""
        said = []
        if self.missing:
            first = next(iter(self.missing))
            said.append(
                f"Complete, but their folders are gone: {_listed(self.missing)}. They are not counted, and not trained "
                f"again: bring the folders back, or run the sweep anew (`truestrength forget {first}`, then the "
                "command that started it)."
            )
        if self.unknown:
            said.append(
                f"Runs that the database does not know: {_listed(self.unknown)}. It was restored or replaced, or their "
                "sweep was forgotten; their rows are kept in the tables, and their ids are given to no other run."
            )
        return said


def run_folders(ledger: Ledger, outputs: OutputsRoot) -> RunFolders:
    """Compare an outputs root, which has an id, with the ledger."""
    known: dict[str, set[int]] = {}
    complete: dict[str, set[int]] = {}
    for run in roots.runs(ledger.connection, outputs_id(outputs)):
        known.setdefault(run.batch_id, set()).add(run.run_id)
        if run.complete:
            complete.setdefault(run.batch_id, set()).add(run.run_id)
    there = {name: outputs.sweep(name).run_ids() for name in {*known, *outputs.sweep_names()}}
    return RunFolders(
        missing=_some({name: complete.get(name, set()) - ids for name, ids in there.items()}),
        unknown=_some({name: ids - known.get(name, set()) for name, ids in there.items()}),
    )


def _some(found: Mapping[str, set[int]]) -> dict[str, list[int]]:
    return {name: sorted(found[name]) for name in sorted(found) if found[name]}


def _listed(runs: Mapping[str, list[int]]) -> str:
    return "; ".join(f"{name}: {', '.join(_stretches(ids))}" for name, ids in runs.items())


def _stretches(ids: Iterable[int]) -> list[str]:
    """Ids that follow each other as one.

    >>> _stretches([25, 26, 27, 30])
    ['run_025 to run_027', 'run_030']
    """
    found = []
    for _, group in groupby(enumerate(ids), key=lambda pair: pair[1] - pair[0]):
        names = [run_name(run_id) for _, run_id in group]
        found.append(names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}")
    return found
