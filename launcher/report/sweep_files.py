"""The files that a sweep leaves in its folder: tables and JSON, written from the ledger and the run folders.

Every file can be written again at any time: nothing here is kept anywhere else, and equal input gives equal bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from optuna import Study

from truestrength.launcher.report.reading import MadeFrom, read_sweep
from truestrength.launcher.report.study import importances, study_as_data
from truestrength.launcher.report.study_file import write_study_file
from truestrength.launcher.report.trials import (
    COMPLETE,
    KEPT,
    NOT_NEEDED,
    Sweep,
    Trial,
    best_trial,
    compare,
    finite,
    parameter_names,
    rankers,
)
from truestrength.trainer.contract.config.search_space import singles
from truestrength.trainer.contract.files import as_json, write_bytes, write_json, write_text
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.ledger.rows import EARLY, AttemptState
from truestrength.trainer.contract.ledger.study import load_study
from truestrength.trainer.contract.paths.outputs import OutputsRoot, SweepPaths
from truestrength.trainer.contract.records.cost import Cost, summed
from truestrength.trainer.contract.records.metrics import BASELINES, MODELS, STACK, Table
from truestrength.trainer.contract.records.provenance import mark_ended
from truestrength.trainer.contract.sweep.spec import SweepSpec, trial_config
from truestrength.trainer.contract.words import Objective

STANDARD_ERROR = "standard_error"
"""Of the value, in sweeps whose trials have more seeds than one."""
COST_COLUMNS = tuple(name for name in Cost.__struct_fields__ if name != "memory_since")
"""What the attempt cost, in the words of its record: seconds, MiB, joules, and what the joules rest on."""
LEADING = ("run_id", "slot", "attempt", "rung", "state", "value")


def result_columns(sweep: Sweep) -> list[str]:
    """Columns of the results table: the run, its parameters, the stack's six objectives, those of all rankers.

    Then its time, and why it failed. The stack's columns are the objectives' own names; another ranker's carry its
    name first (`elo_spearman`). They do not depend on how many trials there are.
    """
    return [
        *LEADING,
        *([STANDARD_ERROR] if sweep.spec.repeats > 1 else []),
        *parameter_names(singles(sweep.spec.space)),
        *(_column(ranker, o) for ranker in _rankers(sweep) for o in Objective),
        "seconds",
        *COST_COLUMNS,
        "reason",
    ]


def result_rows(sweep: Sweep) -> Iterator[list[Any]]:
    """A row per finished trial in the order of `result_columns`, then those of runs that the ledger does not know.

    At last one per slot that is not needed, so that the budget is told to the last slot.

    None where a trial has no figure.
    """
    names, parameters = _rankers(sweep), parameter_names(singles(sweep.spec.space))
    for trial in sweep.finished:
        scores = rankers(trial.metrics) if trial.metrics else {}
        figures = [figure for name in names for figure in _of_ranker(trial, scores, name)]
        settings = [_plain(trial.parameters.get(name)) for name in parameters]
        state = [trial.run_id, trial.slot, trial.attempt, trial.rung, trial.state, trial.value]
        state += _error(sweep, trial.standard_error(sweep.spec.objective))
        yield [*state, *settings, *figures, trial.seconds, *_cost(trial.cost), trial.reason]
    for run in sweep.kept:
        scores = rankers(run.metrics)
        figures = [finite(scores[name].of(o)) if name in scores else None for name in names for o in Objective]
        settings = [_plain(run.parameters.get(name)) for name in parameters]
        value = finite(run.metrics.objectives.of(sweep.spec.objective))
        error = run.metrics.standard_error.of(sweep.spec.objective) if run.metrics.standard_error else None
        state = [run.run_id, run.slot, run.attempt, None, KEPT, value, *_error(sweep, error)]
        yield [*state, *settings, *figures, run.seconds, *_cost(run.cost), None]
    width = len(result_columns(sweep))
    for slot in sweep.not_needed:
        row = [None, slot.slot, None, slot.rung, NOT_NEEDED]
        yield [*row, *[None] * (width - len(row) - 1), sweep.reached and EARLY[sweep.reached]]


def _cost(cost: Cost | None) -> list[float | str | None]:
    return [getattr(cost, name) if cost else None for name in COST_COLUMNS]


def _error(sweep: Sweep, found: float | None) -> list[float | None]:
    return [found] if sweep.spec.repeats > 1 else []


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
        "repeats": spec.repeats,
        "complete": len(sweep.complete),
        "not_needed": len(sweep.not_needed),
        "reached": sweep.reached,
        "missing": sorted(sweep.missing),
        "kept": [run.run_id for run in sweep.kept],
        "attempts": dict(sorted(Counter(trial.state for trial in sweep.trials).items())),
        "seconds": sum(trial.seconds or 0.0 for trial in sweep.trials),
        "cost": summed((trial.state == COMPLETE, trial.cost) for trial in sweep.trials),
        "made_from": MadeFrom(len(sweep.trials), sweep.last_finished_at, len(sweep.not_needed)),
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
            "config": trial_config(sweep.spec, best.parameters, best.rung),
        }
    return found


def sweep_config(spec: SweepSpec) -> dict[str, Any]:
    """What was asked for, with what follows from it: direction, search space and digest."""
    follows = {"direction": spec.objective.direction, "space": spec.space, "digest": spec.digest}
    return {**msgspec.to_builtins(spec), **msgspec.to_builtins(follows)}


def write_sweep_results(ledger: Ledger, batch_id: str, outputs: OutputsRoot) -> None:
    """Write the seven files of a sweep, whole or not at all, from what has finished so far.

    Raises:
        UserError: when the ledger has no such sweep.
    """
    sweep = read_sweep(ledger, batch_id, outputs)
    study = load_study(ledger.connection, sweep.spec)
    paths = outputs.sweep(batch_id)
    _mark_ended(sweep, paths)
    write_json(paths.config, sweep_config(sweep.spec))
    write_text(paths.results, results_csv(sweep))
    write_json(paths.best_configs, best_configs(sweep))
    _write_study(paths, study)
    counted = {trial.trial_number for trial in sweep.ranked if trial.trial_number is not None}
    write_json(paths.importances, importances(study, counted))
    # Last: it says what all seven were made from.
    write_json(paths.summary, summary(sweep))


def _write_study(paths: SweepPaths, study: Study) -> None:
    """The study as JSON and before it, unless it is the same as before, as a file for Optuna's tools."""
    content = as_json(study_as_data(study))
    if not (paths.study_file.exists() and paths.study.exists() and paths.study.read_bytes() == content):
        write_study_file(paths.study_file, study)
        write_bytes(paths.study, content)


