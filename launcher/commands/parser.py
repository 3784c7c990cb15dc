"""The launcher's command line: every flag of every command. Imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias, TypeVar

from truestrength.launcher.commands.completion import complete_sweeps
from truestrength.launcher.commands.examples import EXAMPLES
from truestrength.trainer.contract.command_line import (
    Parser,
    add_examples,
    add_version,
    count,
    imported_when_called,
    positive,
)
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.config.user import (
    CLUSTER_VARIABLE,
    CONFIG_VARIABLE,
    DEFAULT_CONFIG,
    OUTPUTS_VARIABLE,
    named,
)
from truestrength.trainer.contract.errors import suggest
from truestrength.trainer.contract.paths.user import path
from truestrength.trainer.contract.words import MOST_REPEATS, MOST_WORKERS, Method, Objective, Phase, Sampler, Target

DESCRIPTION = "Sweeps, Phase I, the plan, the database, and what is going on."
EXECUTORS = ("local", "slurm", "debug")
LOOKS = (
    "A database that is away is waited for only half a minute: whoever looks wants to know. With --watch or --follow, "
    "and for all other commands, it is ten minutes."
)
ORDERS = ("sequential", "parallel")
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
E = TypeVar("E", bound=StrEnum)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top: argparse.ArgumentParser = Parser(prog="python -m launcher", description=DESCRIPTION)
    add_version(top, imported_when_called("truestrength.trainer.contract.records.version", "show"))
    add_commands(top.add_subparsers(required=True, metavar="COMMAND"))
    add_examples(top, EXAMPLES)
    complete_sweeps(top)
    return top


def add_commands(commands: Commands) -> None:
    """Add every command of the launcher to a command line."""
    _add_plans(commands)
    _add_narrow(commands)
    report = commands.add_parser("report", help="write the tables and the analysis again; runs nothing")
    _add_outputs(report)
    report.add_argument("batch_id", nargs="?", metavar="BATCH", help="only this sweep's tables, and the analysis")
    report.set_defaults(handler=imported_when_called("truestrength.launcher.commands.report", "report"))

    _add_publish(commands)
    _add_compare(commands)

    dashboard = commands.add_parser("dashboard", help="optuna-dashboard on the studies, on this machine, read-only")
    dashboard.add_argument("--port", type=int, default=8080, metavar="N", help="0: any that is free (%(default)s)")
    _add_outputs(dashboard)
    dashboard.set_defaults(handler=imported_when_called("truestrength.launcher.commands.dashboard", "dashboard"))

    _add_watching(commands)
    _add_roots(commands)
    _add_database(commands)
    _add_cluster(commands)
    _add_cluster_jobs(commands)
    _add_doctor(commands)
    completion = commands.add_parser("completion", help="what a shell needs to complete `truestrength`")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(handler=imported_when_called("truestrength.launcher.commands.completion", "completion"))


def _add_plans(commands: Commands) -> None:
    sweep = commands.add_parser("sweep", help="one sweep: an objective, a target, a search space, a budget")
    _add_cell(sweep)
    _add_budget(sweep)
    _add_config(sweep)
    _add_running(sweep)
    sweep.set_defaults(handler=imported_when_called("truestrength.launcher.commands.run", "sweep"))

    run = commands.add_parser("run", help="a plan of the configuration: its sweeps, the analysis, the held-out season")
    run.add_argument("plan", metavar="PLAN", help="its name below `plans:` in the configuration")
    phase1 = commands.add_parser("phase1", help="all of Phase I, `run phase1`: twelve sweeps, then the rolling sweep")
    phase1.set_defaults(plan="phase1")
    for whole in (run, phase1):
        _add_budget(whole)
        _add_config(whole)
        _add_running(whole)
        _add_noise(whole)
        whole.set_defaults(handler=imported_when_called("truestrength.launcher.commands.run", "run"))

    plan = commands.add_parser("plan", help="print a plan; touches nothing")
    plan.add_argument("plan", nargs="?", default="phase1", metavar="PLAN", help="its name (phase1)")
    _add_budget(plan)
    _add_config(plan)
    plan.add_argument("--json", action="store_true", help="for programs")
    plan.set_defaults(handler=imported_when_called("truestrength.launcher.commands.run", "print_plan"))


def _add_compare(commands: Commands) -> None:
    compare = commands.add_parser(
        "compare", help="finished runs side by side: settings, figures, and how sure a gain is"
    )
    compare.add_argument(
        "run", nargs="+", metavar="RUN", help="ids (run_034, or 34) or folders; held against the first"
    )
    compare.add_argument("--data", type=path, metavar="DIR", help="a league folder (default: that of the first run)")
    compare.add_argument(
        "-o",
        "--outputs",
        type=path,
        default=named(OUTPUTS_VARIABLE) or Paths().outputs,
        metavar="DIR",
        help="where run ids are looked up (%(default)s)",
    )
    compare.add_argument("--json", action="store_true", help="for programs")
    compare.set_defaults(handler=imported_when_called("truestrength.launcher.commands.report", "compare"))


def _add_narrow(commands: Commands) -> None:
    narrow = commands.add_parser(
        "narrow",
        help="write a configuration whose plan searches around the best trials of a sweep",
        description=(
            "Writes a configuration whose plan searches around the best quartile of a sweep that has ended. A range "
            "becomes that of the best trials, a choice keeps their values, and a parameter that mattered little is "
            "fixed at the best trial's value. The file says why beside each parameter, and how to run it."
        ),
    )
    narrow.add_argument("batch_id", metavar="BATCH", help="the sweep")
    narrow.add_argument("--to", type=path, metavar="FILE", help="what is written (config/narrowed_BATCH.yaml)")
    _add_outputs(narrow)
    narrow.set_defaults(handler=imported_when_called("truestrength.launcher.commands.narrow", "narrow"))


def _add_publish(commands: Commands) -> None:
    publish = commands.add_parser(
        "publish",
        help="commit the results and the analysis of a sweep or a plan to git",
        description=(
            "Commits tables, configurations, metrics, the analysis and a row in the README's table of Report Assets, "
            "and nothing else: no models, caches or logs. Refuses in the middle of a merge, without a branch, with "
            "staged changes, or where a file holds a database's password."
        ),
    )
    publish.add_argument("name", metavar="BATCH|PLAN", help="a sweep, or a plan of the configuration")
    publish.add_argument("--push", action="store_true", help="push the branch, too")
    publish.add_argument(
        "--notion",
        metavar="PAGE",
        help="and add or update the entry of these outputs in a database of Notion: its link or id, or that of a page "
        "with one database (token: NOTION_TOKEN)",
    )
    publish.add_argument("-c", "--config", type=path, default=_config(), metavar="FILE", help="(%(default)s)")
    publish.add_argument("-o", "--outputs", type=path, metavar="DIR", help="where the sweeps are (the configuration's)")
    publish.set_defaults(handler=imported_when_called("truestrength.launcher.commands.publish", "publish"))


def _add_cell(to: argparse.ArgumentParser) -> None:
    to.add_argument("--phase", default=Phase.PHASE1, metavar="PHASE", help="a search space of the config (phase1)")
    to.add_argument("--objective", type=one_of(Objective), default=Objective.SPEARMAN, metavar=_names(Objective))
    to.add_argument(
        "--listmle-target", type=one_of(Target), metavar=_names(Target), help="default: training.listmle_target"
    )
    to.add_argument("--batch-id", metavar="ID", help="name of the sweep (default: PHASE_OBJECTIVE_TARGET)")


def _add_budget(to: argparse.ArgumentParser) -> None:
    to.add_argument("--method", type=one_of(Method), metavar=_names(Method), help="(the plan's, or optuna)")
    to.add_argument(
        "--sampler",
        type=one_of(Sampler),
        metavar=_names(Sampler),
        help="of method optuna (tpe): one worker gives the same points again",
    )
    to.add_argument("-n", "--n-trials", type=count, metavar="N", help="trials of a sweep (the plan's, or 12)")
    to.add_argument("-j", "--n-jobs", type=workers, metavar="N", help="workers of a sweep's array (the plan's, or 4)")
    to.add_argument("--repeats", type=repeats, metavar="K", help="seeds of every trial; their mean counts (1)")
    to.add_argument(
        "--max-minutes", type=positive, metavar="M", help="end a sweep that was worked at for so long (no limit)"
    )
    to.add_argument("--goal", type=positive, metavar="VALUE", help="end a sweep when a trial is as good (none)")
    to.add_argument(
        "--run-explain",
        action=argparse.BooleanOptionalAction,
        help="every run's importances; --no-run-explain: not even what carried the teams in a sweep's best run (that)",
    )
    to.add_argument(
        "--share-observations",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="trials of sweeps with the same target count as prior observations",
    )
    to.add_argument(
        "--prior",
        type=listed,
        default=(),
        metavar="BATCH[,BATCH]",
        help="so do trials of earlier sweeps, or of a FOLDER/",
    )


def _add_config(to: argparse.ArgumentParser) -> None:
    to.add_argument("-c", "--config", type=path, default=_config(), metavar="FILE", help="(%(default)s)")
    to.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change any key; what is set is not searched"
    )


def _add_running(to: argparse.ArgumentParser) -> None:
    to.add_argument("--executor", choices=EXECUTORS, default="local", help="where workers run (local)")
    to.add_argument(
        "--cluster",
        type=path,
        metavar="FILE",
        help=f"with --executor slurm: slurm/profiles/NAME.yaml ({CLUSTER_VARIABLE})",
    )
    to.add_argument("--container", metavar="RUNTIME:IMAGE", help="run workers in it: docker|podman|apptainer|…")
    to.add_argument("--workers-per-gpu", type=workers, metavar="N", help="on this machine: so many share a GPU")
    to.add_argument("--order", choices=ORDERS, default="sequential", help="with slurm: of the sweeps (sequential)")
    to.add_argument("--no-share", dest="share", action="store_false", help="train every trial alone; the same results")
    to.add_argument("--dry-run", action="store_true", help="print the plan and touch nothing")


def _add_noise(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--noise",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="at the end, five more seeds of the best configurations: how much is chance (on)",
    )


def _add_watching(commands: Commands) -> None:
    status = commands.add_parser("status", help="sweeps and workers, from the ledger", description=LOOKS)
    status.add_argument("-w", "--watch", action="store_true", help="again every few seconds, until Ctrl-C")
    status.add_argument("--json", action="store_true", help="for programs")
    _add_outputs(status)
    status.set_defaults(handler=imported_when_called("truestrength.launcher.commands.watch", "status"))

    logs = commands.add_parser("logs", help="what the workers of a sweep say", description=LOOKS)
    logs.add_argument("batch_id", metavar="BATCH")
    logs.add_argument("--worker", type=int, metavar="N", help="only worker N, by its number in `status`")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the sweep has ended")
    _add_outputs(logs)
    logs.set_defaults(handler=imported_when_called("truestrength.launcher.commands.watch", "logs"))

    cancel = commands.add_parser("cancel", help="stop a sweep; its workers give back their slots")
    which = cancel.add_mutually_exclusive_group(required=True)
    which.add_argument("batch_id", nargs="?", metavar="BATCH")
    which.add_argument("--all", action="store_true", help="every sweep that is not complete")
    _add_outputs(cancel)
    cancel.set_defaults(handler=imported_when_called("truestrength.launcher.commands.watch", "cancel"))

    forget = commands.add_parser("forget", help="free a batch id: the sweep leaves the database, its files stay")
    which = forget.add_mutually_exclusive_group(required=True)
    which.add_argument("batch_id", nargs="?", metavar="BATCH")
    which.add_argument("--all", action="store_true", help="every sweep")
    _add_outputs(forget)
    forget.set_defaults(handler=imported_when_called("truestrength.launcher.commands.watch", "forget"))

    retry = commands.add_parser("retry", help="give failed slots new attempts, and take back a cancellation")
    retry.add_argument("batch_id", metavar="BATCH")
    _add_outputs(retry)
    retry.set_defaults(handler=imported_when_called("truestrength.launcher.commands.watch", "retry"))


def _add_roots(commands: Commands) -> None:
    group = commands.add_parser("outputs", help="whose an outputs root is, after a copy or the loss of a database")
    ways = group.add_subparsers(required=True, metavar="adopt|separate")
    helps = {
        "adopt": "the database goes on with this folder, in place of a copied original or of a database that is lost",
        "separate": "make a copy an outputs root of its own",
    }
    for way, said in helps.items():
        to = ways.add_parser(way, help=said)
        to.add_argument("outputs", type=path, metavar="DIR")
        to.set_defaults(handler=imported_when_called("truestrength.launcher.commands.outputs", way))


def _add_database(commands: Commands) -> None:
    group = commands.add_parser("db", help="the embedded PostgreSQL server, in .postgres/")
    steps = group.add_subparsers(required=True, metavar="up|down|status|url|backup|restore")
    up = steps.add_parser("up", help="start it unless it runs")
    up.add_argument(
        "--listen",
        nargs="?",
        const=True,
        default=False,
        metavar="ADDRESS",
        help="accept connections from other machines, on every interface or on one address",
    )
    up.set_defaults(handler=imported_when_called("truestrength.launcher.commands.database", "up"))
    down = steps.add_parser("down", help="stop it")
    down.set_defaults(handler=imported_when_called("truestrength.launcher.commands.database", "down"))
    status = steps.add_parser("status", help="say whether it runs")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(handler=imported_when_called("truestrength.launcher.commands.database", "status"))
    url = steps.add_parser("url", help="print the database's URL, password included")
    _add_outputs(url)
    url.add_argument(
        "--sqlalchemy", action="store_true", help="for tools that use SQLAlchemy, as optuna-dashboard does"
    )
    url.set_defaults(handler=imported_when_called("truestrength.launcher.commands.database", "url"))
    backup = steps.add_parser("backup", help="write all of a database to a file, while it is in use, too")
    restore = steps.add_parser("restore", help="put a backup into a database that nobody uses")
    for step in (backup, restore):
        step.add_argument("file", type=path, metavar="FILE")
        _add_outputs(step)
    restore.add_argument("--replace", action="store_true", help="also where there are sweeps, which are lost")
    backup.set_defaults(handler=imported_when_called("truestrength.launcher.commands.database", "backup"))
    restore.set_defaults(handler=imported_when_called("truestrength.launcher.commands.database", "restore"))


def _add_cluster(commands: Commands) -> None:
    group = commands.add_parser("cluster", help="a profile for the SLURM cluster of this machine")
    steps = group.add_subparsers(required=True, metavar="init")
    init = steps.add_parser("init", help="write one from what sinfo says of the partitions; submits nothing")
    file = Path("my_cluster.yaml")
    init.add_argument("--to", type=path, default=file, metavar="FILE", help=f"what is written ({file})")
    init.add_argument("--partition", metavar="NAME", help="where workers run (the cluster's default)")
    init.set_defaults(handler=imported_when_called("truestrength.launcher.commands.cluster_profile", "init"))


def _add_doctor(commands: Commands) -> None:
    doctor = commands.add_parser("doctor", help="what would keep a plan from running here, and what to do about it")
    _add_config(doctor)
    doctor.add_argument("--cluster", type=path, metavar="FILE", help="a profile: one small job looks at a node, too")
    doctor.add_argument("--container", metavar="RUNTIME:IMAGE", help="what workers are to run in (none)")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(handler=imported_when_called("truestrength.launcher.commands.doctor", "doctor"))


def _add_cluster_jobs(commands: Commands) -> None:
    file = "the plan's file, OUTPUTS/.cluster/plans/NAME.json"
    worker = commands.add_parser("worker", help="in a SLURM array: one worker of a sweep")
    worker.add_argument("plan", type=Path, metavar="PLAN", help=file)
    worker.add_argument("--batch-id", required=True, metavar="ID", help="the sweep")
    worker.set_defaults(handler=imported_when_called("truestrength.launcher.commands.cluster", "worker"))

    finish = commands.add_parser("finish", help="in SLURM, after an array: the sweep's tables, and what is missing")
    finish.add_argument("plan", type=Path, metavar="PLAN", help=file)
    finish.add_argument("--batch-id", metavar="ID", help="the sweep (default: the end of the plan)")
    finish.add_argument("--tries", type=count, metavar="N", help="arrays that may still end without one more trial")
    finish.add_argument("--closed", type=int, metavar="N", help="trials done or failed when its array was submitted")
    finish.add_argument("--left", action="append", default=[], metavar="ID", help="a sweep that is yet to be submitted")
    finish.add_argument("--again", action="store_true", help="submit once more what was lost with its whole chain")
    finish.set_defaults(handler=imported_when_called("truestrength.launcher.commands.cluster", "finish"))


def _add_outputs(to: argparse.ArgumentParser) -> None:
    # A database that the environment names is the only one: there is no root to choose then.
    chosen = None if any(map(named, ("DATABASE_URL", "DATABASE_URL_FILE"))) else named(OUTPUTS_VARIABLE)
    said = f"of this outputs root (default: {chosen or 'that of the last plan'})"
    to.add_argument("-o", "--outputs", type=path, default=chosen, metavar="DIR", help=said.replace("%", "%%"))


def _config() -> str:
    return named(CONFIG_VARIABLE) or DEFAULT_CONFIG


def one_of(kind: type[E]) -> Callable[[str], E]:
    """A converter to an enum; another value lists those that are allowed."""

    def convert(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: {suggest(text, list(kind))}") from None

    return convert


def listed(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between them")
    return names


def workers(text: str) -> int:
    """A number of workers at once."""
    return _at_most(MOST_WORKERS, text)


def repeats(text: str) -> int:
    """A number of seeds."""
    return _at_most(MOST_REPEATS, text)


def _at_most(most: int, text: str) -> int:
    if (number := count(text)) > most:
        raise argparse.ArgumentTypeError(f"{text!r}: expected at most {most}")
    return number


def _names(kind: type[StrEnum]) -> str:
    return "|".join(kind)
