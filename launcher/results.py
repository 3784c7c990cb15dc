"""The files that a sweep leaves in its folder: tables and JSON, written from the ledger and the run folders.

Every file can be written again at any time: nothing here is kept anywhere else, and equal input gives equal bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from launcher.report_study import importances, study_as_data
from launcher.report_trials import (
    BASELINES,
    MODELS,
    STACK,
    Importances,
    Sweep,
    Trial,
    best_trial,
    compare,
    finite,
    parameter_names,
    rankers,
)
from trainer.contract import config as configuration
from trainer.contract.config import Config
from trainer.contract.errors import SweepChangedError
from trainer.contract.files import write_json, write_text
from trainer.contract.ledger import Ledger
from trainer.contract.ledger.registration import stored
from trainer.contract.ledger.rows import AttemptRow, AttemptState
from trainer.contract.metrics import RunMetrics, Table
from trainer.contract.objectives import Objective
from trainer.contract.paths import OutputsRoot, SweepPaths
from trainer.contract.patience import patiently
from trainer.contract.provenance import mark_ended
from trainer.contract.run_ids import outputs_id
from trainer.contract.search_space import config_key
from trainer.contract.study import load_study
from trainer.contract.sweep import SweepSpec

S = TypeVar("S", bound=msgspec.Struct)
LEADING = ("run_id", "slot", "attempt", "rung", "state", "value")


def result_columns(sweep: Sweep) -> list[str]:
    """Columns of the results table: the run, its parameters, the stack's six objectives, those of all rankers, time.

    The stack's columns are the objectives' own names; another ranker's carry its name first (`elo_spearman`). They
    do not depend on how many trials there are.
    """
    return [
        *LEADING,
        *parameter_names(sweep.spec.space),
        *(_column(ranker, o) for ranker, o in _figures(sweep)),
        "seconds",
    ]


def result_rows(sweep: Sweep) -> Iterator[list[Any]]:
    """A row per finished trial in the order of `result_columns`; None where a trial has no figure."""
    for trial in sweep.finished:
        scores = rankers(trial.metrics) if trial.metrics else {}
        figures = [_figure(trial, scores, name, objective) for name, objective in _figures(sweep)]
        settings = [_plain(trial.parameters.get(name)) for name in parameter_names(sweep.spec.space)]
        state = [trial.run_id, trial.slot, trial.attempt, trial.rung, trial.state, trial.value]
        yield [*state, *settings, *figures, trial.seconds]


def results_csv(sweep: Sweep) -> str:
    """`result_columns` and `result_rows` as CSV; numbers in full precision, lists as JSON, nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(result_columns(sweep))
    writer.writerows(result_rows(sweep))
    return text.getvalue()


def summary(sweep: Sweep) -> dict[str, Any]:
    """What was asked for, how many trials ended how, and the best trial by every objective beside the baselines."""
    spec = sweep.spec
    return {
        "batch_id": spec.batch_id,
        "objective": spec.objective,
        "direction": spec.objective.direction,
        "target": spec.target,
        "phase": spec.phase,
        "method": spec.method,
        "n_trials": spec.n_trials,
        "complete": len(sweep.complete),
        "attempts": dict(sorted(Counter(trial.state for trial in sweep.trials).items())),
        "seconds": sum(trial.seconds or 0.0 for trial in sweep.trials),
        "best": {objective: _best_by(sweep, objective) for objective in Objective},
    }


def best_configs(sweep: Sweep) -> dict[str, Any]:
    """Objective -> run id, value and whole configuration of the sweep's best run; None where no trial has a figure."""
    found: dict[str, Any] = {}
    for objective in Objective:
        best = best_trial(sweep.ranked, objective)
        found[objective] = best and {
            "run_id": best.run_id,
            "value": best.score(objective),
            "config": trial_config(sweep.spec, best),
        }
    return found


def trial_config(spec: SweepSpec, trial: Trial) -> Config:
    """The sweep's configuration with the trial's parameters in it."""
    return configuration.replace(spec.config, {config_key(name): value for name, value in trial.parameters.items()})


def sweep_config(spec: SweepSpec) -> dict[str, Any]:
    """What was asked for, with what follows from it: direction, search space and digest."""
    follows = {"direction": spec.objective.direction, "space": spec.space, "digest": spec.digest}
    return {**msgspec.to_builtins(spec), **msgspec.to_builtins(follows)}


def write_sweep_results(ledger: Ledger, batch_id: str, outputs: OutputsRoot) -> None:
    """Write the six files of a sweep, whole or not at all, from what has finished so far.

    Raises:
        UserError: when the ledger has no such sweep.
    """
    sweep = read_sweep(ledger, batch_id, outputs)
    paths = outputs.sweep(batch_id)
    _mark_dead(sweep, paths)
    write_json(paths.config, sweep_config(sweep.spec))
    write_text(paths.results, results_csv(sweep))
    write_json(paths.summary, summary(sweep))
    write_json(paths.best_configs, best_configs(sweep))
    study = patiently(lambda: load_study(ledger.url, batch_id), ledger.url, ledger.connection.patience_s)
    write_json(paths.study, study_as_data(study))
    counted = {trial.trial_number for trial in sweep.ranked if trial.trial_number is not None}
    write_json(paths.importances, importances(study, counted))


