"""Registers sweeps, and keeps launchers from each other's: one lock per batch id, taken or waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from truestrength.launcher.plan import Plan
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.files import write_text
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.limits import NO_LIMITS, Limits
from truestrength.trainer.contract.sweep.spec import SweepSpec


def register(
    ledger: Ledger, spec: SweepSpec, outputs: OutputsRoot, limits: Limits = NO_LIMITS, command: str = ""
) -> None:
    """Register a sweep with the limits that count from now on; one that was cancelled goes on.

    `command`, which asked for it, is kept in its folder: the report tells it.
    """
    ledger.register(spec, outputs, limits=limits)
    if command:
        write_text(outputs.sweep(spec.batch_id).command, f"{command}\n")
    if ledger.cancelled(spec.batch_id):
        # Whoever runs the sweep again wants it to go on.
        ledger.retry(spec.batch_id)


def too_few_connections(ledger: Ledger, n_workers: int) -> str | None:
    """What to say before a plan begins whose workers will have to take turns; None when each has a connection.

    Args:
        ledger: connected, so that this launcher counts.
        n_workers: that shall be at work at once.
    """
    found = ledger.connections()
    if n_workers <= found.for_workers:
        return None
    return (
        f"the database's server takes {found.most} connections, and there are {found.taken}: of {n_workers} workers "
        f"{n_workers - max(1, found.for_workers)} wait for their turn. Nothing is lost by it; more at once need a "
        "larger max_connections (or CONNECTION LIMIT of role and database) of the server."
    )


@contextmanager
def exclusively(plan: Plan, ledger: Ledger) -> Iterator[None]:
    """Keep other launchers away from the plan's sweeps; the database lets go when this process dies.

    Raises:
        UserError: another launcher has one of them, or has taken it while the database was out of reach for this one.
    """
    with ExitStack() as stack:
        for spec in plan.sweeps:
            if not stack.enter_context(_launching(ledger, spec.batch_id)):
                raise UserError(
                    f"another launcher is running the sweep {spec.batch_id}. Watch it with `truestrength status "
                    f"--watch`, or stop it with Ctrl-C there or `truestrength cancel {spec.batch_id}`."
                )
        yield


@contextmanager
def when_alone(ledger: Ledger, batch_ids: Sequence[str]) -> Iterator[None]:
    """Wait until no launcher is at these sweeps, and keep others from them."""
    with ExitStack() as stack:
        for batch_id in batch_ids:
            while not stack.enter_context(_launching(ledger, batch_id)):
                time.sleep(1)
        yield


def _launching(ledger: Ledger, batch_id: str) -> AbstractContextManager[bool]:
    """Whether no other launcher is at a sweep; none is, then, for the length of the block."""
    return ledger.keeping(
        f"launcher:{batch_id}",
        f"another launcher has taken over the sweep {batch_id} while this one was cut off from the database. "
        "This one stops; `truestrength status --watch` shows how the sweep goes on.",
    )
