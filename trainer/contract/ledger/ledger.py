"""The ledger: who runs which slot of which sweep, and how it ended.

A slot is owned by the attempt that claimed it last, and by nobody else: every write names its attempt and is refused
(`Superseded`) when a later one has taken over. So a worker that was frozen, cut off or started twice does no harm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any, TypeVar

import msgspec
from psycopg2.extras import Json

from truestrength.trainer.contract import outputs_root
from truestrength.trainer.contract.database.patience import PATIENCE_S
from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError, suggest
from truestrength.trainer.contract.ledger import registration, roots, run_ids
from truestrength.trainer.contract.ledger.building import BuildingLocks
from truestrength.trainer.contract.ledger.connection import Connection, fetch, values
from truestrength.trainer.contract.ledger.observations import NEWEST, Observations
from truestrength.trainer.contract.ledger.preparation import prepare
from truestrength.trainer.contract.ledger.queries import query
from truestrength.trainer.contract.ledger.rows import (
    AttemptRow,
    AttemptState,
    Claim,
    Connections,
    KnownRoot,
    Observation,
    OpenSlots,
    Renewal,
    SlotRow,
    SweepProgress,
    WorkerRow,
)
from truestrength.trainer.contract.ledger.version import version
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.process import Place
from truestrength.trainer.contract.records.cost import Cost
from truestrength.trainer.contract.sweep.limits import NO_LIMITS, Limits
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Objective

T = TypeVar("T")

LEASE_S = 60.0
MOST_DEATHS = 20
"""So many workers may die with the same slot before it is failed: one that kills them all must come to an end."""


class Superseded(Exception):  # noqa: N818 - it is no error: somebody else runs the slot now
    """The slot has a later owner; what this attempt found does not count."""


class Ledger:
    """The ledger of one database. Safe to share between the threads of a process, not between processes."""

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        """Remember where the database is; the first operation connects.

        Args:
            url: as `trainer.contract.database.address.database_url` gives it.
            patience_s: how long every operation waits for a database that is away.
        """
        self.url = url
        self.connection = Connection(url, patience_s)
        self._building = BuildingLocks(self.connection)
        self._observations = Observations(self.connection)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next operation opens it anew."""
        self.connection.close()

    def is_there(self) -> bool:
        """Whether the database has a ledger."""
        return self.connection.work(version) > 0

    def prepare(self) -> None:
        """Make or update the schema. Safe for any number of processes at once."""
        self.connection.work(prepare)

    def register(
        self, spec: SweepSpec, outputs: OutputsRoot, max_attempts: int = 3, limits: Limits = NO_LIMITS
    ) -> None:
        """Make the sweep, its slots, its Optuna study and the outputs root's run ids; or go on with what is there.

        Args:
            spec: what to run. With more trials than before, slots are added.
            outputs: the root that its run ids are unique in.
            max_attempts: after so many attempts that failed, a slot is failed.
            limits: from now on, instead of those before.

        Raises:
            SweepChangedError: the batch id is known with another configuration, outputs root or a larger budget.
            ConfigError: the outputs root is a copy, or belongs to another ledger; nothing was touched.
        """
        registration.check(self.connection, spec)
        roots.check(self.connection, outputs)
        self.prepare()
        roots.claim(self.connection, outputs)
        run_ids.raise_run_ids(self.connection, outputs, spec.config.inference.run_id_base)
        root_id = outputs_root.outputs_id(outputs)
        registration.register(self.connection, spec, outputs, root_id, max_attempts=max_attempts, limits=limits)

    def forget(self, batch_id: str) -> None:
        """Remove a sweep, its slots, attempts, workers and study. Files stay where they are."""
        registration.forget(self.connection, batch_id)

    def spec(self, batch_id: str) -> SweepSpec:
        """What was registered under `batch_id`.

        Raises:
            DatabaseError: nothing was; the message lists what is known.
        """
        found = registration.stored(self.connection, batch_id)
        if found is None:
            known = self._values("batch_ids")
            there = suggest(batch_id, known) if known else "it has none yet, a launcher makes them"
            raise DatabaseError(f"{batch_id}: no such sweep: {there}")
        return found.sweep_spec()

    def claim(
        self, batch_id: str, worker_id: int, lease_s: float = LEASE_S, *, others_first: bool = False
    ) -> Claim | None:
        """Take an open slot for `lease_s` seconds; None when there is nothing to take now, or none is needed any more.

        Slots whose owner is dead are taken away from it first, when no others are left. With `others_first`, a slot
        that failed last on this worker only when there is no other one.
        """
        key = {"batch_id": batch_id, "worker_id": worker_id, "lease_s": lease_s}
        asked = False

        def take(connection: Session) -> list[Claim]:
            nonlocal asked
            held = fetch(connection, query("held"), key, Claim) if asked else []
            asked = True
            for others in (True, False) if others_first else (False,):
                held = held or fetch(connection, query("claim"), {**key, "others": others}, Claim)
            return held

        claims = self.connection.work(take)
        if not claims and self.expire(batch_id):
            claims = self.connection.work(take)
        return claims[0] if claims else None

    def expire(self, batch_id: str, dead_workers: Sequence[int] = ()) -> int:
        """Take back the slots of owners whose lease is over, and of `dead_workers`; returns how many."""
        key = {"batch_id": batch_id, "dead_workers": list(dead_workers), "most_deaths": MOST_DEATHS}

        def take_back(open_: Session) -> int:
            return execute(open_, query("expire"), {**key, "back_s": self.connection.back_s}).rowcount

        return self.connection.work(take_back)

    def renew(self, claim: Claim, lease_s: float = LEASE_S, patience_s: float | None = None) -> Renewal:
        """Give a sign of life. Says whether the claim still owns its slot, and whether the sweep was cancelled."""
        statement, parameters = query("renew"), {**_key(claim), "worker_id": claim.worker_id, "lease_s": lease_s}
        return self.connection.rows(statement, parameters, Renewal, patience_s)[0]

    def begin(self, claim: Claim, parameters: dict[str, Any], run_id: int) -> None:
        """Write down what the attempt is about to run.

        Raises:
            Superseded: the slot has a later owner.
        """
        self._fenced("begin", claim, parameters=Json(parameters), run_id=run_id)

    def finish(
        self,
        claim: Claim,
        value: float,
        seconds: float,
        objectives: dict[str, float] | None = None,
        cost: Cost | None = None,
    ) -> None:
        """Bring the result to safety. The slot is done when the study knows it too.

        Args:
            claim: the attempt.
            value: of the sweep's objective.
            seconds: wall time of the run.
            objectives: all six values, for sibling sweeps; those that are no numbers are left out.
            cost: of the attempt.

        Raises:
            Superseded: the slot has a later owner, and this result does not count.
        """
        known = {name: found for name, found in (objectives or {}).items() if math.isfinite(found)}
        found = {"value": value, "seconds": seconds, "objectives": Json(known), "cost": _cost(cost)}
        self._fenced("finish", claim, None, **found)

    def fail(self, claim: Claim, reason: str, *, final: bool = False, cost: Cost | None = None) -> None:
        """End the attempt without a result. The slot is tried again, unless `final` or out of attempts.

        Raises:
            Superseded: the slot has a later owner.
        """
        outcome = {"outcome": AttemptState.FAILED, "reason": _sayable(reason), "final": final, "cost": _cost(cost)}
        self._fenced("give_up", claim, None, **outcome)

    def fail_slot_of(self, worker: WorkerRow, reason: str) -> None:
        """End the attempt of a worker that died of its trial as the trial's fault, also where it was taken for dead."""
        key = {"batch_id": worker.batch_id, "worker_id": worker.worker_id}
        for claim in self._rows("held", Claim, **key):
            with suppress(Superseded):
                self.fail(claim, reason)
        self._run("blame", **key, reason=_sayable(reason))

    def release(self, claim: Claim, reason: str, patience_s: float | None = None, cost: Cost | None = None) -> None:
        """Give the slot back as if it had not been claimed: no fault of the trial's.

        Raises:
            Superseded: the slot has a later owner.
        """
        outcome = {"outcome": AttemptState.RELEASED, "reason": _sayable(reason), "final": False, "cost": _cost(cost)}
        self._fenced("give_up", claim, patience_s, **outcome)

    def outputs_roots(self) -> list[KnownRoot]:
        """The outputs roots of all sweeps."""
        return self._rows("outputs_roots", KnownRoot)

    def progress(self, batch_id: str) -> SweepProgress:
        """One sweep at a glance.

        Raises:
            DatabaseError: no such sweep.
        """
        found = self._rows("progress", SweepProgress, batch_id=batch_id)
        if not found:
            self.spec(batch_id)
        return found[0]

    def all_progress(self) -> list[SweepProgress]:
        """Every sweep, in the order of registration."""
        return self._rows("progress", SweepProgress, batch_id=None)

    def slots(self, batch_id: str) -> list[SlotRow]:
        """The slots of a sweep, each with its last attempt."""
        return self._rows("slots", SlotRow, batch_id=batch_id)

    def attempts(self, batch_id: str) -> list[AttemptRow]:
        """Every attempt of a sweep, by slot."""
        return self._rows("attempts", AttemptRow, batch_id=batch_id)

    def workers(self, batch_id: str) -> list[WorkerRow]:
        """Every worker that ever served a sweep."""
        return self._rows("workers", WorkerRow, batch_id=batch_id)

    def start_worker(
        self, batch_id: str, host: str, pid: int, job_id: str | None = None, lease_s: float = LEASE_S
    ) -> int:
        """Write down a worker and return its id. Slots of workers that died here, with this host's word, are freed."""
        here = Place.here()
        gone = [w.worker_id for w in self.workers(batch_id) if w.slot is not None and here.knows_dead(w.place, w.pid)]
        if gone:
            self.expire(batch_id, gone)
        row = {"batch_id": batch_id, "host": host, "pid": pid, "job_id": job_id, "place": here.name, "lease_s": lease_s}
        return int(self._values("start_worker", **row)[0])

    def stop_worker(self, worker_id: int, reason: str) -> None:
        """The worker is ending in good order."""
        self._run("stop_worker", worker_id=worker_id, reason=_sayable(reason))

    def explain_worker(self, worker_id: int, reason: str) -> None:
        """Write down what somebody else knows of a worker's end (a state of SLURM), unless it gave a reason itself."""
        self._run("explain_worker", worker_id=worker_id, reason=_sayable(reason))

    def cancel(self, batch_id: str) -> None:
        """Workers claim no more of this sweep, and those that run a slot see it at their next renewal."""
        self.spec(batch_id)
        self._run("cancel", batch_id=batch_id)

    def cancelled(self, batch_id: str) -> bool:
        """Whether the sweep is cancelled."""
        return self._values("cancelled", batch_id=batch_id) == [True]

    def retry(self, batch_id: str) -> int:
        """Give failed slots new attempts, and take back a cancellation. Returns the number of slots."""
        self.spec(batch_id)
        return self._run("retry", batch_id=batch_id)

    def open_slots(self, batch_id: str) -> OpenSlots:
        """How many slots are open, and needed: what a waiting worker asks, so it is cheap."""
        return self._rows("open_slots", OpenSlots, batch_id=batch_id)[0]

    def connections(self) -> Connections:
        """How many sessions the server takes, and how many there are."""
        return self._rows("connections", Connections)[0]

    def observations(self, batch_id: str) -> list[Observation]:
        """The sweep's best, worst and newest trials and those that run, by slot; a bounded number."""
        return self._observations.of(batch_id)

    def rung_observations(self, batch_id: str, rung: int) -> list[Observation]:
        """The finished trials of one rung of successive halving."""
        return self._rows("rung_observations", Observation, batch_id=batch_id, rung=rung)

    def sibling_observations(self, batch_id: str, objective: Objective) -> list[Observation]:
        """Finished trials of sweeps that differ in their objective only, with their value by this `objective`."""
        key = {"batch_id": batch_id, "objective": objective, "most": NEWEST}
        return self._rows("sibling_observations", Observation, **key)

    def new_run_id(self, outputs: OutputsRoot, base: int) -> int:
        """Give a run id that nobody has had in this outputs root.

        Args:
            outputs: the root; its sequence is made where the database has none (any more).
            base: the first id of a new root.

        Raises:
            DatabaseError: the database cannot be used.
        """
        return run_ids.new_run_id(self.connection, outputs, base)

    def building(self, key: str, silent_s: float | None = None) -> AbstractContextManager[bool]:
        """Give True to one process at a time for `key`, and False to the others, who look again later.

        The database arbitrates, and the lock falls with its holder; those who wait hold nothing. After the server was
        away two may build at once: write files whole or not at all.

        Args:
            key: what is built.
            silent_s: a holder that has not spoken to the database for so long, in seconds, loses the key to whoever
                asks next; None lets it keep the key.
        """
        return self._building.asking(key, silent_s)

    def keeping(self, key: str, lost: str) -> AbstractContextManager[bool]:
        """Like `building`, for what only one process may ever be at: a lost connection does not end it.

        The key is taken again with the next connection. Where somebody else has taken it meanwhile, every operation
        raises a DatabaseError that says `lost`.
        """
        return self._building.keeping(key, lost)

    def _rows(self, statement: str, row: type[T], **parameters: Any) -> list[T]:
        return self.connection.rows(query(statement), parameters, row)

    def _values(self, statement: str, **parameters: Any) -> list[Any]:
        return self.connection.work(lambda open_: values(open_, query(statement), parameters))

    def _run(self, statement: str, **parameters: Any) -> int:
        return self.connection.run(query(statement), parameters)

    def _fenced(self, name: str, claim: Claim, patience_s: float | None = None, **parameters: Any) -> None:
        if self.connection.run(query(name), {**_key(claim), **parameters}, patience_s) == 0:
            self._run("supersede", **_key(claim))
            raise Superseded(f"slot {claim.slot} of {claim.batch_id}: attempt {claim.attempt} has a later owner")


def _sayable(text: str) -> str:
    """Text without the signs that the database cannot hold, whatever a program has put into its error."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _cost(cost: Cost | None) -> Json | None:
    return None if cost is None else Json(msgspec.to_builtins(cost))


def _key(claim: Claim) -> dict[str, Any]:
    return {"batch_id": claim.batch_id, "slot": claim.slot, "attempt": claim.attempt}
