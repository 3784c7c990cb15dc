"""The trainer's command line: every flag of every command.

Imports nothing numeric: libraries take the number of their threads from the environment when they are loaded, so
nothing may load them before a command has said how many it wants.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias, get_args

from truestrength.trainer.contract.command_line import Parser, count, day, imported_when_called
from truestrength.trainer.contract.config.settings import Amp, Device, Paths
from truestrength.trainer.contract.paths.user import path

OUTPUTS = Path(Paths().outputs)
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top: argparse.ArgumentParser = Parser(
        prog="python -m trainer", description="Trains and evaluates the team-strength ranker."
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_data(commands)
    _add_cache(commands)
    _add_training(commands)
    _add_use(commands)
    return top


def _add_training(commands: Commands) -> None:
    run = commands.add_parser("run", help="one training run outside any sweep, with its own run id")
    run.add_argument("--config", type=path, required=True, metavar="FILE")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any key of the config")
    run.add_argument("--repeats", type=count, default=1, metavar="K", help="seeds, whose mean counts (1)")
    run.add_argument("--threads", type=count, metavar="N", help="CPU threads (default: all cores)")
    run.add_argument(
        "--no-share", action="store_true", help="train every model anew; only batches are read from the store"
    )
    run.set_defaults(handler=imported_when_called("truestrength.trainer.commands.run", "run"))

    work = commands.add_parser("work", help="claim slots of a sweep and train until none is left")
    work.add_argument(
        "--batch-id", required=True, action="append", metavar="B", help="repeated: the next one when this has ended"
    )
    work.add_argument("--threads", type=count, metavar="N", help="CPU threads (default: all cores)")
    work.add_argument("--no-share", action="store_true", help="train every trial alone")
    work.add_argument(
        "--forks", type=path, metavar="FOLDER", help="a launcher's own: fork the workers that it asks for in FOLDER"
    )
    work.set_defaults(handler=imported_when_called("truestrength.trainer.commands.run", "work"))

    holdout = commands.add_parser("holdout", help="evaluate finished runs on the held-out season")
    holdout.add_argument("--run", type=path, required=True, action="append", metavar="FOLDER", help="may be repeated")
    holdout.set_defaults(handler=imported_when_called("truestrength.trainer.commands.run", "holdout"))

    noise = commands.add_parser("noise", help="train finished runs' configurations with more seeds")
    noise.add_argument("--run", type=path, required=True, action="append", metavar="FOLDER", help="may be repeated")
    noise.add_argument("--seeds", type=count, default=5, metavar="N", help="how many (5)")
    noise.set_defaults(handler=imported_when_called("truestrength.trainer.commands.run", "noise"))

    precision = commands.add_parser("precision", help="say on which device, and how, model A is trained here")
    precision.add_argument("--amp", choices=get_args(Amp), default="auto", help="default: %(default)s")
    precision.add_argument("--device", choices=get_args(Device), default="auto", help="default: %(default)s")
    precision.set_defaults(handler=imported_when_called("truestrength.trainer.commands.run", "precision"))


def _add_use(commands: Commands) -> None:
    predict = commands.add_parser(
        "predict",
        help="rank the teams on a date with a finished run's models, and say how the season may end",
        description=(
            "Ranks the teams with what was known before a date: rosters and results of the games before it, and the "
            "season's schedule. Works in any season, also in one that is not over, or that came after the run."
        ),
    )
    predict.add_argument("--run", required=True, metavar="RUN", help="its id (run_034, or 34) or its folder")
    predict.add_argument("--as-of", type=day, metavar="DATE", help="2024-03-01 (default: the last that can be ranked)")
    _add_where(predict)
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--csv", action="store_true", help="the table of the teams")
    predict.set_defaults(handler=imported_when_called("truestrength.trainer.commands.use", "predict"))

    explain = commands.add_parser(
        "explain",
        help="say what carried each team on a date, by a finished run's models, or one team by name",
        description=(
            "Takes every team's strength on a date apart: the expected rank, the columns of its context and, by name, "
            "its players. The parts add up to the strength."
        ),
    )
    explain.add_argument("run", nargs="+", metavar="RUN", help="its id (run_034, or 34) or its folder")
    explain.add_argument("--team", metavar="ABC", help="one team, by its abbreviation (default: all, in short)")
    explain.add_argument(
        "--as-of",
        type=day,
        metavar="DATE",
        help="2024-03-01 (default: the middle of the last season that the run was validated on)",
    )
    _add_where(explain)
    explain.add_argument("--chart", type=path, metavar="FILE", help="also draw it, as an SVG file")
    explain.add_argument("--json", action="store_true", help="for programs")
    explain.add_argument(
        "--save",
        action="store_true",
        help="leave all teams' parts and the chart in the run's folder; several runs, too",
    )
    explain.set_defaults(handler=imported_when_called("truestrength.trainer.commands.use", "explain"))

    compare = commands.add_parser(
        "compare", help="finished runs side by side: settings, figures, and how sure a gain is"
    )
    compare.add_argument(
        "run", nargs="+", metavar="RUN", help="ids (run_034, or 34) or folders; held against the first"
    )
    _add_where(compare)
    compare.add_argument("--json", action="store_true", help="for programs")
    compare.set_defaults(handler=imported_when_called("truestrength.trainer.commands.use", "compare"))


def _add_where(to: argparse.ArgumentParser) -> None:
    to.add_argument("--data", type=path, metavar="DIR", help="a league folder (default: that of the run)")
    to.add_argument(
        "--outputs", type=path, default=OUTPUTS, metavar="DIR", help="where run ids are looked up (%(default)s)"
    )


def _add_cache(commands: Commands) -> None:
    cache = commands.add_parser("cache", help="the store of all stages, from batches to results")
    steps = cache.add_subparsers(required=True, metavar="COMMAND")
    for name, text in (
        ("ls", "list the entries, the longest unused first"),
        ("verify", "compare every entry with its checksum and remove those that differ"),
        ("prune", "remove the longest unused entries beyond the size limit"),
    ):
        step = steps.add_parser(name, help=text)
        step.add_argument("--config", type=path, metavar="FILE", help="read paths.batch_cache and cache.max_gb from it")
        step.add_argument("--folder", type=path, metavar="DIR", help="the store (default: paths.batch_cache)")
        step.set_defaults(handler=imported_when_called("truestrength.trainer.commands.cache", name))
        if name == "prune":
            step.add_argument("--max-gb", type=float, metavar="GB", help="the limit (default: cache.max_gb)")
            step.add_argument("--in-use", action="store_true", help="remove also what was used in the last hour")


def _add_data(commands: Commands) -> None:
    data = commands.add_parser("data", help="league tables: synthetic, imported, downloaded")
    steps = data.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(steps)
    _add_import(steps)
    describe = steps.add_parser("describe", help="say what a league folder holds")
    describe.add_argument("folder", type=path, metavar="DIR", help="a league folder")
    describe.set_defaults(handler=imported_when_called("truestrength.trainer.commands.data", "describe"))
    _add_download(steps)


def _add_demo(steps: Commands) -> None:
    demo = steps.add_parser("demo", help="make a synthetic league, deterministic by its seed")
    demo.add_argument("--into", type=path, required=True, metavar="DIR", help="the league folder to write")
    demo.add_argument("--seed", type=int, default=7, help="another seed, another league (default: %(default)s)")
    demo.add_argument("--seasons", type=int, default=10, metavar="N", help="how many (default: %(default)s)")
    demo.set_defaults(handler=imported_when_called("truestrength.trainer.commands.data", "demo"))


def _add_import(steps: Commands) -> None:
    import_ = steps.add_parser(
        "import", help="import game logs (nba_api's LeagueGameLog columns), as Parquet or CSV, into a league folder"
    )
    import_.add_argument("--team-logs", type=path, required=True, metavar="FILE", help="a row per team and game")
    import_.add_argument("--player-logs", type=path, required=True, metavar="FILE", help="a row per player and game")
    import_.add_argument("--into", type=path, required=True, metavar="DIR", help="the league folder to write")
    import_.add_argument(
        "--teams",
        type=path,
        metavar="FILE",
        help="teams of a league other than the NBA: CSV with TEAM_ID, TEAM_ABBREVIATION, TEAM_NAME, conference",
    )
    import_.set_defaults(handler=imported_when_called("truestrength.trainer.commands.data", "import_"))


def _add_download(steps: Commands) -> None:
    download = steps.add_parser("download", help="download NBA game logs with nba_api and import them")
    download.add_argument("--seasons", required=True, metavar="FIRST:LAST", help="for example 2015-16:2023-24")
    download.add_argument("--into", type=path, default=Path("data/nba"), metavar="DIR", help="default: %(default)s")
    download.add_argument("--base-url", metavar="URL", help="another server with the same interface")
    download.set_defaults(handler=imported_when_called("truestrength.trainer.commands.data", "download"))
