"""The report as one HTML file that opens anywhere and can be mailed: every chart is in it, and no script.

It says what the Markdown report says, and has every run in a table. What stands in it is data: names, host names and
reasons are escaped by the two libraries that make the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from launcher.report.markdown import MISSING, setting
from launcher.report.trials import Sweep, Trial, parameter_names
from trainer.contract.config.search_space import singles

MOST_RUNS = 2000
"""Rows of the table of runs. More make a file that is slow to open and to mail; `sweep_results.csv` has all."""
_LABEL = re.compile(r'aria-label="[^"]*"')


class Heading(NamedTuple):
    """A section of the page."""

    anchor: str
    text: str


def page(markdown: str, sweeps: Sequence[Sweep], figures: Mapping[str, str], folder: Path) -> str:
    """The whole page.

    Args:
        markdown: The report.
        sweeps: Whose runs the table has.
        figures: Charts by name, as paths relative to `folder`.
        folder: Where the page will lie.
    """
    charts = {path: (folder / path).read_text(encoding="utf-8") for path in figures.values()}
    renderer = _renderer()
    tokens = renderer.parse(markdown)
    headings = list(_anchored(tokens))
    rows = list(_rows(sweeps))
    return _TEMPLATE.render(
        headings=headings,
        report=Markup(renderer.renderer.render(tokens, renderer.options, {"charts": charts})),  # noqa: S704 - escaped
        finished_at=_finished_at(sweeps),
        rows=rows[:MOST_RUNS],
        left_out=max(0, len(rows) - MOST_RUNS),
        missing=MISSING,
    )


def _finished_at(sweeps: Sequence[Sweep]) -> str:
    """When the last attempt ended: the same ledger gives the same page."""
    ended = [sweep.last_finished_at for sweep in sweeps if sweep.last_finished_at]
    return max(ended).strftime("%Y-%m-%d %H:%M UTC") if ended else ""


def _rows(sweeps: Sequence[Sweep]) -> Iterator[dict[str, Any]]:
    for sweep in sweeps:
        for trial in sweep.trials:
            yield {
                "sweep": sweep.spec.batch_id,
                "run": trial.run,
                "folder": f"{sweep.spec.batch_id}/{trial.run}/" if trial.run_id is not None else "",
                "slot": trial.slot,
                "state": trial.state,
                "value": trial.value,
                "parameters": ", ".join(_parameters(sweep, trial)),
                "seconds": trial.seconds,
                "reason": trial.reason or "",
            }


def _parameters(sweep: Sweep, trial: Trial) -> Iterator[str]:
    for name in parameter_names(singles(sweep.spec.space)):
        if name in trial.parameters:
            yield f"{name} {setting(trial.parameters[name])}"


def _renderer() -> MarkdownIt:
    """Markdown with tables; HTML in it is text."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _chart)
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("table_close", _table_close)
    return markdown


def _chart(renderer: RendererHTML, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:  # noqa: ARG001
    """A picture as the chart itself, under the name that the report gives it."""
    said = tokens[i].content
    chart: str = env["charts"].get(tokens[i].attrGet("src"), "")
    label = f"aria-label={quoteattr(said)}"
    return _LABEL.sub(lambda _: label, chart, count=1)


def _table_open(*_: object) -> str:
    """Wide tables scroll by themselves, by keyboard too."""
    return '<div class="wide" tabindex="0" role="region" aria-label="table"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _anchored(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Give every section an anchor."""
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = f"section-{i}"
            token.attrSet("id", anchor)
            yield Heading(anchor, "".join(part.content for part in tokens[i + 1].children or ()))


_TEMPLATE = Environment(
    loader=PackageLoader("launcher.report.page", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
).get_template("page.html")
