"""What a real SLURM has of a project in its queue."""

LATER = {"begin": "now+1hour"}
"""Of `sbatch`: jobs that wait, to be looked at."""


def shown(project, array_id):
    """What SLURM knows of a job, by its own names."""
    text = project.slurm.ask("scontrol", "--oneliner", "show", "job", array_id).splitlines()[0]
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def queued(project):
    """The jobs of the sweep in the queue, by kind; none twice."""
    jobs = {job["array"]: job for job in project.slurm.queue()}
    kinds = {job["name"].split(".")[1]: array for array, job in jobs.items()}
    assert len(kinds) == len(jobs)
    return kinds
