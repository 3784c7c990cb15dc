"""The report as one HTML file: all of it in the file, nothing asked of anybody, and what stands in it is text."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.page.contents import page
from truestrength.launcher.report.page.facts import Facts
from truestrength.launcher.report.page.parts import runs
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Method

MARKUP = '<script>alert("x")</script><img src=x onerror=alert(1)>'


class Seen(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def make_page(tmp_path):
    """A page of the plan, or with `one` of the first sweep, and the charts that were drawn for it."""

    def make(sweeps, *, one=False):
        outputs = OutputsRoot(tmp_path)
        shown, folder = (sweeps[:1], outputs.sweep(sweeps[0].spec.batch_id).folder) if one else (sweeps, outputs.sweeps)
        figures = draw_figures({folder / "figures": shown}, pytest.fail)[folder / "figures"]
        charts = {name: (folder / path).read_text() for name, path in figures.items()}
        planned = [sweep.spec.batch_id for sweep in shown]
        return charts, page(Facts(shown, planned, sweeps[0] if one else None, charts, "Data: x.", outputs, folder))

    return make


def test_every_chart_and_every_run_is_in_it_and_nothing_is_asked_for(phase1, make_page):
    figures, text = make_page(phase1)
    seen = Seen(text)
    charts = [attributes for attributes in seen.named("svg") if attributes.get("role") == "img"]
    assert len(charts) == len(figures)
    assert all(attributes["aria-label"] not in figures for attributes in charts), "named as the report names them"
    for sweep in phase1:
        assert all(f">{trial.run}</a>" in text for trial in sweep.trials)
    data, script = seen.named("script")
    assert data == {"type": "application/json", "id": "run-data"}
    assert script == {}, "it stands in the page"
    assert not [tag for tag in ("img", "link", "iframe", "object", "image", "use") if seen.named(tag)]
    assert not re.findall(r"url\((?!#)|@import", text)
    [policy] = [m for m in seen.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"].startswith("default-src 'none'; ")
    targets = [attributes["href"] for attributes in seen.named("a")]
    assert not [href for href in targets if ":" in href or href.startswith("/")], "links stay in the outputs root"


def test_its_sections_can_be_reached_and_no_id_comes_twice(phase1, make_page):
    seen = Seen(make_page(phase1)[1])
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = [a["href"].removeprefix("#") for a in seen.named("a") if a["href"].startswith("#")]
    assert len(anchors) == 8
    assert set(anchors) <= set(ids)


def test_the_page_of_a_sweep_tells_of_that_sweep_alone(phase1, make_page):
    charts, text = make_page(phase1, one=True)
    first, second = phase1[0].spec, phase1[1].spec
    assert f"<h1>Sweep {first.batch_id}</h1>" in text
    assert f'href="{phase1[0].trials[0].run}/"' in text
    assert 'href="../report.html"' in text
    assert second.batch_id not in text
    assert f"trials_{first.objective}" in charts


def test_the_page_of_a_plan_leads_to_those_of_its_sweeps(phase1, make_page):
    targets = {attributes["href"] for attributes in Seen(make_page(phase1)[1]).named("a")}
    assert {f"{sweep.spec.batch_id}/report.html" for sweep in phase1} <= targets


def test_the_same_sweeps_give_the_same_bytes(phase1, make_page):
    assert make_page(phase1)[1] == make_page(phase1)[1]


def test_what_stands_in_it_is_text(build, make_page):
    sweep = build.sweep(build.spec(), [0.7, 0.8])
    lost = msgspec.structs.replace(sweep.trials[0], run_id=99, state="failed", reason=MARKUP, host=MARKUP, metrics=None)
    sweep = msgspec.structs.replace(sweep, trials=(*sweep.trials, lost))
    seen = Seen(make_page([sweep])[1])
    assert len(seen.named("script")) == 2, "the data and the page's own"
    assert not seen.named("img")
    assert not seen.named("b")
    assert seen.text.count(MARKUP) >= 2, "in the report and in the table of runs"


def test_a_long_table_says_what_is_left_out(build, make_page, monkeypatch):
    monkeypatch.setattr(runs, "MOST_RUNS", 2)
    sweep = build.sweep(build.spec(), [0.7, 0.8, 0.9])
    seen = Seen(make_page([sweep])[1])
    assert "The first 2 attempts. 1 more are left out" in seen.text


@pytest.mark.parametrize("method", [Method.HALVING, Method.RANDOM])
def test_there_is_a_page_of_every_kind_of_sweep(build, make_page, method):
    sweep = build.sweep(build.spec(n_trials=9, method=method), [0.6 + i / 100 for i in range(9)])
    lost = build.failed(sweep.spec, 9, None, "its worker died", state="dead")
    for one in (sweep, msgspec.structs.replace(sweep, trials=(lost,), standing="failed")):
        text = make_page([msgspec.structs.replace(one, trials=(*one.trials, lost))], one=True)[1]
        assert "its worker died" in text


def test_there_is_a_page_before_the_first_trial(build, make_page):
    assert "Every run" in Seen(make_page([build.sweep(build.spec(), [])])[1]).text
