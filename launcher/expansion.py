"""Expands a plan of the configuration into sweeps. Touches nothing; what no worker could run is refused here.

What a sweep is made of is looked for in this order: its cell of the grid, the command line, its entry, the rest of the
configuration. So a flag counts for the whole plan, and one that contradicts an axis is refused. The numbers of trials,
seeds and workers and the limits are no axes, and there the command line has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from truestrength.launcher.cells import Cell, cells, refuse_too_many
from truestrength.launcher.plan import Plan, PlannedSweep, awaits_demo_league
from truestrength.trainer.contract.config import yaml_files
from truestrength.trainer.contract.config.notify import Notify
from truestrength.trainer.contract.config.plans import Entry, Words
from truestrength.trainer.contract.config.settings import Config, Evaluation, replace, varied_keys
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.league.list_checks import check_lists
from truestrength.trainer.contract.league.manifest import Manifest, read_manifest
from truestrength.trainer.contract.league.season_checks import usable_split
from truestrength.trainer.contract.sweep.axes import TARGET_KEY
from truestrength.trainer.contract.sweep.first_points import with_first
from truestrength.trainer.contract.sweep.limits import Limits, wrong_goal
from truestrength.trainer.contract.sweep.rungs import fidelity
from truestrength.trainer.contract.sweep.spec import SweepSpec, search_space, wrong_batch_id
from truestrength.trainer.contract.words import Method, Objective, Phase, Sampler, Target

N_TRIALS = 12
N_JOBS = 4
TEMPLATE = "{phase}_{objective}_{listmle_target}"
NO_AXES = ("n_trials", "n_jobs", "repeats", "max_minutes", "goal")


@dataclass(frozen=True)
class Budget:
    """What the command line asks of every sweep; None: what the plan says."""

    n_trials: int | None = None
    n_jobs: int | None = None
    """Workers of one sweep's array."""
    repeats: int | None = None
    max_minutes: float | None = None
    goal: float | None = None
    method: Method | None = None
    sampler: Sampler | None = None
    explain: bool = False
    share_observations: bool = False
    prior: tuple[str, ...] = ()
    """Earlier sweeps whose trials count as prior observations."""


class _Made(NamedTuple):
    """What a sweep is made of, complete; the names are those of `Words`."""

    phase: str
    objective: Objective
    listmle_target: Target
    method: Method
    sampler: Sampler
    n_trials: int
    n_jobs: int
    repeats: int
    max_minutes: float | None
    goal: float | None


class _Sweep(NamedTuple):
    """A sweep before it has a configuration of its own."""

    batch_id: str
    made: _Made
    keys: dict[str, Any]
    """Dotted keys of the configuration."""
    after: tuple[str, ...] | None = None
    entry: Entry = Entry()


def expand_plan(config: Config, name: str, budget: Budget, origin: Mapping[str, str] | None = None) -> Plan:
    """The sweeps of a plan, in order.

    Args:
        config: With the plan.
        name: Of the plan.
        budget: From the command line.
        origin: Where each key of the configuration was set, for messages; `--set` has the say over an entry's `set`.

    Raises:
        ConfigError: there is no such plan, or it is none, or the configuration has no search space for a phase, or asks
            for seasons that the league lacks, or that are not over.
        DataError: when there is no league at `paths.data`.
    """
    if name not in config.plans:
        known = suggest(name, config.plans) if config.plans else "the configuration has no `plans`"
        raise ConfigError(f"no plan is called {name!r}: {known}")
    file = yaml_files.origin_of(f"plans.{name}", origin or {}, "the configuration")
    expansion = _Expansion(config, budget, _overridden(origin or {}), f"{file}: plans.{name}")
    return _plan(config, budget, expansion.sweeps(config.plans[name]))


def expand_sweep(config: Config, budget: Budget, words: Words, batch_id: str | None = None) -> Plan:
    """A plan of one sweep. Raises like `expand_plan`."""
    made = _made(words, budget, Words(), config)
    search_space(config, made.phase, f"--phase {made.phase}")
    named = batch_id if batch_id is not None else _named(TEMPLATE, made, {}, "the sweep")
    return _plan(config, budget, [_Sweep(named, made, {})])


