"""The commands that look at sweeps and steer them, wherever their workers run.

`status`, `logs`, `cancel`, `retry`, `forget`.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from truestrength.launcher import database
from truestrength.launcher.commands.outputs import ledger_of
from truestrength.launcher.database import named_root
from truestrength.launcher.jobs.logs import follow, last_words, logs_of, tail
from truestrength.launcher.next_step import next_step, seconds_left
from truestrength.launcher.report.folders import RunFolders, run_folders
from truestrength.launcher.slurm import queue
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.ledger import LEASE_S, Ledger, SweepProgress, WorkerRow, in_words, roots
from truestrength.trainer.contract.ledger.registration import stored
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name
from truestrength.trainer.contract.text_table import counted, duration, text_table

WATCH_S = 2.0


def status(args: argparse.Namespace) -> None:
    """`truestrength status`."""
    patience_s = None if args.watch else database.LOOK_PATIENCE_S
    with ledger_of(named_root(args.outputs), patience_s) as ledger:
        slurm = _slurm(ledger)
        while True:
            folders = _folders(ledger, args.outputs)
            as_json = partial(_as_json, program=args.program)
            text = (as_json if args.json else status_table)(ledger, slurm, folders)
            if args.watch and sys.stdout.isatty():
                sys.stdout.write("\x1b[H\x1b[2J")
            say(text)
            if not args.watch:
                return
            try:
                time.sleep(WATCH_S)
            except KeyboardInterrupt:
                return


def status_table(ledger: Ledger, slurm: queue.SlurmWatch | None, folders: Mapping[Path, RunFolders | None]) -> str:
    """Every sweep, the workers that live or hold a slot, what is in SLURM's queue, and which folders are not as told.

    Args:
        ledger: What is asked.
        slurm: The queue, where there is one.
        folders: By outputs root; None for one that is not on this machine.
    """
    sweeps = ledger.all_progress()
    jobs = slurm.look() if slurm else []
    queued = {job.batch_id for job in jobs}
    if not sweeps:
        return "no sweeps yet"
    missing = _missing(folders)
    header = ["sweep", "trials", "failed", "running", "workers", "best", "run", "state"]
    rows = [
        [
            sweep.batch_id,
            f"{sweep.done - missing[sweep.batch_id]}/{sweep.n_trials}",
            sweep.failed,
            sweep.running,
            sweep.live_workers,
            None if sweep.best_value is None else f"{sweep.best_value:.4f}",
            None if sweep.best_run_id is None else run_name(sweep.best_run_id),
            state(sweep, queued=sweep.batch_id in queued, missing=missing[sweep.batch_id]),
        ]
        for sweep in sweeps
    ]
    places = ", ".join(f"{place}{'' if found else ' (not on this machine)'}" for place, found in folders.items())
    table = f"outputs: {places}\n{text_table(header, rows)}"
    table += _time_left(sweeps)
    if (now := ledger.connections()).short:
        table += f"\nthe server takes {now.most} connections, and there are {now.taken}: other workers wait for a turn"
    table += "".join(f"\n\n{said}" for found in folders.values() if found for said in found.sentences())
    if slurm:
        table += f"\n\n{slurm.problem or queue.table(jobs)}"
        table += "".join(
            f"\n\n{batch_id}: trials are open, and no job and no worker is left for them. The last array ended with "
            f"this ({log}):\n{textwrap.indent(text, '  ')}\nThe command that started the plan submits it again."
            for batch_id, (log, text) in _ended_early(ledger, slurm, sweeps).items()
        )
    workers = live_workers(ledger, sweeps)
    if not workers:
        return f"{table}\n\nno workers"
    header = ["worker", "sweep", "slot", "host", "pid", "job", "seen"]
    at_work = [[w.worker_id, w.batch_id, w.slot, w.host, w.pid, w.job_id, f"{w.seen_s:.0f} s ago"] for w in workers]
    return f"{table}\n\n{text_table(header, at_work)}"


def _time_left(sweeps: list[SweepProgress]) -> str:
    left, workers = seconds_left(sweeps), sum(sweep.live_workers for sweep in sweeps)
    return f"\nabout {duration(left)} left, with {counted(workers, 'worker')}" if left else ""


def _folders(ledger: Ledger, chosen: Path | None) -> dict[Path, RunFolders | None]:
    """The outputs roots of all sweeps, and how their folders differ from the ledger; None where that is not seen."""
    found: dict[Path, RunFolders | None] = {}
    for known in ledger.outputs_roots():
        # A root that was moved is where it was found, not where a sweep was registered.
        place = chosen if chosen and roots.is_root(chosen, known.root_id) else Path(known.path)
        here = roots.is_root(place, known.root_id)
        found[place] = run_folders(ledger, OutputsRoot(place)) if here else None
    return found


def _missing(folders: Mapping[Path, RunFolders | None]) -> Counter[str]:
    """How many of a sweep's complete runs have no folder."""
    gone = [found.missing for found in folders.values() if found]
    return Counter({batch_id: len(ids) for missing in gone for batch_id, ids in missing.items()})


