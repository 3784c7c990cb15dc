"""The report as one HTML file that opens anywhere and can be mailed: charts, tables, styles and script are in it.

What stands in it is data: names, host names and reasons are escaped by the libraries that make the page.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from truestrength.launcher.report.page.facts import Facts, Part, link
from truestrength.launcher.report.page.parts import failures, ranking, runs, search, sweeps, time, verdict
from truestrength.launcher.report.page.prose import helpers
from truestrength.launcher.report.sections.terms import TERMS
from truestrength.launcher.report.trials import Sweep

PARTS = (verdict.part, sweeps.part, search.part, ranking.part, time.part, failures.part, runs.part)
"""In the order of the page."""


def page(facts: Facts) -> str:
    """The whole page."""
    parts = [make(facts) for make in PARTS]
    shown = helpers(facts.charts)
    plan = link(facts, facts.outputs.page) if facts.sweep else ""
    return _TEMPLATES.get_template("page.html").render(
        style=_STYLE,
        script=_SCRIPT,
        script_digest=_DIGEST,
        title=f"Sweep {facts.sweep.spec.batch_id}" if facts.sweep else "What the sweeps found",
        plan=plan,
        parts=[(part, _shown(part, shown)) for part in parts],
        terms=shown["prose"](TERMS.partition("\n")[2]),
        finished_at=finished_at(facts.sweeps),
    )


def finished_at(sweeps: Sequence[Sweep]) -> str:
    """When the last attempt ended: the same ledger gives the same page."""
    ended = [sweep.last_finished_at for sweep in sweeps if sweep.last_finished_at]
    return max(ended).strftime("%Y-%m-%d %H:%M UTC") if ended else ""


def _shown(part: Part, shown: Mapping[str, object]) -> Markup:
    text = _TEMPLATES.get_template(f"parts/{part.name}.html").render(data=part.data, **shown)
    return Markup(text)  # noqa: S704 - the template escapes


_TEMPLATES = Environment(
    loader=PackageLoader("truestrength.launcher.report.page", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_FOLDER = Path(__file__).parent
_STYLE = Markup((_FOLDER / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - ours
_SCRIPT = Markup("".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("runs.js", "charts.js")))  # noqa: S704
_DIGEST = f"sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}"
"""What the page's policy lets run: this script, and nothing that may have come in with the data."""