def _mark_ended(sweep: Sweep, paths: SweepPaths) -> None:
    """Say in the folder of a run what only the ledger knows: its worker died, or could not write any more."""
    for trial in sweep.incomplete:
        if trial.run_id is None:
            continue
        record = paths.run(trial.run_id).provenance
        if trial.state == AttemptState.DEAD:
            mark_ended(record, "dead", trial.reason or "its worker died")
        elif trial.state == AttemptState.RELEASED:
            mark_ended(record, "released", trial.reason or "the slot was given back")
        elif trial.state == AttemptState.FAILED:
            mark_ended(record, "failed", trial.reason or "the slot was given up")


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
        "standard_error": best.standard_error(objective),
        "parameters": best.parameters,
        "rankers": {name: row.of(objective) for name, row in scores.items()},
        "best_baseline": against and against.baseline,
        "gain": against and against.gain,
        "beats_every_baseline": against and against.beats,
    }


def _rankers(sweep: Sweep) -> list[str]:
    known: Sequence[str] = (*MODELS, *BASELINES)
    measured = [*(trial.metrics for trial in sweep.finished), *(run.metrics for run in sweep.kept)]
    seen = {name for metrics in measured if metrics for name in rankers(metrics)}
    return [*known, *sorted(seen - set(known))]


def _of_ranker(trial: Trial, scores: Table, ranker: str) -> list[float | None]:
    """Objective by objective."""
    if ranker == STACK:
        return [trial.score(objective) for objective in Objective]
    return [finite(scores[ranker].of(objective)) if ranker in scores else None for objective in Objective]


def _column(ranker: str, objective: Objective) -> str:
    return objective.value if ranker == STACK else f"{ranker}_{objective}"


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value
