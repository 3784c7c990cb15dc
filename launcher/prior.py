"""Finished trials of earlier sweeps as prior observations of new ones: from the ledger, or from a sweep's folder.

Surprising: the earlier sweep may have had another objective. Every run has its figure by each of the six, so its trials
are valued by that of the new sweep. Another target is another question, and its figures compare with nothing.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from truestrength.trainer.contract.config.fitting import fitted
from truestrength.trainer.contract.config.search_space import Parameters, SearchSpace, config_key, singles
from truestrength.trainer.contract.config.settings import Evaluation
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.ledger import Ledger, SlotState
from truestrength.trainer.contract.ledger.observations import EXTREME, NEWEST
from truestrength.trainer.contract.ledger.registration import stored
from truestrength.trainer.contract.paths.outputs import SweepPaths
from truestrength.trainer.contract.paths.user import expanded
from truestrength.trainer.contract.sweep.prior import PriorSweep, PriorTrial
from truestrength.trainer.contract.sweep.rungs import rung_of_slots
from truestrength.trainer.contract.sweep.spec import SweepSpec, is_folder
from truestrength.trainer.contract.text_table import counted
from truestrength.trainer.contract.words import Method, Objective, Target

_FINISHED = (SlotState.REPORTED, SlotState.DONE)


class _Finished(NamedTuple):
    """A finished trial of an earlier sweep."""

    parameters: Parameters
    figures: dict[Objective, float]


@dataclass(frozen=True)
class _Earlier:
    """An earlier sweep."""

    name: str
    target: Target
    space: SearchSpace
    measured: tuple[str, Evaluation]
    """On which data and seasons."""
    trials: list[_Finished]


class _Config(msgspec.Struct, frozen=True):
    evaluation: Evaluation


class _Told(msgspec.Struct, frozen=True):
    """What is read of a sweep's `sweep_config.json`, whatever version wrote it."""

    target: Target
    method: Method
    n_trials: int
    space: SearchSpace
    data_fingerprint: str
    config: _Config


def with_prior(ledger: Ledger, specs: Sequence[SweepSpec]) -> list[SweepSpec]:
    """The sweeps of a plan with what they know from earlier ones; those that are registered know what they knew.

    Raises:
        ConfigError: an earlier sweep is not there, has other parameters or none of the plan's targets, or is of the
            plan itself.
    """
    known: dict[str, _Earlier] = {}
    found = []
    for spec in specs:
        old = stored(ledger.connection, spec.batch_id) if spec.prior and ledger.is_there() else None
        if old:
            # With another digest it is refused for that when it is registered.
            before = old.sweep_spec().known if old.digest == spec.digest else ()
            found.append(msgspec.structs.replace(spec, known=before))
            continue
        for name in spec.prior:
            if name not in known:
                known[name] = _read(ledger, name, specs)
        own = [known[name] for name in spec.prior if known[name].target is spec.target]
        found.append(msgspec.structs.replace(spec, known=_known(spec, own)))
    _refuse_other_targets(found, known)
    return found


def prior_said(spec: SweepSpec) -> list[str]:
    """What a sweep knows from earlier ones, a sentence for each."""
    return [_said(spec, one) for one in spec.known]


def _said(spec: SweepSpec, one: PriorSweep) -> str:
    said = (
        f"{spec.batch_id}: of {counted(one.finished, 'finished trial')} of {one.name}, {one.fitting} count as prior "
        "observations, outside the budget."
    )
    if left_out := one.finished - one.fitting:
        said += f" Left out: {left_out}, outside the search space or without a value for {spec.objective}."
    if len(one.trials) < one.fitting:
        said += f" Of so many, the best, the worst and the newest are looked at: {len(one.trials)}."
    return said if one.alike else f"{said} They were measured on other data or seasons, and are taken as they are."


def _refuse_other_targets(specs: Sequence[SweepSpec], known: dict[str, _Earlier]) -> None:
    for name, earlier in known.items():
        targets = sorted({spec.target for spec in specs if name in spec.prior})
        if earlier.target not in targets:
            raise ConfigError(
                f"--prior {name}: its target is {earlier.target}, and no sweep that asks for it has that (they have "
                f"{', '.join(targets)}): values for different targets do not compare. Name a sweep of the same target"
            )


def _known(spec: SweepSpec, earlier: Sequence[_Earlier]) -> tuple[PriorSweep, ...]:
    """What a sweep knows from earlier ones of its target."""
    for one in earlier:
        _check_names(spec, one)
    fitting = [list(_points(spec, one)) for one in earlier]
    numbered = list(enumerate(trial for trials in fitting for trial in trials))
    by_value = sorted(numbered, key=lambda pair: pair[1].value)
    counting = {i for i, _ in [*by_value[:EXTREME], *by_value[-EXTREME:], *numbered[-NEWEST:]]}
    numbers = iter(range(len(numbered)))
    return tuple(
        PriorSweep(
            name=one.name,
            finished=len(one.trials),
            fitting=len(trials),
            alike=one.measured == (spec.data_fingerprint, spec.config.evaluation),
            trials=tuple(trial for trial in trials if next(numbers) in counting),
        )
        for one, trials in zip(earlier, fitting, strict=True)
    )


