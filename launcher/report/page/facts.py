"""What the parts of the page are made from, and what a part is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from truestrength.launcher.report.trials import Sweep
from truestrength.trainer.contract.paths.outputs import OutputsRoot


class Facts(NamedTuple):
    """All that a page tells of."""

    sweeps: Sequence[Sweep]
    """Of the plan, or the one whose page it is."""
    planned: Sequence[str]
    """The batch ids of the whole plan, in its order, also those that are not registered yet."""
    sweep: Sweep | None
    """The one whose page it is; None on the page of a plan."""
    charts: Mapping[str, str]
    """SVG by name."""
    about: str
    """Which data, and what is left out: sentences in Markdown."""
    outputs: OutputsRoot
    folder: Path
    """Where the page will lie: links are relative to it."""


class Part(NamedTuple):
    """A part of the page."""

    name: str
    """Its anchor, and that of its template."""
    title: str
    data: Mapping[str, Any]


def link(facts: Facts, path: Path) -> str:
    """A link to a file or folder of the outputs root (not escaped for a URL), as the page has it.

    >>> facts = Facts((), (), None, {}, "", OutputsRoot(Path("o")), Path("o/sweeps/a"))
    >>> link(facts, Path("o/sweeps/a/run_025")), link(facts, Path("o/sweeps/b/run_026"))
    ('run_025', '../b/run_026')
    """
    if path.is_relative_to(facts.folder):
        return path.relative_to(facts.folder).as_posix()
    up, common = "", facts.folder
    while not path.is_relative_to(common):
        up, common = f"../{up}", common.parent
    return f"{up}{path.relative_to(common).as_posix()}"
