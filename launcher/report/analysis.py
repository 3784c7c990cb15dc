"""The readable report over a plan's sweeps, as Markdown and as HTML pages, written anew as they end.

It tells of what is complete so far, and never fails because something is missing: it says what is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.folders import run_folders
from truestrength.launcher.report.markdown import Figures, bold, picture, section
from truestrength.launcher.report.page.contents import page
from truestrength.launcher.report.page.facts import Facts
from truestrength.launcher.report.reading import made_from, mark, read_sweeps
from truestrength.launcher.report.sections.cost import cost_said
from truestrength.launcher.report.sections.course import failure_section, repeat_section
from truestrength.launcher.report.sections.first_sentence import plain
from truestrength.launcher.report.sections.headline import headline
from truestrength.launcher.report.sections.objectives import settings_section
from truestrength.launcher.report.sections.parameters import importance_section
from truestrength.launcher.report.sections.prior import prior_section
from truestrength.launcher.report.sections.terms import TERMS
from truestrength.launcher.report.trials import Sweep, comparable
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import write_text
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Method

MORE = (
    "[report.html](report.html), for a browser, has all of this and what is too much for a page of text: every run "
    "with its parameters, every ranker by third of the season and by conference, what each model is worth, the "
    "championship odds, the course of each season, time and cost, and the last lines of the logs of what failed."
)


def write_analysis(
    ledger: Ledger,
    batch_ids: Sequence[str],
    outputs: OutputsRoot,
    say: Callable[[str], object],
    rest_s: float = 0.0,
) -> Path:
    """Draw the plots and write the report: pages for the plan and for each sweep, and last the Markdown.

    Args:
        ledger: Where the sweeps are registered; those that are not yet are reported as missing.
        batch_ids: The plan's sweeps; other sweeps of the same outputs root are reported too.
        outputs: The root that holds the sweeps' folders.
        say: Told of plots that could not be drawn; the report says it, too.
        rest_s: Leave the plots as they are when one is younger than this, in seconds.

    Returns:
        The report's path.
    """
    # Before anything is read: what happens while the plots are drawn is not told of.
    source = made_from(ledger, outputs)
    sweeps, foreign = read_sweeps(ledger, outputs)
    known = [sweep.spec.batch_id for sweep in sweeps]
    planned = [*known, *(batch_id for batch_id in batch_ids if batch_id not in [*known, *foreign])]
    not_drawn: list[str] = []
    drawn = draw_figures(_wanted(sweeps, outputs), not_drawn.append, rest_s, outputs.figures)
    folders = map(bold, run_folders(ledger, outputs).sentences())
    data = " ".join([about_data(sweeps), *left_out(foreign), *halved(sweeps), *folders, *not_drawn])
    # Where plots may be at rest, the report is not the last one, and nobody shall take it for that.
    end = mark(source) if rest_s <= 0 else ""
    about = {league: about_data([one]) for league, one in {_league(sweep): sweep for sweep in sweeps}.items()}
    for sweep in sweeps:
        _write_sweep_page(sweep, about[_league(sweep)], drawn, outputs)
    charts = _read(drawn[outputs.figures], outputs.sweeps)
    write_text(outputs.page, page(Facts(sweeps, planned, None, charts, data, outputs, outputs.sweeps)))
    text = report(sweeps, planned, drawn[outputs.figures], outputs, data)
    write_text(outputs.analysis, text + end)  # last: its mark says that all is written
    for problem in not_drawn:
        say(problem)
    return outputs.analysis


def verdict_of(outputs: OutputsRoot) -> str:
    """The sentence that stands first in the report, as a terminal shows it; empty where there is no report."""
    text = outputs.analysis.read_text(encoding="utf-8") if outputs.analysis.exists() else ""
    return plain("".join(text.split("\n\n")[1:2]))


def _wanted(sweeps: Sequence[Sweep], outputs: OutputsRoot) -> dict[Path, Sequence[Sweep]]:
    """Whose plots lie where."""
    own: dict[Path, Sequence[Sweep]] = {outputs.sweep(sweep.spec.batch_id).figures: [sweep] for sweep in sweeps}
    return {outputs.figures: sweeps} | own


def _write_sweep_page(sweep: Sweep, about: str, drawn: Mapping[Path, Figures], outputs: OutputsRoot) -> None:
    paths = outputs.sweep(sweep.spec.batch_id)
    charts = _read(drawn[paths.figures], paths.folder)
    write_text(paths.page, page(Facts([sweep], [sweep.spec.batch_id], sweep, charts, about, outputs, paths.folder)))


def _read(figures: Figures, folder: Path) -> dict[str, str]:
    return {name: (folder / path).read_text(encoding="utf-8") for name, path in figures.items()}


def about_data(sweeps: Sequence[Sweep]) -> str:
    """A sentence per league that the sweeps were run on: path, source (as its manifest says it) and fingerprint."""
    leagues = dict.fromkeys(map(_league, sweeps))
    said = [f"Data: `{path}`{_source(Path(path), found)}, fingerprint `{found[:12]}`." for path, found in leagues]
    if len(leagues) > 1:
        said.append("**The sweeps were run on different data: their values do not compare.**")
    if apart := len(sweeps) - len(comparable(sweeps)):
        said.append(
            f"**{apart} of {len(sweeps)} sweeps have other data or `evaluation` settings than the newest one: none of "
            "their runs is called best.**"
        )
    return " ".join(said)


def left_out(foreign: Sequence[str]) -> list[str]:
    """A sentence on sweeps that cannot be read, if there are any."""
    named = ", ".join(f"`{batch_id}`" for batch_id in foreign)
    return [f"Left out, because another version of this program made them: {named}."] if foreign else []


def halved(sweeps: Sequence[Sweep]) -> list[str]:
    """A sentence on sweeps by successive halving, if there are any."""
    named = ", ".join(f"`{sweep.spec.batch_id}`" for sweep in sweeps if sweep.spec.method is Method.HALVING)
    if not named:
        return []
    return [
        f"Successive halving ({named}): lower rungs train on fewer lists, so only trials of the last rung are compared "
        "and called best; `rung` in `sweep_results.csv` says which those are."
    ]


def _league(sweep: Sweep) -> tuple[str, str]:
    """Where its data were, and their fingerprint. To know a league all of its tables are read."""
    return sweep.spec.config.paths.data, sweep.spec.data_fingerprint


def _source(folder: Path, fingerprint: str) -> str:
    try:
        manifest = read_manifest(folder)
    except DataError:
        return ""
    return f" ({manifest.source})" if manifest.fingerprint == fingerprint else ""


def report(sweeps: Sequence[Sweep], planned: Sequence[str], figures: Figures, outputs: OutputsRoot, data: str) -> str:
    """The report as Markdown: what a reader needs in git; the pages have the rest.

    Args:
        sweeps: Those that are registered.
        planned: The batch ids of the whole plan, in its order.
        figures: Plots by name, as paths relative to the report.
        outputs: Where the runs' folders are, for the commands that repeat them.
        data: Which league the sweeps were run on.
    """
    blocks = [
        headline(sweeps, planned, figures, data),
        settings_section(sweeps, figures),
        importance_section(sweeps, figures),
        prior_section(sweeps),
        picture(figures, "thirds", "score by third of the season"),
        picture(figures, "title_odds", "reliability of the championship odds"),
        failure_section(sweeps),
        cost_said(sweeps),
        repeat_section(sweeps, outputs),
        f"## More\n\n{MORE}",
        TERMS,
    ]
    return f"{section(blocks)}\n"
