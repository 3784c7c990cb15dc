"""`--executor slurm`: checks what can be checked here, submits the plan, says what was submitted, and leaves.

Surprising: `sbatch --test-only` knows nearly everything that sbatch refuses, and submits nothing, so every kind of job
of a plan is asked about before the first one is submitted. Nothing stays behind on the login node but, where there is
no other database, the server that was started by hand.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from truestrength.launcher.containers import contained
from truestrength.launcher.containers.checks import checked
from truestrength.launcher.containers.settings import Container, container, parse_container
from truestrength.launcher.database import PROJECT, database_for_jobs
from truestrength.launcher.plan import Plan
from truestrength.launcher.prior import prior_said, with_prior
from truestrength.launcher.registration import exclusively, register, too_few_connections
from truestrength.launcher.slurm import arrays, environment, programs
from truestrength.launcher.slurm.arrays import Slurm, Submission
from truestrength.launcher.slurm.chain import submit_all
from truestrength.launcher.slurm.links import Placement, PlanEnd, SweepEnd
from truestrength.launcher.slurm.names import JobName, plan_name, token_of
from truestrength.launcher.slurm.profile import ClusterProfile, load_profile
from truestrength.launcher.slurm.programs import LimitReachedError, SlurmAwayError, SlurmError
from truestrength.launcher.slurm.site import Site, Sweep, save
from truestrength.trainer.contract import outputs_root
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.ledger import Ledger, notices
from truestrength.trainer.contract.paths.outputs import OutputsRoot, submission_script
from truestrength.trainer.contract.text_table import text_table


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
    """The plan ends with the held-out season."""
    noise: bool = False
    """It ends with more seeds of the best configurations, too."""
    explained: bool = False
    """It ends with what carried each team, in every sweep's best run."""


def run(plan: Plan, options: Options, *, dry_run: bool = False) -> str:
    """Submit a plan, or with `dry_run` only say what would be submitted. Returns what to print.

    Raises:
        UserError: what is wrong and what to do next; nothing was submitted, or the command can be repeated.
    """
    profile = _with_image(load_profile(_given(options.cluster)), options.image)
    _check_setup(profile)
    _check_paths(plan.outputs.root.absolute(), Path(profile.shared_folder or "").absolute())
    if dry_run:
        settings = profile.container
        inside = None if settings.runtime == "none" else container(settings, plan.config.paths, PROJECT)
        return f"{plan.table()}\n\n{preview(_site(plan, profile, options, token=_known_token(plan), inside=inside))}"
    inside = checked(profile.container, plan.config.paths, PROJECT)
    with database_for_jobs(plan.outputs) as url, Ledger(url, patience_s=arrays.PATIENCE_S) as ledger:
        environment.check_reachable(url)
        site = _site(plan, profile, options, token=token_of(outputs_root.outputs_id(plan.outputs)), inside=inside)
        passed = tuple(entry for entry in profile.container.env if "=" not in entry)
        with exclusively(plan, ledger):
            check(site)
            specs = with_prior(ledger, plan.sweeps)
            for one, spec in zip(plan.planned, specs, strict=True):
                register(ledger, spec, plan.outputs, one.limits, plan.command)
            notices.put_receivers(ledger.connection, plan.batch_ids, plan.config.notify)
            environment.write(site.outputs.cluster, passed)
            save(site)
            found = submit_plan(site, ledger)
        few = too_few_connections(ledger, site.n_jobs if site.sequential else sum(one.n_jobs for one in site.sweeps))
    said = [sentence for spec in specs for sentence in prior_said(spec)]
    return "\n\n".join([plan.table(), *said, *([few] if few else []), _summary(site, found)])


def submit_plan(site: Site, ledger: Ledger) -> Placement:
    """Submit what is not in the queue yet, as far as there is room.

    Raises:
        SlurmError: SLURM refused a job; what was submitted before stays, and repeating the command adds the rest.
    """
    try:
        return submit_all(site, Slurm(site.token), ledger, tries=site.profile.max_tries, again=True)
    except LimitReachedError as error:
        raise SlurmError(
            f"{error}\nNothing was submitted: a sweep's array ({site.n_jobs} jobs), the job after it and the last job "
            "are more than you may submit now. Repeat the command when other jobs have ended, or use a smaller --n-jobs"
        ) from None


