"""Plans as the YAML writes them: a list of entries, each a sweep or a grid of sweeps."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from truestrength.trainer.contract.words import MOST_REPEATS, MOST_WORKERS, Method, Objective, Sampler, Target

Axis = Annotated[tuple[Any, ...], Meta(min_length=1)]
First = tuple[Annotated[dict[str, Any], Meta(min_length=1)], ...]
"""Parameters and their values: points of a search space, each as far as it is said."""
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Positive = Annotated[float, Meta(gt=0)]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a sweep is made of beside its configuration. None: as the entry, the command or the configuration says."""

    phase: str | None = None
    """The search space, by its name."""
    objective: Objective | None = None
    listmle_target: Target | None = None
    method: Method | None = None
    sampler: Sampler | None = None
    n_trials: Count | None = None
    n_jobs: Annotated[int, Meta(ge=1, le=MOST_WORKERS)] | None = None
    """Workers of the sweep's array."""
    repeats: Annotated[int, Meta(ge=1, le=MOST_REPEATS)] | None = None
    """Seeds of every trial, whose mean counts."""
    max_minutes: Positive | None = None
    """Ends the sweep when it was worked at for so long; trials that run then are let end."""
    goal: Positive | None = None
    """Ends the sweep when a trial's value is as good."""


class Entry(Words, frozen=True):
    """One entry of a plan. A cell of its grid is one sweep; an entry without a grid is one sweep itself.

    Names in `grid`, `include` and `exclude` are those of `Words`, or dotted keys of the configuration.
    """

    name: str | None = None
    """What a later entry's `after` calls this one."""
    grid: dict[str, Axis] | None = None
    """An axis -> its values. The last axis varies first."""
    exclude: tuple[dict[str, Any], ...] = ()
    """Cells that have all of these values are left out."""
    include: tuple[dict[str, Any], ...] = ()
    """More values for the cells that they contradict in no axis; where there are none, a cell of its own."""
    set: dict[str, Any] = {}
    """Dotted keys of the configuration."""
    batch_id: str | None = None
    """A template of the sweeps' names: `{objective}` stands for the cell's value, as does any other name."""
    first: First | None = None
    """Points that its sweeps try first. None: those of the configuration."""
    prior: tuple[str, ...] = ()
    """Earlier sweeps whose finished trials its sweeps know: batch ids, or folders of sweeps."""
    after: str | None = None
    """`all`: begins when every sweep of the entries before has ended. `none`: waits for nothing. The name of an earlier
    entry: when its sweeps have ended. None: in the plan's order."""


Plans = dict[str, Annotated[tuple[Entry, ...], Meta(min_length=1)]]
