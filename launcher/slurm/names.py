"""The names of jobs on SLURM.

Surprising: a name is all that has to be remembered. It says which sweep of which outputs root a job serves, so a
launcher that died between sbatch and writing anything down finds its job again by asking the queue.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["work", "finish", "analysis"]
"""An array of workers; the job that ends a sweep; the job that ends a plan."""


class JobName(NamedTuple):
    """Which job of which sweep of which outputs root."""

    batch_id: str
    """Or `plan_name`."""
    kind: Kind
    token: str
    """Of the outputs root."""

    def __str__(self) -> str:
        """As SLURM shows it.

        >>> str(JobName("phase1_ndcg4_final_rank", "work", "3fa9c21b"))
        'phase1_ndcg4_final_rank.work.3fa9c21b'
        """
        return ".".join(self)


def job_name(text: str) -> JobName | None:
    """The parts of a job's name; None when it is not one of ours.

    >>> job_name("phase1_ndcg4_final_rank.work.3fa9c21b").kind
    'work'
    """
    match text.rsplit(".", 2):
        case [batch_id, ("work" | "finish" | "analysis") as kind, token]:
            return JobName(batch_id, kind, token)
    return None


def plan_name(digest: str) -> str:
    """Stands for the batch id in the name of a plan's last job."""
    return f"plan-{digest[:8]}"


def token_of(root_id: str) -> str:
    """What of an outputs root's id stands in its jobs' names."""
    return root_id[:8]
