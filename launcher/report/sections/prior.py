"""What sweeps knew from earlier ones, and how much of it was left out."""

from __future__ import annotations

from collections.abc import Sequence

from truestrength.launcher.report.markdown import section, table
from truestrength.launcher.report.trials import Sweep


def prior_section(sweeps: Sequence[Sweep]) -> str:
    """A row per sweep and earlier sweep; nothing where no sweep knows one."""
    rows = [
        [sweep.spec.batch_id, one.name, "yes" if one.alike else "no", *map(str, counts)]
        for sweep in sweeps
        for one in sweep.spec.known
        for counts in [(one.finished, one.fitting, one.finished - one.fitting, len(one.trials))]
    ]
    if not rows:
        return ""
    headers = ["sweep", "earlier sweep", "same data and seasons", "finished", "fitting", "left out", "looked at"]
    return section(
        [
            "## Prior observations",
            "Finished trials of earlier sweeps that a sweep knew when it began (`--prior`), outside its budget. What "
            "lies outside its search space or has no value by its objective is left out; of very many, the best, the "
            "worst and the newest are looked at.",
            table(headers, rows, text_columns=3),
        ]
    )
