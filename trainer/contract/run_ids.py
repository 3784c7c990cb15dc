"""Run ids, `run_025` and up: a database sequence per outputs root, with the file system as the last arbiter.

A database can be lost, restored or replaced; the folders stay. So an id counts as given only when its reservation file
was created by this call, and on a collision the sequence is raised above everything that lies in the root.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from trainer.contract import files
from trainer.contract.errors import ConfigError, DatabaseError
from trainer.contract.paths import OutputsRoot, run_name

if TYPE_CHECKING:
    from trainer.contract.ledger import Ledger

MOST_TRIES = 1000


def new_run_id(ledger: Ledger, outputs: OutputsRoot, base: int) -> int:
    """Give a run id that nobody has had in this outputs root.

    Args:
        ledger: whose database has the root's sequence; it is made where it is missing.
        outputs: the outputs root.
        base: the first id of a new root.

    Raises:
        DatabaseError: the database cannot be used.
    """
    root_id = outputs_id(outputs)
    for _ in range(MOST_TRIES):
        run_id = ledger.next_run_id(root_id)
        if run_id is not None and run_id >= base and _create_reservation(outputs, run_id):
            return run_id
        raise_run_ids(ledger, outputs, base)
    raise DatabaseError(f"{outputs.root}: no free run id in {MOST_TRIES} tries")


def raise_run_ids(ledger: Ledger, outputs: OutputsRoot, base: int) -> None:
    """Move the root's sequence forward past everything that lies in the root, and make it where it is missing."""
    ledger.raise_run_ids(outputs_id(outputs), lambda: max(base, outputs.highest_run_id() + 1))


def next_free(outputs: OutputsRoot, base: int) -> int:
    """Give a run id that nobody has had in this outputs root, without a database; its sequence passes over it later.

    Args:
        outputs: the outputs root; it is made where it is missing.
        base: the first id of a new root.

    Raises:
        ConfigError: the root cannot be written to.
    """
    while True:
        run_id = max(base, outputs.highest_run_id() + 1)
        try:
            if _create_reservation(outputs, run_id):
                return run_id
        except OSError as error:
            raise ConfigError(f"paths.outputs: {outputs.root} cannot be made or written to: {error}") from None


def reserve(outputs: OutputsRoot, run_id: int) -> None:
    """Take this very id (`inference.run_id`).

    Raises:
        ConfigError: it has been given before.
    """
    if outputs.run_folders(run_id) or not _create_reservation(outputs, run_id):
        raise ConfigError(
            f"inference.run_id {run_id}: {run_name(run_id)} exists in {outputs.root} and is never used again; "
            "null takes the next free id"
        )


def outputs_id(outputs: OutputsRoot) -> str:
    """The random id of an outputs root, which travels with it; made by the first who asks."""
    try:
        if not outputs.identity.exists():
            files.create_text(outputs.identity, secrets.token_hex(8) + "\n")
    except OSError as error:
        raise ConfigError(f"paths.outputs: {outputs.root} cannot be made or written to: {error}") from None
    return outputs.identity.read_text(encoding="utf-8").strip()


def _create_reservation(outputs: OutputsRoot, run_id: int) -> bool:
    path = outputs.reservation(run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    return True