def state(sweep: SweepProgress, *, queued: bool = False, missing: int = 0) -> str:
    """`sweep.standing`, or `queued` for one whose jobs wait in SLURM's queue; and what is not needed, or gone."""
    waits = queued and sweep.standing in {"waiting", "stopped"}
    return in_words("queued" if waits else sweep.standing, sweep.not_needed, missing)


def live_workers(ledger: Ledger, sweeps: list[SweepProgress]) -> list[WorkerRow]:
    """Workers with a running lease, and those that hold a slot without one (the next claim takes it from them)."""
    busy = [sweep.batch_id for sweep in sweeps if sweep.live_workers or sweep.running]
    return [w for batch_id in busy for w in ledger.workers(batch_id) if w.live or w.slot is not None]


def logs(args: argparse.Namespace) -> None:
    """`truestrength logs`."""
    patience_s = None if args.follow else database.LOOK_PATIENCE_S
    with ledger_of(named_root(args.outputs), patience_s) as ledger:
        registered = Path(ledger.spec(args.batch_id).config.paths.outputs)
        # A root that was moved is where it was found, not where the sweep was registered.
        outputs = OutputsRoot(args.outputs or registered)
        workers = ledger.workers(args.batch_id)
        if args.worker is not None and args.worker not in {worker.worker_id for worker in workers}:
            numbers = ", ".join(str(worker.worker_id) for worker in workers) or "none"
            raise UserError(f"--worker {args.worker}: {args.batch_id} has no such worker. It has had: {numbers}")
        if args.follow:
            follow(ledger, args.batch_id, outputs, args.worker)
            return
        found = logs_of(ledger, args.batch_id, outputs, args.worker)
        if not found:
            raise UserError(f"{args.batch_id}: no worker has written a log in {outputs.sweep(args.batch_id).jobs} yet")
        for name, path in found.items():
            say(f"==> {name}: {path}\n{tail(path, None if args.worker is not None else 20)}")


def cancel(args: argparse.Namespace) -> None:
    """`truestrength cancel`."""
    with ledger_of(named_root(args.outputs)) as ledger:
        chosen = [ledger.progress(args.batch_id)] if args.batch_id else ledger.all_progress()
        unfinished = [sweep for sweep in chosen if sweep.open and not sweep.cancelled]
        for sweep in unfinished:
            ledger.cancel(sweep.batch_id)
            say(f"{sweep.batch_id}: cancelled with {sweep.done} of {sweep.n_trials} trials done")
        if tokens := queue.tokens(ledger):
            jobs = queue.cancel(tokens, [sweep.batch_id for sweep in chosen], plans=args.all)
            say(f"jobs ended in SLURM: {', '.join(jobs) or 'none'}")
        if not unfinished:
            say("nothing to cancel: no sweep has open slots")
        elif any(sweep.live_workers for sweep in unfinished):
            say(f"its workers give back their slots within {LEASE_S / 4:.0f} s")


