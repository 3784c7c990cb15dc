"""`python -m trainer`: data, one run, a worker, the stage store. Parses, calls, prints."""

from __future__ import annotations

import argparse
import sys

from trainer.contract import command_line
from trainer.contract.user_paths import path
from trainer.data.cli import add_data_commands
from trainer.stages.cli import add_cache_commands


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="python -m trainer", description="Trains and evaluates the team-strength ranker.", allow_abbrev=False
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    data = commands.add_parser("data", help="league tables: synthetic, imported, downloaded", allow_abbrev=False)
    add_data_commands(data.add_subparsers(required=True, metavar="COMMAND"))
    add_cache_commands(commands)

    run = commands.add_parser("run", help="one training run outside any sweep, with its own run id", allow_abbrev=False)
    run.add_argument("--config", type=path, required=True, metavar="FILE")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any key of the config")
    run.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    run.add_argument(
        "--no-share", action="store_true", help="train every model anew; only batches are read from the store"
    )
    run.set_defaults(handler=_run)

    work = commands.add_parser("work", help="claim slots of a sweep and train until none is left", allow_abbrev=False)
    work.add_argument(
        "--batch-id", required=True, action="append", metavar="B", help="repeated: the next one when this has ended"
    )
    work.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    work.add_argument("--no-share", action="store_true", help="train every trial alone")
    work.set_defaults(handler=_work)

    holdout = commands.add_parser("holdout", help="evaluate finished runs on the held-out season", allow_abbrev=False)
    holdout.add_argument("--run", type=path, required=True, action="append", metavar="FOLDER", help="may be repeated")
    holdout.set_defaults(handler=_holdout)
    return top


def _run(args: argparse.Namespace) -> None:
    from trainer.contract.config import load_config  # noqa: PLC0415 - each command imports what it needs
    from trainer.single_run import run_once  # noqa: PLC0415

    paths = run_once(load_config(args.config, args.set), threads=args.threads, share=not args.no_share)
    print(paths.folder)


def _work(args: argparse.Namespace) -> int:
    from trainer.worker import work  # noqa: PLC0415

    return work(args.batch_id, threads=args.threads, share=not args.no_share)


def _holdout(args: argparse.Namespace) -> None:
    from trainer.single_run import evaluate_holdouts  # noqa: PLC0415

    for written in evaluate_holdouts(args.run):
        print(written)


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