@dataclass(frozen=True)
class _Expansion:
    """One plan on its way from entries to sweeps."""

    config: Config
    budget: Budget
    overridden: Mapping[str, str]
    """Keys that the command line sets -> its words."""
    where: str

    def sweeps(self, entries: tuple[Entry, ...]) -> list[_Sweep]:
        found: dict[str, _Sweep] = {}
        groups: dict[str, tuple[str, ...]] = {}
        for i, entry in enumerate(entries):
            where = f"{self.where}[{i}]"
            after = _after(entry, tuple(found), groups, where)
            own = list(self._entry(entry, after, where))
            for sweep in own:
                if sweep.batch_id in found:
                    raise ConfigError(f"{where}: two sweeps would be called {sweep.batch_id!r}: {_HOW_TO_TELL_APART}")
                found[sweep.batch_id] = sweep
            refuse_too_many(len(found), self.where)
            if entry.name is not None:
                groups[entry.name] = tuple(sweep.batch_id for sweep in own)
        return list(found.values())

    def _entry(self, entry: Entry, after: tuple[str, ...] | None, where: str) -> Iterator[_Sweep]:
        found = cells(entry, where)
        self._check_names(entry, found, where)
        axes = "".join(f"_{{{axis}}}" for axis in entry.grid or {} if f"{{{axis}}}" not in TEMPLATE)
        template = entry.batch_id if entry.batch_id is not None else TEMPLATE + axes
        fixed = {key: value for key, value in entry.set.items() if key not in self.overridden}
        said = msgspec.structs.replace(entry, first=None) if "first" in self.overridden else entry
        for cell in found:
            own = {name: value for name, value in cell.items() if name in Words.__struct_fields__}
            made = _made(yaml_files.convert(own, Words, {}, where), self.budget, entry, self.config)
            search_space(self.config, made.phase, f"{where}: phase {made.phase!r}")
            keys = fixed | {name: value for name, value in cell.items() if name not in own}
            yield _Sweep(_named(template, made, keys, where), made, keys, after, said)

    def _check_names(self, entry: Entry, found: list[Cell], where: str) -> None:
        """Refuse names that nothing has, and those that the command line sets as well."""
        for axis in entry.grid or {}:
            if axis in NO_AXES:
                raise ConfigError(f"{where}.grid.{axis}: is no axis; give it to an entry, or to cells by `include`")
        named = dict.fromkeys(name for cell in found for name in cell)
        keys = [name for name in (*named, *entry.set) if name not in Words.__struct_fields__]
        for key in keys:
            if key not in sweep_keys():
                raise ConfigError(f"{where}: unknown key {key!r}: {suggest(key, _names())}")
        for key in (*named, *([TARGET_KEY] if entry.listmle_target or "listmle_target" in named else [])):
            if key in self.overridden:
                raise ConfigError(f"{self.overridden[key]}: {where} says itself what it is in each sweep")
        for word, asked in (("method", self.budget.method), ("sampler", self.budget.sampler)):
            if asked is not None and word in named:
                raise ConfigError(f"--{word} {asked}: {where} says itself what it is in each sweep")


_HOW_TO_TELL_APART = "name the axes in which they differ in `batch_id`, for example {training.seed}"


def sweep_keys() -> list[str]:
    """The dotted keys that an axis of a plan can be: those that change a result, but for the target."""
    evaluation = [f"evaluation.{name}" for name in Evaluation.__struct_fields__]
    return [key for key in (*varied_keys(), *evaluation) if key != TARGET_KEY]


def _names() -> list[str]:
    return [*Words.__struct_fields__, *sweep_keys()]


def _overridden(origin: Mapping[str, str]) -> dict[str, str]:
    return {key: source for key, source in origin.items() if source.startswith("--set ")}


def _after(
    entry: Entry, before: tuple[str, ...], groups: Mapping[str, tuple[str, ...]], where: str
) -> tuple[str, ...] | None:
    """The sweeps that an entry's sweeps wait for; None: those that the order asks for."""
    known = {"all": before, "none": (), **groups}
    if entry.name in known:
        raise ConfigError(f"{where}.name: {entry.name!r} is taken: choose another")
    if entry.after is None:
        return None
    if entry.after not in known:
        raise ConfigError(f"{where}.after: no earlier entry is called {entry.after!r}: {suggest(entry.after, known)}")
    return known[entry.after]