def forget(args: argparse.Namespace) -> None:
    """`truestrength forget`.

    Raises:
        UserError: workers are at one of the sweeps.
    """
    with ledger_of(named_root(args.outputs)) as ledger:
        chosen = [ledger.progress(args.batch_id)] if args.batch_id else ledger.all_progress()
        busy = [sweep.batch_id for sweep in chosen if sweep.live_workers]
        if busy:
            raise UserError(f"workers are at {', '.join(busy)}: `truestrength cancel` first")
        for sweep in chosen:
            known = stored(ledger.connection, sweep.batch_id)
            ledger.forget(sweep.batch_id)
            place = f" in {known.outputs}" if known else ""
            say(f"{sweep.batch_id}: forgotten; its files stay{place}")
        if not chosen:
            say("nothing to forget: no sweeps yet")


def retry(args: argparse.Namespace) -> None:
    """`truestrength retry`."""
    with ledger_of(named_root(args.outputs)) as ledger:
        before = ledger.progress(args.batch_id)
        ledger.retry(args.batch_id)
        opened = f"{before.failed} failed slots get new attempts" if before.failed else "nothing to retry"
        taken_back = ", and it is cancelled no more" if before.cancelled else ""
        say(f"{args.batch_id}: {opened}{taken_back}")
        if before.failed or before.cancelled:
            say("the command that started the sweep, run again, goes on with it")


def _ended_early(ledger: Ledger, slurm: queue.SlurmWatch, sweeps: list[SweepProgress]) -> dict[str, tuple[Path, str]]:
    """The last words, by sweep, where jobs on SLURM have ended before their work was done and none is to follow."""
    if slurm.problem:
        return {}
    queued = {job.batch_id for job in slurm.look()}
    found = {}
    for sweep in sweeps:
        if sweep.standing in {"waiting", "stopped"} and sweep.batch_id not in queued:
            outputs = OutputsRoot(Path(ledger.spec(sweep.batch_id).config.paths.outputs))
            if said := last_words(outputs, sweep.batch_id):
                found[sweep.batch_id] = said
    return found


def _command(ledger: Ledger, batch_id: str) -> Path | None:
    """The file with the command that asked for a sweep last, where its outputs root was when it did."""
    known = stored(ledger.connection, batch_id)
    return OutputsRoot(Path(known.outputs)).sweep(batch_id).command if known else None


def _slurm(ledger: Ledger) -> queue.SlurmWatch | None:
    tokens = queue.tokens(ledger)
    return queue.SlurmWatch(tokens) if tokens else None


def _as_json(
    ledger: Ledger, slurm: queue.SlurmWatch | None, folders: Mapping[Path, RunFolders | None], program: str
) -> str:
    sweeps = ledger.all_progress()
    jobs = slurm.look() if slurm else []
    queued = {job.batch_id for job in jobs}
    missing = _missing(folders)
    data: dict[str, Any] = {
        "sweeps": [
            {
                **msgspec.to_builtins(sweep),
                "missing": missing[sweep.batch_id],
                "state": state(sweep, queued=sweep.batch_id in queued, missing=missing[sweep.batch_id]),
                "eta_s": seconds_left([sweep]),
            }
            for sweep in sweeps
        ],
        "outputs": {
            str(place): found and {"missing": found.missing, "unknown": found.unknown}
            for place, found in folders.items()
        },
        "jobs": [job._asdict() for job in jobs],
        "slurm_problem": slurm.problem if slurm else "",
        "ended_early": {
            batch_id: {"log": str(log), "end": text}
            for batch_id, (log, text) in (_ended_early(ledger, slurm, sweeps) if slurm else {}).items()
        },
        "workers": msgspec.to_builtins(live_workers(ledger, sweeps)),
        "connections": msgspec.to_builtins(ledger.connections()),
        "eta_s": seconds_left(sweeps),
        "next": next_step(program, sweeps, queued, partial(_command, ledger)),
    }
    return msgspec.json.format(msgspec.json.encode(data)).decode()