def check(site: Site) -> list[str]:
    """Ask the cluster about every kind of job of a plan. Returns what it answers, submitting nothing.

    Raises:
        SlurmError: it would refuse one of them, in its own words.
    """
    answers = []
    for what, submission in _kinds(site).items():
        script = submission.script(submission.jobs / "test")
        try:
            answers.append(programs.patiently(partial(programs.would_take, script), arrays.PATIENCE_S))
        except LimitReachedError as error:
            answers.append(str(error))  # for now: some of the plan may have room all the same
        except SlurmAwayError:
            raise
        except SlurmError as error:
            if _NO_NODE in str(error) and programs.nodes_are_away():
                answers.append(f"{what}: {error}: for now, or for ever if the nodes that are away cannot run it either")
                continue
            raise SlurmError(f"{what} would be refused: {error}") from None
    return answers


_NO_NODE = "Requested node configuration is not available"
"""What a test says both where no node could ever run the job and where those that could are down or drained."""


def preview(site: Site) -> str:
    """The very scripts of a plan's first sweep and its last job, and what the cluster says of them."""
    order = "in order" if site.sequential else "at once"
    most = "up to " if len({sweep.n_jobs for sweep in site.sweeps}) > 1 else ""
    lines = [f"{len(site.sweeps)} arrays of {most}{site.n_jobs} workers, {order}"]
    for what, submission in _kinds(site).items():
        folder = submission.jobs / "TIME"
        lines += ["", f"{what}: {submission_script(folder)}", "", submission.script(folder).rstrip()]
    job = arrays.worker_job(site, site.batch_ids[0])
    plain = [job.python, *job.words]
    command = contained.preview(job.container, job.words, job.environment) if job.container else plain
    lines += ["", f"in it, each worker runs: {shlex.join(command)}"]
    if shutil.which("sbatch"):
        lines += ["", *check(site)]
    return "\n".join(lines)


def _kinds(site: Site) -> dict[str, Submission]:
    """One job of each kind that the plan has, none of which waits for another."""
    first = site.batch_ids[0]
    end, last = SweepEnd(first, site.profile.max_tries, 0), PlanEnd(again=True)
    size = site.n_jobs
    if shutil.which("scontrol"):
        size = min(size, Slurm(site.token).largest_array())
    return {
        "the array of the first sweep": arrays.workers(site, first, size, [], size)[0],
        "the job after it": arrays.finisher(site, JobName(first, "finish", site.token), end.words, []),
        "the last job": arrays.finisher(site, JobName(site.plan, "analysis", site.token), last.words, []),
    }


def _check_setup(profile: ClusterProfile) -> None:
    """Refuse a setup line that is no whole command.

    Raises:
        ConfigError: the line, and what bash says of it.
    """
    for i, line in enumerate(profile.setup):
        done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split())
            raise ConfigError(
                f"setup[{i}]: {line!r} is no whole shell command ({said}): lines that belong together are one entry"
            )


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
        plan=plan_name(plan.digest),
        sweeps=tuple(Sweep(one.spec.batch_id, one.n_jobs, one.after) for one in plan.planned),
        sequential=options.sequential,
        python=sys.executable,
        container=inside,
        share=options.share,
        whole=options.whole,
        noise=options.noise,
        explained=options.explained,
    )


def _check_paths(*folders: Path) -> None:
    """Refuse folders that SLURM cannot write logs into.

    Raises:
        ConfigError: the folder and what is wrong with its name.
    """
    for folder in folders:
        if "\\" in str(folder) or not str(folder).isprintable():
            raise ConfigError(
                f"{str(folder)!r}: SLURM writes no log into a folder whose name has a backslash or a line break: "
                "choose another (--set paths.outputs=FOLDER, shared_folder in the profile)"
            )


def _known_token(plan: Plan) -> str:
    """That of the outputs root, if it has been used; a placeholder otherwise, since making one would touch it."""
    return token_of(outputs_root.outputs_id(plan.outputs)) if plan.outputs.identity.exists() else "TOKEN"


def _summary(site: Site, found: Placement) -> str:
    rows = []
    for sweep in found.placed:
        work = ", ".join(sweep.arrays) or ("in the queue already" if sweep.finisher else "nothing left to do")
        rows.append([sweep.batch_id, work, sweep.finisher])
    rows += [[batch_id, "later", None] for batch_id in found.left]
    table = text_table(["sweep", "array of workers", "then"], rows)
    limit = ""
    if found.left:
        n_placed = len(site.sweeps) - len(found.left)
        limit = (
            f"{n_placed} of {len(site.sweeps)} sweeps are in the queue: a limit on submitted jobs is reached "
            f"({found.limit}). Job {found.last} submits the rest when these have ended.\n\n"
        )
    return (
        f"{table}\n\n{limit}at the end: job {found.last}, the analysis. Nothing runs here; `truestrength status` "
        "shows how it goes, and the same command submits again what gets lost."
    )
