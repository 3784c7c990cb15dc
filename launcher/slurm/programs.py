"""Asks SLURM: what is in the queue, how jobs ended, what the cluster allows. One call each, however many jobs.

Surprising: SLURM's commands take options from variables of their own (`SBATCH_TIMELIMIT`, `SQUEUE_STATES`), so none of
those reach them from here: the profile is all that counts. And a job that `squeue` lists is alive, whatever its state
says. NODE_FAIL and PREEMPTED are no ends, because SLURM puts such a job back into the queue under the same id; and
`sacct` may not work at all.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from truestrength.trainer.contract.errors import UserError

T = TypeVar("T")

CALL_TIMEOUT_S = 60
LONGEST_PAUSE_S = 20.0
_READ_BY_SLURM = ("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_", "SINFO_")
_KEPT = {"SLURM_CONF", "SLURM_CONF_SERVER"}
_LIMIT = re.compile(r"\w*Max\w*Submit\w*|temporarily unable to accept job", re.IGNORECASE)
"""SLURM's words of limits on submitted jobs: `AssocMaxSubmitJobLimit` and its like, and the cluster's `MaxJobCount`."""
_AT_WORK = {"idle", "mixed", "allocated", "completing"}
_PASSING = (
    "unable to contact slurm controller",
    "socket timed out",
    "transport endpoint",
    "connection refused",
    "connection reset",
    "communication connection failure",
    "zero bytes were transmitted",
    "temporarily unable",
    "temporarily unavailable",
    "resource temporarily",
)


class SlurmError(UserError):
    """SLURM refused what was asked of it."""


class SlurmAwayError(SlurmError):
    """SLURM does not answer. Nothing is lost: repeat the command when `scontrol ping` says UP."""


class LimitReachedError(SlurmError):
    """So many jobs may be submitted at once, and no more. Some end, and then there is room."""


class QueuedJob(NamedTuple):
    """A job, or one element of a job array, that waits or runs."""

    job_id: str
    """`12`, or `12_3` for an element; the elements of an array that waits stand together as `12_[0-3%2]`."""
    array_id: str
    """The number that dependencies and `scancel` take: of the whole array."""
    name: str
    state: str
    reason: str
    """Why it waits; `None` (SLURM's word) for a running job."""
    node: str
    dependency: str
    starts: str
    """When it started or, as far as the cluster can tell, is going to: local time; `N/A` when it cannot."""
    comment: str


_COLUMNS = "%i|%F|%j|%T|%r|%N|%E|%S|%k"


def queue() -> list[QueuedJob]:
    """This user's live jobs, in one call.

    Raises:
        SlurmAwayError: the controller does not answer.
    """
    text = call("squeue", "--noheader", f"--user={os.getuid()}", f"--format={_COLUMNS}")
    return [QueuedJob(*line.split("|", 8)) for line in text.splitlines() if line.count("|") >= 8]


def ended(job_ids: Iterable[str]) -> dict[str, list[str]]:
    """How jobs ended, by job id, in one call; what accounting does not know, or is not there to know, is left out.

    A job that was requeued has ended more than once, under one id.
    """
    ids = sorted({job_id.partition("_")[0] for job_id in job_ids})
    if not ids:
        return {}
    columns = ["--noheader", "--parsable2", "--allocations", "--duplicates", "--format=JobID,State"]
    try:
        text = call("sacct", *columns, f"--jobs={','.join(ids)}")
    except SlurmError:
        return {}
    found: dict[str, list[str]] = {}
    for row, state in (line.split("|") for line in text.splitlines() if line.count("|") == 1):
        for job_id in elements(row):
            found.setdefault(job_id, []).append(state.partition(" ")[0])
    return found


def elements(job_id: str) -> list[str]:
    """The elements that SLURM writes together.

    >>> elements("12_[0-2,5%2]"), elements("7"), elements("12_3")
    (['12_0', '12_1', '12_2', '12_5'], ['7'], ['12_3'])
    """
    found = re.fullmatch(r"(\d+)_\[([\d,-]+)(?:%\d+)?\]", job_id)
    if not found:
        return [job_id]
    ranges = [part.partition("-") for part in found.group(2).split(",")]
    return [f"{found.group(1)}_{i}" for low, _, high in ranges for i in range(int(low), int(high or low) + 1)]


def sbatch(script: Path) -> str | None:
    """Submit a script. Returns the job's id; None when the answer has none and the queue has to be asked.

    Raises:
        LimitReachedError: the user's, the account's or the cluster's number of jobs is used up.
        SlurmError: the cluster refuses the job, in its own words.
    """
    said = call("sbatch", "--parsable", str(script))
    found = [match.group(1) for line in said.splitlines() if (match := re.fullmatch(r"\s*(\d+)(;\S*)?\s*", line))]
    return found[-1] if found else None


def would_take(script: str) -> str:
    """What the cluster says of a script that is not submitted: when and where it would start.

    Raises:
        SlurmError: it would be refused, in the cluster's words.
    """
    return call("sbatch", "--test-only", given=script, wanted="stderr").strip()


@cache
def max_array_size() -> int:
    """The most elements that the cluster allows an array."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", call("scontrol", "show", "config"), re.MULTILINE)
    return max(1, int(found.group(1))) if found else 1001


def node_addresses() -> set[str]:
    """Host names or addresses of the cluster's nodes."""
    return set(call("sinfo", "--noheader", "--Node", "--format=%o").split())


def nodes_are_away() -> bool:
    """Whether some node takes no jobs at present: what no node can run now may then only have to wait."""
    states = call("sinfo", "--noheader", "--Node", "--format=%T").split()
    return any(state.rstrip("*~#!%$@^-") not in _AT_WORK for state in states)


def cancel(array_ids: Sequence[str]) -> None:
    """End jobs, waiting or running; those that have ended already do not matter."""
    if array_ids:
        call("scancel", *array_ids)


def let_wait(job: QueuedJob, array_ids: Sequence[str]) -> None:
    """Let a job that has not started wait for these jobs, and for no others."""
    call("scontrol", "update", f"JobId={job.array_id}", f"Dependency=afterany:{':'.join(array_ids)}")


def waits_for(job: QueuedJob) -> list[str]:
    """The jobs that a job waits for.

    >>> waits_for(QueuedJob("9", "9", "", "PENDING", "", "", "afterany:5_*(unfulfilled),afterany:7", "N/A", ""))
    ['5', '7']
    """
    return re.findall(r"afterany:(\d+)", job.dependency)


def patiently(task: Callable[[], T], patience_s: float) -> T:
    """Repeat `task` with back-off while SLURM does not answer, for `patience_s` seconds at most."""
    attempts = Retrying(
        retry=retry_if_exception_type(SlurmAwayError),
        wait=wait_random_exponential(multiplier=1, max=LONGEST_PAUSE_S),
        stop=stop_after_delay(patience_s),
        reraise=True,
    )
    return attempts(task)


def call(*command: str, given: str = "", wanted: Literal["stdout", "stderr"] = "stdout") -> str:
    """Run one of SLURM's commands and return what it prints.

    Args:
        command: Its name and arguments.
        given: Its standard input.
        wanted: Where it prints its answer.

    Raises:
        SlurmError: in the command's own words.
        SlurmAwayError: it does not answer; that may pass.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CALL_TIMEOUT_S,
            check=False,
            input=given,
            env=_environment(),
        )
    except FileNotFoundError:
        raise SlurmError(
            f"{command[0]}: no such command: is this a machine of a SLURM cluster? --executor local needs none"
        ) from None
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode(errors="replace")
        if _LIMIT.search(said):  # sbatch repeats it by itself, for minutes
            raise _failure(command[0], said) from None
        raise SlurmAwayError(f"{command[0]}: no answer within {CALL_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise _failure(command[0], done.stderr)
    return done.stdout if wanted == "stdout" else done.stderr


def _environment() -> dict[str, str]:
    """This process's environment without what would change SLURM's commands, be it the user's or an outer job's.

    Which cluster is meant stays, for all commands alike.
    """
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_READ_BY_SLURM)}
    if cluster := os.environ.get("SLURM_CLUSTERS") or os.environ.get("SBATCH_CLUSTERS"):
        kept["SLURM_CLUSTERS"] = cluster
    return {**kept, "SLURM_BITSTR_LEN": "0"}  # an array's elements in full, however many


def _failure(command: str, said: str) -> SlurmError:
    """The error that stands for what a command of SLURM said."""
    words = " ".join(said.split())
    if _LIMIT.search(words):
        return LimitReachedError(f"{command}: {words}")
    if any(passing in words.lower() for passing in _PASSING):
        return SlurmAwayError(f"{command}: {words}. {SlurmAwayError.__doc__}")
    return SlurmError(f"{command}: {words}")
