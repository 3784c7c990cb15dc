"""What must hold after a round, whatever happened in it. Each verdict returns its findings; none is well."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec
import polars as pl
from optuna.trial import FrozenTrial

from benchmarks.chaos.faults import Strike
from benchmarks.chaos.project import Project
from benchmarks.chaos.reference import Reference
from truestrength.launcher.plan import Plan
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.database.sessions import Session
from truestrength.trainer.contract.ledger import AttemptRow, AttemptState, Ledger
from truestrength.trainer.contract.ledger.optuna_storage import OptunaStorage
from truestrength.trainer.contract.paths.outputs import ModelPaths, OutputsRoot, RunPaths
from truestrength.trainer.contract.paths.store import StorePaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.stages.prune import broken

Findings = Iterator[str]


def given(
    place: Project, plans: Sequence[Plan], reference: Reference, strikes: Sequence[Strike]
) -> dict[str, list[str]]:
    """All verdicts on a project whose server is up: what each asks, and what it found."""
    specs = [spec for plan in plans for spec in plan.sweeps]
    with place.ledger() as ledger:
        found = judged(ledger, place.outputs, specs, reference)
        found["what was struck came to what it had to"] = list(fates(ledger, strikes))
    found["every fault found its victim"] = [f"{s.fault.kind}: nobody" for s in strikes if not s.victim]
    found["the store is whole"] = [reason for _, reason in broken(StorePaths(place.store))]
    if len(specs) > 2:
        read = len(list(place.outputs.sweeps.glob("*/run_*/holdout.json")))
        found["the held-out season was read once for each target"] = [] if read == 2 else [f"{read} times"]
    return found


def judged(
    ledger: Ledger, outputs: OutputsRoot, specs: Sequence[SweepSpec], reference: Reference | None
) -> dict[str, list[str]]:
    """The verdicts that hold wherever the sweeps ran."""
    each: dict[str, Callable[[SweepSpec], Findings]] = {
        "exactly the budget": lambda spec: _budget(ledger, outputs, spec),
        "the study agrees with the ledger": lambda spec: _study(ledger, spec),
        "nothing is left running": lambda spec: _running(ledger, spec),
        "files are whole": lambda spec: _files(ledger, outputs, spec),
    }
    if reference:
        each["values of the start design are the same to the bit"] = lambda spec: _values(ledger, spec, reference)
    found = {name: [finding for spec in specs for finding in judge(spec)] for name, judge in each.items()}
    found["no run id twice"] = list(_ids(ledger, outputs, specs))
    found["no name of an unfinished file"] = list(_names(ledger, outputs, specs))
    return found


def _budget(ledger: Ledger, outputs: OutputsRoot, spec: SweepSpec) -> Findings:
    now = ledger.progress(spec.batch_id)
    if (now.done, now.failed, now.open) != (spec.n_trials, 0, 0):
        yield f"{spec.batch_id}: {now}"
    complete = {a.run_id: a for a in ledger.attempts(spec.batch_id) if a.state is AttemptState.COMPLETE}
    slots = Counter(attempt.slot for attempt in complete.values())
    if slots != Counter(range(spec.n_trials)):
        yield f"{spec.batch_id}: complete attempts by slot {dict(slots)}"
    sweep = outputs.sweep(spec.batch_id)
    if not sweep.results.exists():
        yield f"{spec.batch_id}: no table"
        return
    with sweep.results.open(encoding="utf-8", newline="") as file:
        rows = {int(row["run_id"]): row for row in csv.DictReader(file) if row["state"] == "complete"}
    if rows.keys() != complete.keys():
        yield f"{spec.batch_id}: the table has {sorted(rows)}, the ledger {sorted(map(str, complete))}"
    for run_id, row in rows.items():
        if run_id in complete and float(row["value"]) != complete[run_id].value:
            yield f"{spec.batch_id}: run {run_id} is {row['value']} there, {complete[run_id].value} in the ledger"


def _study(ledger: Ledger, spec: SweepSpec) -> Findings:
    told = {trial.number: trial.value for trial in _trials(ledger, spec) if trial.state.name == "COMPLETE"}
    known = {slot.trial_number: slot.value for slot in ledger.slots(spec.batch_id)}
    if told != known:
        yield f"{spec.batch_id}: the study has {told}, the ledger {known}"


def _trials(ledger: Ledger, spec: SweepSpec) -> list[FrozenTrial]:
    """As whoever opens the study sees them: reading it as the report does would mend it first."""

    def read(session: Session) -> list[FrozenTrial]:
        with OptunaStorage().transaction(session) as storage:
            return storage.get_all_trials(storage.get_study_id_from_name(spec.batch_id))

    return ledger.connection.work(read)


def _running(ledger: Ledger, spec: SweepSpec) -> Findings:
    for attempt in ledger.attempts(spec.batch_id):
        if attempt.state is AttemptState.RUNNING:
            yield f"{spec.batch_id}: {attempt}"
    states = Counter(trial.state.name for trial in _trials(ledger, spec))
    if states.keys() - {"COMPLETE", "FAIL"}:
        yield f"{spec.batch_id}: trials of the study by state: {dict(states)}"
    for worker in ledger.workers(spec.batch_id):
        if worker.slot is not None:
            yield f"{spec.batch_id}: {worker}"


def _values(ledger: Ledger, spec: SweepSpec, reference: Reference) -> Findings:
    slots = {slot.slot: slot for slot in ledger.slots(spec.batch_id)}
    for number, truth in reference.of(spec).items():
        slot = slots[number]
        if slot.parameters != truth.parameters or slot.objectives != truth.objectives:
            yield f"{spec.batch_id}: slot {number}: {slot.parameters} -> {slot.objectives}, expected {truth}"
        elif slot.value != truth.objectives[spec.objective]:
            yield f"{spec.batch_id}: slot {number}: value {slot.value}, expected {truth.objectives[spec.objective]}"


def _files(ledger: Ledger, outputs: OutputsRoot, spec: SweepSpec) -> Findings:
    for attempt in ledger.attempts(spec.batch_id):
        if attempt.run_id is None:
            continue
        run = outputs.sweep(spec.batch_id).run(attempt.run_id)
        try:
            yield from _run(run, attempt, spec)
        except (OSError, ValueError, msgspec.DecodeError, pl.exceptions.PolarsError) as error:
            yield f"{run.folder}: {type(error).__name__}: {error}"


def _run(run: RunPaths, attempt: AttemptRow, spec: SweepSpec) -> Findings:
    """What is there is whole; a run that counts has all of it."""
    counts = attempt.state is AttemptState.COMPLETE
    if run.provenance.exists() or counts:
        record = msgspec.json.decode(run.provenance.read_bytes(), type=Provenance)
        if counts and (record.state, record.slot, record.attempt) != ("complete", attempt.slot, attempt.attempt):
            yield f"{run.folder}: {record}, in the ledger {attempt}"
    if run.config.exists() or counts:
        load_config(run.config)
    if run.predictions.exists() or counts:
        pl.read_parquet(run.predictions)
    if run.models.exists() or counts:
        models = ModelPaths(run.models)
        wanted = (models.model_a, models.model_b, models.model_c, models.stack)
        yield from (f"{model} is missing" for model in wanted if not model.exists())
    if run.metrics.exists() or counts:
        metrics = msgspec.json.decode(run.metrics.read_bytes(), type=RunMetrics)
        if counts and metrics.objectives.of(spec.objective) != attempt.value:
            yield f"{run.folder}: {metrics.objectives}, in the ledger {attempt.value}"


def _ids(ledger: Ledger, outputs: OutputsRoot, specs: Sequence[SweepSpec]) -> Findings:
    given_ids = [a.run_id for spec in specs for a in ledger.attempts(spec.batch_id) if a.run_id is not None]
    for run_id, times in Counter(given_ids).items():
        if times > 1:
            yield f"run {run_id} was given {times} times"
    folders = Counter(path.name for path in outputs.root.rglob("run_*") if path.is_dir())
    folders.subtract(path.name for path in outputs.reservations.iterdir())
    for name, times in folders.items():
        if times > 0:
            yield f"{name} has more folders than reservations"


def _names(ledger: Ledger, outputs: OutputsRoot, specs: Sequence[SweepSpec]) -> Findings:
    """Only who was killed leaves such a name: a worker in the folder of its own run, a launcher where it submits."""
    dead = {
        outputs.sweep(spec.batch_id).run(attempt.run_id).folder
        for spec in specs
        for attempt in ledger.attempts(spec.batch_id)
        if attempt.run_id is not None and attempt.state is not AttemptState.COMPLETE
    }
    submissions = {outputs.sweep(spec.batch_id).jobs for spec in specs}
    for path in outputs.sweeps.rglob(".*.tmp"):
        if not (dead | submissions) & set(path.parents):
            yield str(path)


def fates(ledger: Ledger, strikes: Sequence[Strike]) -> Findings:
    """Whether what the victims were at has ended as it had to."""
    for strike in strikes:
        if (was := strike.attempt) is None:
            continue
        key = (was.slot, was.attempt)
        [now] = [a for a in ledger.attempts(was.batch_id) if (a.slot, a.attempt) == key]
        if now.state not in strike.fates:
            yield f"{strike.fault.kind}: {strike.victim}: {now.state}, expected {', '.join(sorted(strike.fates))}"
