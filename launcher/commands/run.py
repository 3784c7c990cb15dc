"""The commands that run a plan: `run`, `phase1`, `sweep`, and `plan`, which prints one."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from truestrength.launcher.beside import Beside
from truestrength.launcher.expansion import Budget, expand_plan, expand_sweep
from truestrength.launcher.local.signals import terminated_like_interrupted
from truestrength.launcher.origins import table, values
from truestrength.launcher.plan import Plan, awaits_demo_league
from truestrength.launcher.set_values import searched_no_more
from truestrength.launcher.trainer_commands import demo_league, forking, precision, work
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.config.user import default_cluster, load_for_user
from truestrength.trainer.contract.database.url import redact
from truestrength.trainer.contract.errors import ConfigError, UserError
from truestrength.trainer.contract.process import thread_environment, threads_per_worker

if TYPE_CHECKING:
    from truestrength.launcher.containers.settings import Container, ContainerSettings
    from truestrength.launcher.local.executors import Executor


def sweep(args: argparse.Namespace) -> int:
    """`truestrength sweep`."""
    config, _ = _load(args)
    words = Words(phase=args.phase, objective=args.objective, listmle_target=args.listmle_target)
    return _run(_with_league(config, args, partial(expand_sweep, config, _budget(args), words, args.batch_id)), args)


def run(args: argparse.Namespace) -> int:
    """`truestrength run`, and `truestrength phase1`."""
    config, origin = _load(args)
    expand = partial(expand_plan, config, args.plan, _budget(args), origin)
    return _run(_with_league(config, args, expand), args, whole=True)


def print_plan(args: argparse.Namespace) -> None:
    """`truestrength plan`."""
    config, origin = _load(args)
    plan = expand_plan(config, args.plan, _budget(args), origin)
    said = values(config, origin, args)
    if args.json:
        found = {**plan.as_json(), "values": {key: one._asdict() for key, one in said.items()}}
        say(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        say(f"{plan.table()}\n\n{table(said)}")


def _with_league(config: Config, args: argparse.Namespace, expand: Callable[[], Plan]) -> Plan:
    """The plan, and what it runs on: mistakes in it are found before the synthetic league is made.

    Raises:
        UserError: the plan is none, or the league could not be made.
    """
    plan = expand()
    if args.dry_run or not awaits_demo_league(config):
        return plan
    make_demo_league(config)
    return expand()


def make_demo_league(config: Config) -> None:
    """Make the synthetic league in the empty default data folder, so that a fresh clone can run a plan.

    Raises:
        UserError: the trainer's command failed.
    """
    command = [sys.executable, *demo_league(config.paths.data)]
    if subprocess.run(command, check=False).returncode:
        raise UserError(f"the demo league could not be made: `{shlex.join(command)}` failed, see above")


def _load(args: argparse.Namespace) -> tuple[Config, dict[str, str]]:
    config, origin = load_for_user(args.config, args.set)
    if config.inference.run_id is not None:
        raise ConfigError(
            f"inference.run_id: {config.inference.run_id}: the runs of a sweep take their ids from the database; "
            "leave it null, or use `truestrength train`"
        )
    return searched_no_more(config, origin), origin


def _budget(args: argparse.Namespace) -> Budget:
    return Budget(
        n_trials=args.n_trials,
        n_jobs=1 if getattr(args, "executor", None) == "debug" else args.n_jobs,
        method=args.method,
        sampler=args.sampler,
        repeats=args.repeats,
        max_minutes=args.max_minutes,
        goal=args.goal,
        explain=bool(args.run_explain),
        share_observations=args.share_observations,
        prior=args.prior,
    )


def _run(plan: Plan, args: argparse.Namespace, *, whole: bool = False) -> int:
    """Run a plan; a `whole` one ends with the held-out season and, unless told otherwise, with more seeds.

    Unless told otherwise, any plan ends with what carried the teams in its sweeps' best runs.
    """
    from truestrength.launcher.containers.checks import checked  # noqa: PLC0415 - what follows is not needed to print a plan
    from truestrength.launcher.containers.settings import parse_container  # noqa: PLC0415

    ends = {"whole": whole, "noise": whole and args.noise, "explained": args.run_explain is not False}
    plan = replace(plan, command=redact(shlex.join(["truestrength", *sys.argv[1:]])))
    if args.workers_per_gpu and args.executor != "local":
        raise ConfigError(
            f"--workers-per-gpu {args.workers_per_gpu}: is for --executor local; on SLURM it is workers_per_gpu in "
            "the profile"
        )
    if args.executor == "slurm":
        from truestrength.launcher.slurm.run_plan import Options, run  # noqa: PLC0415

        options = Options(
            args.cluster or default_cluster(), args.order == "sequential", args.container, args.share, **ends
        )
        say(run(plan, options, dry_run=args.dry_run))
        return 0
    if args.cluster:
        raise ConfigError(f"--cluster {args.cluster}: needs --executor slurm")
    settings = parse_container(args.container or "none")
    if args.dry_run:
        say(_preview(plan, settings, share=args.share))
        return 0
    inside = checked(settings, plan.config.paths, Path())

    from truestrength.launcher.database import database_for_command  # noqa: PLC0415
    from truestrength.launcher.local.progress import display  # noqa: PLC0415
    from truestrength.launcher.local.run_plan import WrittenReports, run_plan  # noqa: PLC0415
    from truestrength.trainer.contract.ledger import Ledger  # noqa: PLC0415

    executor = _executor(plan, args, inside)
    # A first run makes Optuna's tables.
    importing = None if plan.outputs.identity.exists() else Beside(_import_optuna)
    with terminated_like_interrupted(), display() as screen:
        screen.say(plan.table())
        with database_for_command(plan.outputs, screen.say) as url, Ledger(url) as ledger:
            if importing:
                importing.result()  # two threads that import the same packages see halves of them
            reports = WrittenReports(plan, ledger, screen.say, executor.run, **ends)
            return run_plan(plan, ledger, executor, screen, reports)


def _import_optuna() -> None:
    """With what it imports when its storage is made: this takes a second, while the database starts."""
    for name in ("optuna.storages", "alembic.command", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql"):
        import_module(name)


def _preview(plan: Plan, settings: ContainerSettings, *, share: bool) -> str:
    """The plan, and what its workers run."""
    from truestrength.launcher.containers.contained import preview  # noqa: PLC0415 - only for this
    from truestrength.launcher.containers.settings import container  # noqa: PLC0415

    first, *later = (spec.batch_id for spec in plan.sweeps)
    threads = threads_per_worker(plan.n_jobs)
    words = work(first, threads, later, share=share)
    python = sys.executable if settings.runtime == "none" else settings.python
    said = f"{plan.table()}\n\neach worker runs: {shlex.join([python, *words])}"
    if settings.runtime == "none":
        return said
    forks = forking(words, plan.outputs.sweep(first).jobs.absolute() / "SUBMISSION")
    command = preview(container(settings, plan.config.paths, Path()), forks, thread_environment(threads))
    return f"{said}\nall in one container: {shlex.join(command)}"


def _executor(plan: Plan, args: argparse.Namespace, inside: Container | None) -> Executor:
    """Where the workers run on this machine.

    Raises:
        ConfigError: the debugger's worker in a container, a device that is not here, or more workers than the GPUs
            have room for.
    """
    from truestrength.launcher.jobs import devices  # noqa: PLC0415 - only for this
    from truestrength.launcher.local.executors import DebugExecutor, LocalExecutor  # noqa: PLC0415

    if args.executor == "debug" and inside:
        raise ConfigError("--executor debug runs the worker in this terminal: use --executor local with --container")
    if not inside:
        _check_precision(plan.config)
    worker = partial(work, share=args.share)
    if args.executor == "debug":
        return DebugExecutor(worker)
    if re.search("%[jtAa]", str(plan.outputs.root.absolute())):
        raise ConfigError(
            f"paths.outputs: {plan.outputs.root.absolute()}: submitit replaces %j, %t, %A and %a in the names of its "
            "jobs' files: choose a name without them"
        )
    found = devices.devices()
    if args.workers_per_gpu:
        peak_mb = devices.measured_peak_mb(plan.outputs)
        devices.check(found, plan.n_jobs, args.workers_per_gpu, peak_mb)
    return LocalExecutor(plan.n_jobs, worker, inside, args.workers_per_gpu, found)


def _check_precision(config: Config) -> None:
    """Ask the trainer for what not every machine has, so that no worker has to find out.

    Raises:
        ConfigError: in the trainer's words.
    """
    training = config.training
    if training.device != "cuda" and training.amp != "fp16":
        return
    command = [sys.executable, *precision(training.amp, training.device)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(done.stderr.strip().removeprefix("error: "))