def _made(own: Words, budget: Budget, entry: Words, config: Config) -> _Made:
    """What a sweep is made of: its own words before the command line's, and those before its entry's."""
    return _Made(
        phase=next(phase for phase in (own.phase, entry.phase, Phase.PHASE1) if phase is not None),
        objective=own.objective or entry.objective or Objective.SPEARMAN,
        listmle_target=own.listmle_target or entry.listmle_target or config.training.listmle_target,
        method=own.method or budget.method or entry.method or Method.OPTUNA,
        sampler=own.sampler or budget.sampler or entry.sampler or Sampler.TPE,
        n_trials=budget.n_trials or own.n_trials or entry.n_trials or N_TRIALS,
        n_jobs=budget.n_jobs or own.n_jobs or entry.n_jobs or N_JOBS,
        repeats=budget.repeats or own.repeats or entry.repeats or 1,
        max_minutes=budget.max_minutes or own.max_minutes or entry.max_minutes,
        goal=budget.goal or own.goal or entry.goal,
    )


def _named(template: str, made: _Made, keys: Mapping[str, Any], where: str) -> str:
    """A sweep's name from its template.

    Raises:
        ConfigError: the template has a name that the sweep has not, or what comes out is no batch id.
    """
    values = {**made._asdict(), **keys}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise ConfigError(f"{where}.batch_id: {template!r}: {{{name}}}: {suggest(name, values)}")
        found = values[name]
        return "-".join(map(str, found)) if isinstance(found, list | tuple) else str(found)

    batch_id = re.sub(r"\{([^{}]*)\}", value, template)
    if wrong := wrong_batch_id(batch_id):
        raise ConfigError(f"{where}.batch_id: {template!r}: {batch_id!r}: {wrong}")
    return batch_id


def _plan(config: Config, budget: Budget, sweeps: list[_Sweep]) -> Plan:
    manifest = None if awaits_demo_league(config) else read_manifest(Path(config.paths.data))
    planned = tuple(_planned(config, budget, sweep, manifest) for sweep in sweeps)
    _refuse_now([one.spec for one in planned], manifest)
    return Plan(planned=planned, config=config)


def _planned(config: Config, budget: Budget, sweep: _Sweep, manifest: Manifest | None) -> PlannedSweep:
    made = sweep.made
    spec = SweepSpec(
        batch_id=sweep.batch_id,
        objective=made.objective,
        target=made.listmle_target,
        phase=made.phase,
        method=made.method,
        sampler=made.sampler,
        n_trials=made.n_trials,
        config=_replaced(
            msgspec.structs.replace(config, plans={}, first=(), notify=Notify()),
            {**sweep.keys, TARGET_KEY: made.listmle_target},
            sweep.batch_id,
        ),
        data_fingerprint=manifest.fingerprint if manifest else "",
        explain=budget.explain,
        repeats=made.repeats,
        share_observations=budget.share_observations,
        prior=budget.prior or sweep.entry.prior,
    )
    searched = spec.searched_keys()
    for key in sweep.keys:
        if key in searched:
            raise ConfigError(
                f"{sweep.batch_id}: {key}: the phase {spec.phase} searches it ({searched[key]}), so this value would "
                f"never count: leave it out, or change search_spaces.{spec.phase}"
            )
    first = config.first if sweep.entry.first is None else sweep.entry.first
    return PlannedSweep(with_first(spec, first), made.n_jobs, sweep.after, _limits(made, sweep.batch_id))


def _limits(made: _Made, batch_id: str) -> Limits:
    if made.goal is not None and (wrong := wrong_goal(made.objective, made.goal)):
        raise ConfigError(
            f"{batch_id}: goal {made.goal}: {wrong}; where the objectives of a plan differ, each entry has its `goal`"
        )
    return Limits(max_minutes=made.max_minutes, goal=made.goal)


def _replaced(config: Config, keys: dict[str, Any], batch_id: str) -> Config:
    try:
        return replace(config, keys)
    except ConfigError as error:
        raise ConfigError(f"{batch_id}: {str(error).removeprefix('parameters: ')}") from None


def _refuse_now(specs: list[SweepSpec], manifest: Manifest | None) -> None:
    """Refuse what would otherwise be found out by workers, one after the other."""
    for spec in specs:
        for config in spec.corners():
            if manifest is not None:
                split = usable_split(config.evaluation, manifest, {spec.target})
                check_lists(config, split, manifest, fidelity(spec.method, spec.n_trials, 0))
