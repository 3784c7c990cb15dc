"""Tells `notify:` of the configuration of the end of a sweep or plan, and of a trial that was given up: once per event.

What there is to tell is read from the ledger and not from what a launcher remembers. So whoever looks next tells what
a launcher that is gone has left untold; `ledger.notices` says who has the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from truestrength.launcher.receivers import hand_over, shown
from truestrength.trainer.contract.database.url import redact
from truestrength.trainer.contract.ledger import Ledger, SweepProgress, notices
from truestrength.trainer.contract.ledger.notices import Event, Kind, Receiver
from truestrength.trainer.contract.ledger.registration import stored
from truestrength.trainer.contract.paths.outputs import run_name
from truestrength.trainer.contract.text_table import counted

Say = Callable[[str], object]
LOOKERS_WAIT_S = 300.0
"""Who only looks leaves an end to its launcher, or to SLURM's finisher, for so long: the analysis is written first."""


class ToldSweep(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep in a notice."""

    batch_id: str
    state: str
    """`complete`, `failed`, `stopped`, …: as in `status`."""
    objective: str
    target: str
    n_trials: int
    done: int
    failed: int
    best_value: float | None
    best_run: str | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The trial that was given up first."""

    slot: int
    attempts: int
    run: str | None
    reason: str | None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver gets, as JSON. It holds no secret."""

    id: str
    """Of the event: one that comes twice has it twice."""
    event: Kind
    text: str
    """One sentence; chats show it."""
    at: str
    """When it was sent, ISO 8601, UTC."""
    ok: bool
    """Every trial that is needed is done."""
    outputs: str
    """The outputs root."""
    sweeps: list[ToldSweep]
    failure: Failure | None = None


def tell_of(ledger: Ledger, say: Say, batch_ids: Sequence[str], *, given_up: bool = False) -> None:
    """Tell of a sweep that has ended or has failed trials, or of the end of a plan of several.

    Args:
        ledger: Where they are registered.
        say: Told when a receiver could not be told.
        batch_ids: The sweep, or all sweeps of the plan in its order.
        given_up: It has come to its end although trials are open.
    """
    chosen = tuple(batch_ids)

    def events(one: Receiver, now: Mapping[str, SweepProgress]) -> Iterator[Event]:
        return _events(one, now, given_up=given_up) if one.batch_ids == chosen else iter(())

    _tell(ledger, say, events)


def tell_what_is_left(ledger: Ledger, say: Say, after_s: float = LOOKERS_WAIT_S) -> None:
    """Tell of all that nobody was told of: of failures now, of what has ended `after_s` seconds ago."""

    def events(one: Receiver, now: Mapping[str, SweepProgress]) -> Iterator[Event]:
        for event in _events(one, now):
            if event.event == "trial_failed" or one.rested_s >= after_s:
                yield event

    _tell(ledger, say, events)


def _tell(ledger: Ledger, say: Say, events: Callable[[Receiver, Mapping[str, SweepProgress]], Iterator[Event]]) -> None:
    """Take the turn of each event that has none yet, and tell of it. A receiver that fails once is left alone."""
    found = notices.receivers(ledger.connection)
    now = {progress.batch_id: progress for progress in ledger.all_progress()} if found else {}
    silent = set()
    for one in found:
        for event in events(one, now):
            if one.receiver in silent or not notices.take(ledger.connection, event):
                continue
            notice = _notice(ledger, one, event, [now[batch_id] for batch_id in one.batch_ids])
            if problem := hand_over(one.receiver, msgspec.json.encode(notice)):
                silent.add(one.receiver)  # the next notice would wait as long
                say(f"{shown(one.receiver)} could not be told: {notice.text} ({problem})")
            notices.end(ledger.connection, event, problem)


def _events(one: Receiver, now: Mapping[str, SweepProgress], *, given_up: bool = False) -> Iterator[Event]:
    """What is to be told of a sweep or plan as it stands, whether it was told or not."""
    sweeps = [now[batch_id] for batch_id in one.batch_ids if batch_id in now]
    if len(sweeps) < len(one.batch_ids):  # forgotten just now
        return
    if given_up or not any(sweep.open for sweep in sweeps):
        kind: Kind = "sweep_ended" if len(sweeps) == 1 else "plan_ended"
        yield Event(batch_ids=one.batch_ids, event=kind, mark=str(one.ended))
    elif one.slot is not None:
        yield Event(batch_ids=one.batch_ids, event="trial_failed", mark=f"{one.slot}.{one.attempt}")


def _notice(ledger: Ledger, one: Receiver, event: Event, sweeps: Sequence[SweepProgress]) -> Notice:
    known = stored(ledger.connection, one.batch_ids[0])
    failure = _failure(one) if event.event == "trial_failed" else None
    return Notice(
        id=f"{'+'.join(one.batch_ids)}:{event.event}:{event.mark}",
        event=event.event,
        text=_text(sweeps, failure),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        ok=failure is None and all(sweep.complete for sweep in sweeps),
        outputs=known.outputs if known else "",
        sweeps=[_told(sweep) for sweep in sweeps],
        failure=failure,
    )


def _failure(one: Receiver) -> Failure:
    return Failure(
        slot=one.slot or 0,
        attempts=one.attempt or 0,
        run=None if one.run_id is None else run_name(one.run_id),
        reason=None if one.reason is None else redact(one.reason),
    )


def _text(sweeps: Sequence[SweepProgress], failure: Failure | None) -> str:
    if failure:
        return f"{sweeps[0].batch_id} goes on without slot {failure.slot}: {failure.reason or 'no reason known'}"
    if len(sweeps) > 1:
        whole = sum(sweep.complete for sweep in sweeps)
        trials = sum(sweep.done for sweep in sweeps)
        return f"the plan has ended: {whole} of {len(sweeps)} sweeps are complete, {counted(trials, 'trial')}"
    (sweep,) = sweeps
    best = "" if sweep.best_value is None else f", {sweep.objective} {sweep.best_value:.4f}"
    return f"{sweep.batch_id} has ended ({sweep.standing}): {sweep.done} of {counted(sweep.n_trials, 'trial')}{best}"


def _told(sweep: SweepProgress) -> ToldSweep:
    return ToldSweep(
        batch_id=sweep.batch_id,
        state=sweep.standing,
        objective=sweep.objective,
        target=sweep.target,
        n_trials=sweep.n_trials,
        done=sweep.done,
        failed=sweep.failed,
        best_value=sweep.best_value,
        best_run=None if sweep.best_run_id is None else run_name(sweep.best_run_id),
    )