def registered(ledger: Ledger, outputs: OutputsRoot) -> list[str]:
    """The sweeps of an outputs root, in the order of their registration."""
    if not outputs.identity.exists():
        return []
    root_id = outputs_id(outputs)
    found = ((sweep.batch_id, stored(ledger.connection, sweep.batch_id)) for sweep in ledger.all_progress())
    return [batch_id for batch_id, sweep in found if sweep and sweep.root_id == root_id]


def read_sweeps(ledger: Ledger, outputs: OutputsRoot) -> tuple[list[Sweep], list[str]]:
    """The sweeps of an outputs root, and the batch ids of those that only another version of this program can read."""
    sweeps: list[Sweep] = []
    foreign: list[str] = []
    for batch_id in registered(ledger, outputs):
        try:
            sweeps.append(read_sweep(ledger, batch_id, outputs))
        except SweepChangedError:
            foreign.append(batch_id)
    return sweeps, foreign


def read_sweep(ledger: Ledger, batch_id: str, outputs: OutputsRoot) -> Sweep:
    """A sweep with its ended attempts, from the ledger, the run folders and, once written, its importances.

    Raises:
        UserError: when the ledger has no such sweep.
        SweepChangedError: when another version of this program has registered it.
    """
    paths = outputs.sweep(batch_id)
    spec = ledger.spec(batch_id)
    rungs = {row.slot: row.rung for row in ledger.slots(batch_id)}
    ended = [row for row in ledger.attempts(batch_id) if row.state is not AttemptState.RUNNING]
    return Sweep(
        spec=spec,
        trials=tuple(_read_trial(row, rungs[row.slot], paths) for row in ended),
        importances=_read(paths.importances, Importances),
    )


def _mark_dead(sweep: Sweep, paths: SweepPaths) -> None:
    """Say in the folder of a run whose worker died what only the ledger knows."""
    for trial in sweep.incomplete:
        if trial.state == AttemptState.DEAD and trial.run_id is not None:
            mark_ended(paths.run(trial.run_id).provenance, "dead", trial.reason or "its worker died")


def _read_trial(row: AttemptRow, rung: int, paths: SweepPaths) -> Trial:
    run = paths.run(row.run_id) if row.run_id is not None and row.state is AttemptState.COMPLETE else None
    # When a death was noticed says nothing of when it was.
    timed = row.finished_at is not None and row.state is not AttemptState.DEAD
    wall = (row.finished_at - row.started_at).total_seconds() if timed and row.finished_at else None
    return Trial(
        batch_id=row.batch_id,
        slot=row.slot,
        attempt=row.attempt,
        state=row.state.value,
        run_id=row.run_id,
        trial_number=row.trial_number,
        rung=rung,
        value=row.value,
        parameters=row.parameters or {},
        seconds=wall if row.seconds is None else row.seconds,
        started_at=row.started_at,
        finished_at=row.finished_at,
        host=row.host,
        job_id=row.job_id,
        reason=row.reason,
        objectives=row.objectives or {},
        metrics=_read(run.metrics, RunMetrics) if run else None,
        holdout=_read(run.holdout, RunMetrics) if run else None,
    )


def _read(path: Path, kind: type[S]) -> S | None:
    """A JSON file as a struct; None when it is missing or damaged: a report must not fail because of one run."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def _best_by(sweep: Sweep, objective: Objective) -> dict[str, Any] | None:
    best = best_trial(sweep.ranked, objective)
    if best is None:
        return None
    scores = rankers(best.metrics) if best.metrics else {}
    against = compare(scores, objective)
    return {
        "run_id": best.run_id,
        "slot": best.slot,
        "value": best.score(objective),
        "parameters": best.parameters,
        "rankers": {name: row.of(objective) for name, row in scores.items()},
        "best_baseline": against and against.baseline,
        "gain": against and against.gain,
        "beats_every_baseline": against and against.beats,
    }


def _figures(sweep: Sweep) -> list[tuple[str, Objective]]:
    known: Sequence[str] = (*MODELS, *BASELINES)
    seen = {name for trial in sweep.finished if trial.metrics for name in rankers(trial.metrics)}
    return [(name, objective) for name in (*known, *sorted(seen - set(known))) for objective in Objective]


def _figure(trial: Trial, scores: Table, ranker: str, objective: Objective) -> float | None:
    if ranker == STACK:
        return trial.score(objective)
    return finite(scores[ranker].of(objective)) if ranker in scores else None


def _column(ranker: str, objective: Objective) -> str:
    return objective.value if ranker == STACK else f"{ranker}_{objective}"


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value
