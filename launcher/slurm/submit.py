"""`--executor slurm`: checks what can be checked here, submits the plan, says what was submitted, and leaves.

Nothing stays behind on the login node but, where there is no other database, the server that was started by hand.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import msgspec

from launcher.containers.checks import checked
from launcher.containers.contained import preview
from launcher.containers.settings import Container, container, parse_container
from launcher.database import PROJECT, database_for_jobs
from launcher.plan import Plan
from launcher.slurm import arrays, environment
from launcher.slurm.chain import Placed, submit_plan
from launcher.slurm.names import plan_name, token_of
from launcher.slurm.profile import ClusterProfile, load_profile
from launcher.slurm.site import Site, Sweep
from launcher.text_table import text_table
from trainer.contract import outputs_root
from trainer.contract.errors import ConfigError
from trainer.contract.ledger import Ledger
from trainer.contract.paths.outputs import OutputsRoot


@dataclass(frozen=True)
class Options:
    """How a plan is submitted."""

    cluster: Path | None
    """The profile's file."""
    sequential: bool = True
    """Whether a sweep waits for the one before it."""
    image: str | None = None
    """RUNTIME:IMAGE instead of the profile's."""
    share: bool = True
    """Whether trials read each other's results and trained models."""
    whole: bool = False
    """All of Phase I: it ends with the held-out season."""


def run(plan: Plan, options: Options, *, dry_run: bool = False) -> str:
    """Submit a plan, or with `dry_run` only say what would be submitted. Returns what to print.

    Raises:
        UserError: what is wrong and what to do next; nothing was submitted, or the command can be repeated.
    """
    profile = _with_image(load_profile(_given(options.cluster)), options.image)
    if dry_run:
        settings = profile.container
        inside = None if settings.runtime == "none" else container(settings, plan.config.paths, PROJECT)
        return f"{plan.table()}\n\n{describe(_site(plan, profile, options, token='', inside=inside))}"
    inside = checked(profile.container, plan.config.paths, PROJECT)
    with database_for_jobs(plan.outputs) as url, Ledger(url, patience_s=arrays.PATIENCE_S) as ledger:
        environment.check_reachable(url)
        site = _site(plan, profile, options, token=token_of(outputs_root.outputs_id(plan.outputs)), inside=inside)
        passed = tuple(entry for entry in profile.container.env if "=" not in entry)
        environment.write(site.outputs.cluster, passed)
        placed, last = submit_plan(plan, site, ledger)
    return f"{plan.table()}\n\n{_summary(placed, last)}"


def describe(site: Site) -> str:
    """What a worker's and a finisher's job ask for and run."""
    batch_id = site.sweeps[0].batch_id
    job = arrays.worker_job(site, batch_id)
    lines = [f"{len(site.sweeps)} arrays of {site.n_jobs} workers, {'in order' if site.sequential else 'at once'}"]
    for what, wanted in (
        ("each worker", arrays.worker_parameters(site.profile)),
        ("the job after each array", arrays.finisher_parameters(site.profile)),
    ):
        lines.append(f"{what} asks for {', '.join(f'{key}={value}' for key, value in wanted.items())}")
    plain = [job.python, *job.words]
    command = preview(job.container, job.words, job.environment) if job.container else plain
    return "\n".join([*lines, f"each worker of the first sweep runs: {shlex.join(command)}"])


def _given(cluster: Path | None) -> Path:
    if cluster is None:
        known = ", ".join(sorted(str(path) for path in Path("slurm/profiles").glob("*.yaml"))) or "none here"
        raise ConfigError(f"--executor slurm needs --cluster FILE, the profile of your cluster. Examples: {known}")
    return cluster


def _with_image(profile: ClusterProfile, image: str | None) -> ClusterProfile:
    if image is None:
        return profile
    named = parse_container(image)
    inside = msgspec.structs.replace(profile.container, runtime=named.runtime, image=named.image)
    return msgspec.structs.replace(profile, container=inside)


def _site(plan: Plan, profile: ClusterProfile, options: Options, *, token: str, inside: Container | None) -> Site:
    return Site(
        profile=profile,
        outputs=OutputsRoot(plan.outputs.root.absolute()),
        token=token,
        n_jobs=plan.n_jobs,
        plan=plan_name(plan.digest),
        sweeps=tuple(Sweep(spec.batch_id, spec.phase) for spec in plan.sweeps),
        sequential=options.sequential,
        container=inside,
        share=options.share,
        whole=options.whole,
    )


def _summary(placed: list[Placed], last: str) -> str:
    rows = []
    for sweep in placed:
        work = ", ".join(sweep.arrays) or ("in the queue already" if sweep.finisher else "nothing left to do")
        rows.append([sweep.batch_id, work, sweep.finisher])
    table = text_table(["sweep", "array of workers", "then"], rows)
    return (
        f"{table}\n\nat the end: job {last}, the analysis. Nothing runs here; `python -m launcher status` shows how it "
        "goes, and the same command submits again what gets lost."
    )
