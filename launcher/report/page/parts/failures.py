"""The sixth part: what failed, where, and why."""

from __future__ import annotations

from launcher.report.page.facts import Facts, Part
from launcher.report.sections.course import failure_section


def part(facts: Facts) -> Part:
    """Every attempt that ended without a result."""
    return Part("failures", "What failed", {"failures": failure_section(facts.sweeps)})
