"""The fifth part: where the time went, and what it cost."""

from __future__ import annotations

from truestrength.launcher.report.figures.workers import joined, worker_plot
from truestrength.launcher.report.page.facts import Facts, Part
from truestrength.launcher.report.page.slurm_jobs import slurm_section
from truestrength.launcher.report.sections.cost import cost_section
from truestrength.launcher.report.sections.course import time_section


def part(facts: Facts) -> Part:
    """Workers over time, what the attempts cost, and time by sweep and by stage."""
    workers = worker_plot(facts.sweeps)
    data = {
        "left_out": f"{len(workers.rows)} of {workers.workers}"
        if workers and len(workers.rows) < workers.workers
        else "",
        "joined": bool(workers and joined(workers)),
        "cost": cost_section(facts.sweeps),
        "slurm": slurm_section(facts.sweeps, facts.outputs),
        "time": time_section(facts.sweeps),
    }
    return Part("time", "Time and cost", data)
