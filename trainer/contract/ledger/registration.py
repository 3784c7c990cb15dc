"""Registers a sweep: its row, its slots and its study, all under one lock.

The study is made before the sweep's row, so whoever finds the row finds the study.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg2.extras import Json

from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.contract.errors import SweepChangedError
from truestrength.trainer.contract.ledger import notices, optuna_storage, study
from truestrength.trainer.contract.ledger.connection import Connection, fetch
from truestrength.trainer.contract.ledger.queries import query
from truestrength.trainer.contract.ledger.version import refuse_newer
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep import grid, rungs
from truestrength.trainer.contract.sweep.limits import Limits
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method

OWN_TO_A_SWEEP = {"objective", "method", "sampler", "explain", "share_observations", "first", "prior"}
"""What sweeps of one family may differ in: their trials with equal parameters are equal."""


class StoredSweep(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep as the ledger keeps it."""

    batch_id: str
    root_id: str
    outputs: str
    digest: str
    identity: dict[str, Any]
    spec: dict[str, Any]
    n_trials: int

    def sweep_spec(self) -> SweepSpec:
        """The typed spec.

        Raises:
            SweepChangedError: it was written by a version of this program that knew other keys.
        """
        try:
            return msgspec.convert(self.spec, SweepSpec)
        except msgspec.ValidationError as error:
            raise SweepChangedError(
                f"sweep {self.batch_id!r} was registered by another version of this program ({error}). "
                "Finish it with that version, or use another --batch-id."
            ) from None


def register(
    connection: Connection, spec: SweepSpec, outputs: OutputsRoot, root_id: str, *, max_attempts: int, limits: Limits
) -> None:
    """Make the sweep or go on with it; `Ledger.register` says the rest."""

    def once(open_: Session) -> None:
        optuna_storage.make_tables(open_)
        if old := _stored(open_, spec.batch_id):
            _refuse_change(old, spec, root_id, outputs)
        if old is None or not study.is_whole(open_, spec.batch_id):
            study.make(open_, spec)
        with open_:
            execute(open_, query("lock"), {"name": "truestrength:register"})
            if old := _stored(open_, spec.batch_id):
                _refuse_change(old, spec, root_id, outputs)
            execute(open_, query("put_outputs_root"), {"root_id": root_id, "path": str(outputs.root.absolute())})
            _put(open_, spec, root_id, max_attempts, limits)

    connection.work(once)
    study.restore(connection, spec)


def check(connection: Connection, spec: SweepSpec) -> None:
    """Refuse what cannot be registered before anything is written; `register` looks once more, under its lock.

    Raises:
        ConfigError: a budget that the grid cannot fill, or a phase without a search space.
        DatabaseError: Optuna's tables are of another version.
    """
    grid.check_budget(spec)
    spec.space  # noqa: B018 - it raises
    connection.work(optuna_storage.tables_are_there)


def stored(connection: Connection, batch_id: str) -> StoredSweep | None:
    """The sweep as it was registered, if it was."""
    return connection.work(lambda open_: _stored(open_, batch_id))


def forget(connection: Connection, batch_id: str) -> None:
    """Remove a sweep and its study. Interrupted in between, it can be repeated: what names the sweep goes last."""
    connection.work(refuse_newer)
    study.delete_study(connection, batch_id)
    notices.forget(connection, batch_id)
    connection.run(query("forget"), {"batch_id": batch_id})


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two trees, a line per dotted key.

    >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}})
    ['a.b: 1 -> 3']
    """
    before, after = dict(leaves(old)), dict(leaves(new))
    pairs = {key: (before.get(key, "nothing"), after.get(key, "nothing")) for key in [*before, *after]}
    return [f"{key}: {then} -> {now}" for key, (then, now) in pairs.items() if then != now]


def _stored(open_: Session, batch_id: str) -> StoredSweep | None:
    found = fetch(open_, query("sweep"), {"batch_id": batch_id}, StoredSweep)
    return found[0] if found else None


def _put(open_: Session, spec: SweepSpec, root_id: str, max_attempts: int, limits: Limits) -> None:
    identity = _plain(spec.identity())
    row = {
        "batch_id": spec.batch_id,
        "root_id": root_id,
        "digest": spec.digest,
        "family": digest({key: value for key, value in identity.items() if key not in OWN_TO_A_SWEEP}),
        "identity": Json(identity),
        "spec": Json(msgspec.to_builtins(spec)),
        "direction": spec.objective.direction.value,
        "max_attempts": max_attempts,
        "max_minutes": limits.max_minutes,
        "goal": limits.goal,
    }
    execute(open_, query("put_sweep"), row)
    slots = {"batch_id": spec.batch_id, "rungs": rungs.rung_of_slots(spec.method, spec.n_trials)}
    execute(open_, query("put_slots"), slots)


def _refuse_change(old: StoredSweep, spec: SweepSpec, root_id: str, outputs: OutputsRoot) -> None:
    name = f"sweep {spec.batch_id!r}"
    if old.root_id != root_id:
        raise SweepChangedError(
            f"{name} belongs to the outputs root {old.outputs} (id {old.root_id}); {outputs.root} is another one "
            f"(id {root_id}). Use that root, another --batch-id, or another database in DATABASE_URL "
            "(without it, the embedded server has one for every root); "
            f"`truestrength forget {spec.batch_id}` (or `--all`) frees it."
        )
    if old.digest != spec.digest:
        changed = "\n  ".join(differences(old.identity, _plain(spec.identity())))
        raise SweepChangedError(
            f"{name} was registered with another configuration (then -> now):\n  {changed}\n"
            "Use the configuration of then, another --batch-id, or another outputs root (--set paths.outputs=FOLDER; "
            "with DATABASE_URL also another database); "
            f"`truestrength forget {spec.batch_id}` (or `--all`) frees it."
        )
    if spec.n_trials < old.n_trials:
        raise SweepChangedError(
            f"{name} was registered with {old.n_trials} trials; found --n-trials {spec.n_trials}: "
            f"{old.n_trials} or more are possible. Another outputs root (--set paths.outputs=FOLDER), or for a sweep "
            "another --batch-id, begins anew"
        )
    if spec.n_trials != old.n_trials and spec.method in (Method.GRID, Method.HALVING):
        raise SweepChangedError(
            f"{name}: --method {spec.method} has laid its slots out for {old.n_trials} trials; "
            f"found --n-trials {spec.n_trials}: use another --batch-id"
        )


def _plain(tree: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: a tuple is a list."""
    return msgspec.json.decode(msgspec.json.encode(tree), type=dict[str, Any])
