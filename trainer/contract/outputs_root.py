"""What an outputs root owns on disk, without any database: its id, its ledger's, and a reservation for each run id."""

from __future__ import annotations

import os
import secrets

import msgspec

from truestrength.trainer.contract import files
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name

LARGEST_RUN_ID = 2**53
"""A larger number would be another one in JSON's readers."""


class Owner(msgspec.Struct, frozen=True):
    """The ledger that an outputs root belongs to."""

    ledger_id: str
    database: str
    """For people: where it was when the root came to it."""


def next_free(outputs: OutputsRoot, base: int) -> int:
    """Give a run id that nobody has had in this outputs root, without a database; its sequence passes over it later.

    Args:
        outputs: the outputs root; it is made where it is missing.
        base: the first id of a new root.

    Raises:
        ConfigError: the root cannot be written to, or has a run with the largest number that is possible.
    """
    while True:
        run_id = max(base, (highest := outputs.highest_run_id()) + 1)
        if run_id > LARGEST_RUN_ID:
            raise ConfigError(used_up(outputs, f"the highest folder or reservation is {highest}"))
        try:
            if create_reservation(outputs, run_id):
                return run_id
        except OSError as error:
            raise ConfigError(f"paths.outputs: {outputs.root} cannot be made or written to: {error}") from None


def used_up(outputs: OutputsRoot, why: str) -> str:
    """What to say where no run id is left."""
    return (
        f"{outputs.root}: run ids end at {LARGEST_RUN_ID}, and {why}. Remove what has such a number, or use another "
        "outputs root (--set paths.outputs=FOLDER)"
    )


def reserve(outputs: OutputsRoot, run_id: int) -> None:
    """Take this very id (`inference.run_id`).

    Raises:
        ConfigError: it has been given before.
    """
    if outputs.run_folders(run_id) or not create_reservation(outputs, run_id):
        raise ConfigError(
            f"inference.run_id {run_id}: {run_name(run_id)} exists in {outputs.root} and is never used again; "
            "null takes the next free id"
        )


def outputs_id(outputs: OutputsRoot) -> str:
    """The random id of an outputs root, which travels with it; made by the first who asks."""
    try:
        if not outputs.identity.exists():
            files.create_text(outputs.identity, _new_id())
    except OSError as error:
        raise ConfigError(f"paths.outputs: {outputs.root} cannot be made or written to: {error}") from None
    return outputs.identity.read_text(encoding="utf-8").strip()


def owner(outputs: OutputsRoot) -> Owner | None:
    """The ledger that the root belongs to; None as long as no sweep was registered in it.

    Raises:
        ConfigError: what the root says of it cannot be read.
    """
    try:
        return msgspec.json.decode(outputs.ledger.read_bytes(), type=Owner)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"{outputs.ledger}: says which database the outputs root belongs to, and cannot be read: {error}. "
            "Removed, it is made anew for the database of the next command"
        ) from None


def claim(outputs: OutputsRoot, ledger: Owner) -> None:
    """Write down whose the root is, unless it is somebody's; of all who try at once, one is believed."""
    if not outputs.ledger.exists():
        files.create_text(outputs.ledger, files.as_json(ledger).decode())


def give_to(outputs: OutputsRoot, ledger: Owner) -> None:
    """Write down whose the root is from now on."""
    files.write_json(outputs.ledger, ledger)


def separate(outputs: OutputsRoot) -> None:
    """Give the root another id, and no ledger; the runs in it stay. Interrupted in between, it can be repeated."""
    outputs.ledger.unlink(missing_ok=True)
    files.write_text(outputs.identity, _new_id())


def _new_id() -> str:
    return secrets.token_hex(8) + "\n"


def create_reservation(outputs: OutputsRoot, run_id: int) -> bool:
    """Reserve a run id: of all who try, only one gets True."""
    path = outputs.reservation(run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    return True