def _points(spec: SweepSpec, earlier: _Earlier) -> Iterator[PriorTrial]:
    """The trials that are points of the sweep's search space, and have a value by its objective."""
    space = spec.space
    for trial in earlier.trials:
        value = trial.figures.get(spec.objective)
        parameters = fitted(space, trial.parameters)
        if parameters is not None and value is not None and math.isfinite(value):
            yield PriorTrial(parameters, value)


def _check_names(spec: SweepSpec, earlier: _Earlier) -> None:
    """Refuse an earlier sweep that searched, or fixed, other parameters."""
    own, theirs = ({config_key(name): name for name in singles(space)} for space in (spec.space, earlier.space))
    lacking = sorted(name for key, name in own.items() if key not in theirs)
    more = sorted(name for key, name in theirs.items() if key not in own)
    if lacking or more:
        said = [f"it has no {', '.join(lacking)}"] if lacking else []
        said += [f"{spec.batch_id} has no {', '.join(more)}"] if more else []
        raise ConfigError(
            f"--prior {earlier.name}: its parameters are not those of {spec.batch_id}: {'; '.join(said)}. Name a sweep "
            "with the same parameters, or give these to both search spaces (type: fixed, for one that shall not vary)"
        )


def _read(ledger: Ledger, name: str, specs: Sequence[SweepSpec]) -> _Earlier:
    """An earlier sweep by its batch id or its folder.

    Raises:
        ConfigError: there is none, it is one of the plan's own, or it has no finished trial.
    """
    earlier = _from_folder(name) if is_folder(name) else _from_ledger(ledger, name, specs)
    if not earlier.trials:
        raise ConfigError(f"--prior {name}: has no finished trial")
    return earlier


def _from_ledger(ledger: Ledger, name: str, specs: Sequence[SweepSpec]) -> _Earlier:
    if name in [spec.batch_id for spec in specs]:
        raise ConfigError(
            f"--prior {name}: is a sweep of the plan itself; a prior is read before the first of them begins"
        )
    found = stored(ledger.connection, name) if ledger.is_there() else None
    if found is None:
        known = [progress.batch_id for progress in ledger.all_progress()] if ledger.is_there() else []
        there = suggest(name, known) if known else "the database has none yet"
        raise ConfigError(
            f"--prior {name}: no such sweep: {there}. A sweep of elsewhere is named by its folder, with a /"
        )
    spec = found.sweep_spec()
    last = max(rung_of_slots(spec.method, spec.n_trials))
    done = [row for row in ledger.slots(name) if row.value is not None and row.rung == last and row.state in _FINISHED]
    trials = [
        _Finished(row.parameters or {}, {spec.objective: row.value or 0.0, **_by_name(row.objectives)}) for row in done
    ]
    return _Earlier(name, spec.target, spec.space, (spec.data_fingerprint, spec.config.evaluation), trials)


def _from_folder(name: str) -> _Earlier:
    """From the tables that every sweep leaves, whatever became of its database."""
    paths = SweepPaths(Path(expanded(name, f"--prior {name}")))
    try:
        told = msgspec.json.decode(paths.config.read_bytes(), type=_Told)
        rows = list(csv.DictReader(paths.results.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        missing = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigError(
            f"--prior {name}: is no sweep's folder: {paths.config.name} or {paths.results.name}: {missing}. Name a "
            "folder below OUTPUTS/sweeps; `truestrength report --outputs OUTPUTS` writes what is missing in it"
        ) from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"--prior {name}: {paths.config}: cannot be read: {error}") from None
    last = str(max(rung_of_slots(told.method, told.n_trials)))
    names = list(singles(told.space))
    done = [row for row in rows if row.get("state") == "complete" and row.get("rung") == last]
    trials = [_Finished(_parameters(row, names), _figures(row)) for row in done]
    return _Earlier(name, told.target, told.space, (told.data_fingerprint, told.config.evaluation), trials)


def _parameters(row: Mapping[str, str], names: Sequence[str]) -> Parameters:
    """What a row of the results table says of the parameters; an empty cell is one that was not there."""
    return {name: _value(row[name]) for name in names if row.get(name)}


def _value(text: str) -> Any:
    """What a cell was written from: lists are JSON there, numbers and words are themselves."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _figures(row: Mapping[str, str]) -> dict[Objective, float]:
    return {objective: float(row[objective]) for objective in Objective if _is_number(row.get(objective))}


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and math.isfinite(float(text))
    except ValueError:
        return False


def _by_name(objectives: Mapping[str, float] | None) -> dict[Objective, float]:
    return {Objective(name): value for name, value in (objectives or {}).items() if name in set(Objective)}
