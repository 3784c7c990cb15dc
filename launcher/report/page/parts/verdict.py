"""The first part: what won, whether that is more than chance, and what was asked."""

from __future__ import annotations

from launcher.report.page.asked import asked
from launcher.report.page.facts import Facts, Part
from launcher.report.sections.first_sentence import said_first
from launcher.report.sections.headline import best_section
from trainer.contract.words import Target


def part(facts: Facts) -> Part:
    """The best run of each target, and the data."""
    pictures = {name: name for name in facts.charts}
    data = {
        "verdict": said_first(facts.sweeps, facts.planned),
        "asked": asked(facts),
        "about": facts.about,
        "best": [best_section(facts.sweeps, target, pictures) for target in _targets(facts)],
    }
    return Part("verdict", "What won", data)


def _targets(facts: Facts) -> list[Target]:
    return [facts.sweep.spec.target] if facts.sweep else list(Target)
