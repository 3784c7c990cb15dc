"""Markdown of the report's sections as a part of the page, and charts as figures of it.

What stands in both is data: the two libraries that make the page escape it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

_LABEL = re.compile(r'aria-label="[^"]*"')


def helpers(charts: Mapping[str, str]) -> dict[str, Callable[..., Any]]:
    """What templates call: `prose`, `chart` and `has_chart`, for the charts of one page."""
    return {"prose": partial(prose, charts), "chart": partial(chart, charts), "has_chart": charts.__contains__}


def prose(charts: Mapping[str, str], markdown: str) -> Markup:
    """Markdown as HTML; a picture in it is the chart of that name."""
    renderer = _renderer()
    tokens = renderer.parse(markdown)
    return Markup(renderer.renderer.render(tokens, renderer.options, {"charts": charts}))  # noqa: S704 - escaped


def chart(charts: Mapping[str, str], name: str, said: str) -> Markup:
    """A chart under the name that the page gives it; nothing where there is none."""
    if name not in charts:
        return Markup("")
    label = f'aria-label="{escape(said)}"'
    drawn = _LABEL.sub(lambda _: label, charts[name], count=1)
    # Where it is wider than the screen it scrolls, by keyboard too.
    box = f'<div class="chart" data-chart="{escape(name)}" tabindex="0" role="group" aria-label="chart">'
    return Markup(f"{box}{drawn}</div>")  # noqa: S704 - Vega escapes


@cache
def _renderer() -> MarkdownIt:
    """Markdown with tables; HTML in it is text, and headings are one smaller."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _chart)
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("table_close", _table_close)
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("heading_open", _heading)
    markdown.add_render_rule("heading_close", _heading)
    return markdown


def _chart(renderer: RendererHTML, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:  # noqa: ARG001
    return str(chart(env["charts"], str(tokens[i].attrGet("src")), tokens[i].content))


def _table_open(*_: object) -> str:
    """Wide tables scroll by themselves, by keyboard too."""
    return '<div class="wide" tabindex="0" role="region" aria-label="table"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _fence(renderer: RendererHTML, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:  # noqa: ARG001
    """Long commands scroll by keyboard too."""
    return f'<pre tabindex="0"><code>{escape(tokens[i].content)}</code></pre>\n'


def _heading(renderer: RendererHTML, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:  # noqa: ARG001
    slash = "/" if tokens[i].nesting < 0 else ""
    return f"<{slash}h{int(tokens[i].tag[1:]) + 1}>"
