"""Run a function in many processes at once.

The processes come from a fork server, not from the test's own process: that one has threads, and signal handlers which
the code under test has put there (a worker's own handler would let a child survive SIGTERM).
"""

import multiprocessing
import traceback
from collections.abc import Callable, Sequence
from typing import Any

SECONDS = 120


def in_processes(task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run `task` in one process per tuple of arguments, all let go at once, and return what they return, in no order.

    Raises:
        AssertionError: with the traceback, when one of them fails.
        queue.Empty: when one of them does not end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "truestrength.trainer.contract.ledger"])
    gate, results = context.Barrier(len(arguments)), context.Queue()
    processes = [context.Process(target=_one, args=(task, given, gate, results)) for given in arguments]
    for process in processes:
        process.start()
    try:
        found = [results.get(timeout=SECONDS) for _ in processes]
        for process in processes:
            process.join(SECONDS)
    finally:
        for process in processes:
            process.kill()
    for _, failure in found:
        assert failure is None, failure
    return [result for result, _ in found]


def _one(task, arguments, gate, results):
    try:
        gate.wait(SECONDS)
        results.put((task(*arguments), None))
    except BaseException:
        results.put((None, traceback.format_exc()))
