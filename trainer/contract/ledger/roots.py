"""Which outputs roots belong to this ledger, and where they lie: a copy, and a root of another ledger, are refused.

A root remembers its ledger's id, and the ledger where its roots are. Surprising: a root that is found under another
path is a copy only where the known path still leads to another folder of the same id. One that was moved is gone from
there, and a link or a bind mount leads to the very same folder.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from truestrength.trainer.contract import outputs_root
from truestrength.trainer.contract.database.sessions import Session
from truestrength.trainer.contract.database.url import is_embedded, shown
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.ledger.connection import Connection, fetch, values
from truestrength.trainer.contract.ledger.preparation import prepare
from truestrength.trainer.contract.ledger.queries import newest_version, query
from truestrength.trainer.contract.ledger.rows import KnownRoot, KnownRun
from truestrength.trainer.contract.ledger.version import version
from truestrength.trainer.contract.outputs_root import Owner, outputs_id
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths


def check(connection: Connection, outputs: OutputsRoot) -> None:
    """Refuse a root that is not this ledger's to write to, or to speak for. Leaves it as it is, and makes no ledger.

    Raises:
        ConfigError: it is a copy, or belongs to another ledger, and each way to go on.
    """
    if not outputs.identity.exists():
        return
    here = outputs.root.absolute()
    if original := copied_from(connection, outputs):
        adopt, separate = (f"truestrength outputs {way} {shlex.quote(str(here))}" for way in ("adopt", "separate"))
        raise ConfigError(
            f"{here}: is a copy of the outputs root {original}, which is still there: the database tells of that one's "
            f"runs. Use {original}, or say what this one is to be:\n"
            f"  `{adopt}`: the database goes on here, and {original} is the copy\n"
            f"  `{separate}`: a root of its own, with sweeps of its own; the runs in it stay"
        )
    owner = outputs_root.owner(outputs)
    found = connection.work(_ledger_id)
    if owner and found != owner.ledger_id:
        adopt = f"truestrength outputs adopt {shlex.quote(str(here))}"
        raise ConfigError(
            f"{here}: belongs to another database, {owner.database}; this one, {_described(connection.url)}, does not "
            "know its runs. Use that database (DATABASE_URL names one; without it, it is the embedded server's), or "
            "restore its backup (`truestrength db restore FILE`), or use another outputs root "
            f"(--set paths.outputs=FOLDER). If it is lost: `{adopt}` makes this database the root's; run ids go on "
            "after the highest folder, and the rows of the runs that are there are kept in the tables"
        )


def claim(connection: Connection, outputs: OutputsRoot) -> None:
    """Write down in the root that it belongs to this ledger, unless it belongs to one.

    Raises:
        ConfigError: it belongs to another ledger.
    """
    outputs_id(outputs)
    outputs_root.claim(outputs, _owner(connection))
    check(connection, outputs)


def adopt(connection: Connection, outputs: OutputsRoot) -> None:
    """Make the root this ledger's, at the place where it is now. Makes the schema where it is missing."""
    connection.work(prepare)
    row = {"root_id": outputs_id(outputs), "path": str(outputs.root.absolute())}
    connection.run(query("put_outputs_root"), row)
    outputs_root.give_to(outputs, _owner(connection))


def copied_from(connection: Connection, outputs: OutputsRoot) -> Path | None:
    """The other folder with this root's id, where the ledger knows it to be; None where there is none."""
    for known in connection.work(_roots):
        if known.root_id == outputs_id(outputs) and is_root(Path(known.path), known.root_id):
            with suppress(OSError):
                return None if outputs.root.samefile(known.path) else Path(known.path)
    return None


def is_root(folder: Path, root_id: str) -> bool:
    """Whether the outputs root of this id is in `folder`."""
    try:
        return OutputsRoot(folder).identity.read_text(encoding="utf-8").strip() == root_id
    except OSError:
        return False


def runs(connection: Connection, root_id: str) -> list[KnownRun]:
    """Every run that a root's sweeps have had, whatever became of it."""
    return connection.rows(query("runs_of_root"), {"root_id": root_id}, KnownRun)


def _owner(connection: Connection) -> Owner:
    return Owner(connection.work(_ledger_id) or "", _described(connection.url))


def _described(url: str) -> str:
    return f"the embedded server's in {EmbeddedServerPaths.of(Path()).folder}" if is_embedded(url) else shown(url)


def _roots(open_: Session) -> list[KnownRoot]:
    return fetch(open_, query("outputs_roots"), {}, KnownRoot) if version(open_) else []


def _ledger_id(open_: Session) -> str | None:
    """None where there is no ledger yet; one of an older version is brought up to date first, for it has none."""
    if not version(open_):
        return None
    if version(open_) < newest_version():
        prepare(open_)
    return str(values(open_, query("ledger_id"), {})[0])
