"""`truestrength train|work|holdout|noise|precision`: what trains, and on what.

Numeric libraries take the number of their threads from the environment when they are loaded; so each handler says it
first, and imports what it needs afterwards.
"""

# ruff: noqa: PLC0415
from __future__ import annotations

import argparse
from collections.abc import Sequence

from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.process import use_threads


def run(args: argparse.Namespace) -> None:
    """`trainer run`."""
    threads = use_threads(args.threads)
    from truestrength.trainer.run.lone_run import run_once

    paths = run_once(load_config(args.config, args.set), threads=threads, repeats=args.repeats, share=not args.no_share)
    say(str(paths.folder))


def work(args: argparse.Namespace) -> int:
    """`trainer work`."""
    threads = use_threads(args.threads)

    def drain(batch_ids: Sequence[str]) -> int:
        from truestrength.trainer.worker.work import work as drain_sweeps

        return drain_sweeps(batch_ids, threads=threads, share=not args.no_share)

    if args.forks is None:
        return drain(args.batch_id)
    from truestrength.trainer.worker import libraries
    from truestrength.trainer.worker.forks import serve

    return serve(args.forks, drain, libraries.load, libraries.try_out)


def holdout(args: argparse.Namespace) -> None:
    """`trainer holdout`."""
    use_threads(None)
    from truestrength.trainer.run.holdout import evaluate_holdouts

    for path in evaluate_holdouts(args.run):
        say(str(path))


def noise(args: argparse.Namespace) -> None:
    """`trainer noise`."""
    use_threads(None)
    from truestrength.trainer.run.noise import measure_noise

    for folder in args.run:
        say(str(measure_noise(folder, args.seeds)))


def precision(args: argparse.Namespace) -> None:
    """`trainer precision`."""
    from truestrength.trainer.models.precision import choose_precision

    say(choose_precision(args.amp, args.device).name)
