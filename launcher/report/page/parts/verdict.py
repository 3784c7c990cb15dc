"""The first part: what won, whether that is more than chance, and what was asked."""

from __future__ import annotations

from truestrength.launcher.report.page.asked import asked
from truestrength.launcher.report.page.facts import Facts, Part
from truestrength.launcher.report.page.parts.failures import reasons_of
from truestrength.launcher.report.sections.first_sentence import said_first
from truestrength.launcher.report.sections.headline import best_section
from truestrength.trainer.contract.words import Target

SHOWN_REASONS = 2
"""Why attempts failed, the most frequent ones; the sixth part has all."""


def part(facts: Facts) -> Part:
    """The best run of each target, and the data."""
    pictures = {name: name for name in facts.charts}
    data = {
        "verdict": said_first(facts.sweeps, facts.planned),
        "reasons": reasons_of(trial for sweep in facts.sweeps for trial in sweep.incomplete).most_common(SHOWN_REASONS),
        "asked": asked(facts),
        "about": facts.about,
        "best": [best_section(facts.sweeps, target, pictures) for target in _targets(facts)],
    }
    return Part("verdict", "What won", data)


def _targets(facts: Facts) -> list[Target]:
    return [facts.sweep.spec.target] if facts.sweep else list(Target)
