"""A worker that trains nothing: claims slots of a sweep, makes run folders, reports values. Run as a command.

What it does wrong on purpose is in STUB_MODE: `refuse` (exit 2), `die` (SIGKILL in the first slot, once for all
workers), `fail` (slot 1 never works), `eat` (slot 1 takes more memory than the control group STUB_CGROUP has).
STUB_SECONDS is the length of a trial.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from truestrength.trainer.contract import process
from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.ledger import Ledger, study
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.worker.forks import serve

LEASE_S = 3.0
OTHERS_AT_WORK = -1


class ToldError(Exception):
    """The worker was told to stop."""


told = threading.Event()


def stop_where_told() -> None:
    """Raise between two statements: an exception out of a signal handler can be lost in a destructor."""
    if told.is_set():
        raise ToldError


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--batch-id", required=True, action="append")
    arguments.add_argument("--threads", type=int)
    arguments.add_argument("--forks", type=Path)
    given = arguments.parse_args()
    return serve(given.forks, drain_all, nothing, nothing) if given.forks else drain_all(given.batch_id)


def nothing():
    """There is nothing to import or to try out."""


def drain_all(batch_ids: Sequence[str]) -> int:
    # As the real one: on to the next sweep instead of waiting for another worker's last trial, and a look back.
    left = []
    for name in batch_ids:
        code = drain(name, wait=name == batch_ids[-1] and not left)
        if code == OTHERS_AT_WORK:
            left.append(name)
        elif code:
            return code
    return next((code for name in left if (code := drain(name, wait=True))), 0)


def drain(batch_id: str, *, wait: bool) -> int:
    mode = os.environ.get("STUB_MODE", "")
    if mode == "refuse":
        print("error: the league is not there", flush=True)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with Ledger(database_url()) as ledger:
        spec = ledger.spec(batch_id)
        outputs = OutputsRoot(Path(spec.config.paths.outputs))
        worker = ledger.start_worker(batch_id, process.host(), os.getpid(), process.job_id(), LEASE_S)
        claim = None
        try:
            while True:
                stop_where_told()
                claim = ledger.claim(batch_id, worker, LEASE_S)
                if claim is None:
                    progress = ledger.progress(batch_id)
                    if progress.cancelled or not progress.open:
                        ledger.stop_worker(worker, "nothing left")
                        return 0
                    if not (wait or progress.pending):
                        ledger.stop_worker(worker, "others at work")
                        return OTHERS_AT_WORK
                    time.sleep(0.1)
                    continue
                run_slot(ledger, spec, outputs, claim, mode)
                claim = None
        except ToldError:
            if claim is not None:
                ledger.release(claim, "told to stop")
            ledger.stop_worker(worker, "told to stop")
            return 85


def run_slot(ledger, spec, outputs, claim, mode):
    """One attempt, as the mode has it."""
    run_id = ledger.new_run_id(outputs, spec.config.inference.run_id_base)
    outputs.sweep(claim.batch_id).run(run_id).folder.mkdir(parents=True)
    ledger.begin(claim, {"max_depth": 3 + claim.slot % 3}, run_id=run_id)
    print(f"slot {claim.slot} attempt {claim.attempt} run {run_id}", flush=True)
    if mode == "die" and _first(outputs.root / "died"):
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "eat" and claim.slot == 1:
        Path(os.environ["STUB_CGROUP"], "cgroup.procs").write_text(str(os.getpid()))
        bytearray(1 << 30)
    end = time.monotonic() + float(os.environ.get("STUB_SECONDS", "0.05"))
    while time.monotonic() < end:
        time.sleep(0.02)
        stop_where_told()
        ledger.renew(claim, LEASE_S)
    if mode == "fail" and claim.slot == 1:
        ledger.fail(claim, "slot 1 never works")
    else:
        ledger.finish(claim, 0.5 + claim.slot / 100, 0.1, {"spearman": 0.5})
        while not study.tell(ledger.connection, spec):
            time.sleep(0.01)


def _first(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
