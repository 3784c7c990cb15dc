"""report.html in a real browser that reaches nobody: what is drawn, what the script does, and who can read it."""

import html
import runpy

import msgspec
import pytest

from tests.support.browser import axe_script, chromium
from tests.support.places import REPOSITORY
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.page.contents import page
from truestrength.launcher.report.page.facts import Facts
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Target

MARKUP = "<img src=x onerror=alert(1)>\"'</script><b>"
TAG = "<img src=y onerror=alert(2)>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def sweeps():
    """Phase I, one of whose trials failed, and says so in markup."""
    build = runpy.run_path(str(REPOSITORY / "tests/unit/launcher/report/conftest.py"))
    first, second, *others = build["make_phase1"](n_trials=12)
    failed = build["make_failed"](first.spec, 12, 999, f"ValueError: {MARKUP}")
    lost = build["make_failed"](first.spec, 13, None, MARKUP, state="dead")
    named = msgspec.structs.replace(failed, host=MARKUP, job_id=MARKUP)
    first = msgspec.structs.replace(first, trials=(*first.trials, named, lost))
    return [first, renamed(second, TAG), *others]


def renamed(sweep, name):
    """The same sweep with another batch id, also one that no command would take."""
    trials = tuple(msgspec.structs.replace(trial, batch_id=name) for trial in sweep.trials)
    known = msgspec.structs.replace(sweep.importances, batch_id=name)
    spec = msgspec.structs.replace(sweep.spec)
    msgspec.structs.force_setattr(spec, "batch_id", name)
    return msgspec.structs.replace(sweep, spec=spec, trials=trials, importances=known)


def written(sweeps, folder):
    """The page of a plan, as a file."""
    outputs = OutputsRoot(folder)
    drawn = draw_figures({outputs.figures: sweeps}, pytest.fail)[outputs.figures]
    charts = {name: (outputs.sweeps / path).read_text() for name, path in drawn.items()}
    planned = [sweep.spec.batch_id for sweep in sweeps]
    about = f"Data: `{MARKUP}` {MARKUP}."
    outputs.page.write_text(page(Facts(sweeps, planned, None, charts, about, outputs, outputs.sweeps)))
    return outputs.page


@pytest.fixture(scope="module")
def report(sweeps, tmp_path_factory):
    """Of all sweeps."""
    return written(sweeps, tmp_path_factory.mktemp("outputs"))


@pytest.fixture(scope="module")
def short(sweeps, tmp_path_factory):
    """Of a few sweeps: all kinds of things are in it, and axe is done in seconds."""
    return written([sweeps[0], sweeps[3], sweeps[-1]], tmp_path_factory.mktemp("short"))


@pytest.fixture
def opened(browser, report):
    browser.open(report)
    return browser


def shown(browser):
    """The runs of the table as it stands."""
    return browser.run("return [...document.querySelectorAll('#run-table tbody tr')].map(r => r.dataset.run ?? '-')")


def press(browser, selector, text=""):
    browser.run(
        "[...document.querySelectorAll(arguments[0])].find(e => e.textContent.includes(arguments[1])).click()",
        selector, text,
    )  # fmt: skip


def enter(browser, selector, value, event="input"):
    browser.run(
        "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(arguments[2], {bubbles: true}))",
        selector, value, event,
    )  # fmt: skip


def test_it_opens_without_a_word_and_without_a_request(browser, report, sweeps):
    browser.requests()
    browser.open(report)
    assert browser.console() == []
    assert browser.requests() == [report.as_uri()]
    assert browser.run("return document.querySelectorAll('#run-count').length") == 1, "the script ran to its end"
    sizes = browser.run(
        "return [...document.querySelectorAll('svg')].map(s => [s.getBoundingClientRect().height, s.querySelectorAll("
        "'.role-mark path, .role-mark rect, .role-mark line').length, s.getAttribute('aria-label')])"
    )
    drawn = {path.stem for path in report.parent.glob("figures/*.svg")}
    assert len(drawn) > 20
    shown_charts = browser.run("return [...document.querySelectorAll('.chart')].map(c => c.dataset.chart)")
    assert sorted(shown_charts) == sorted(drawn)
    assert all(height > 50 and marks and label for height, marks, label in sizes)


def test_the_page_of_a_sweep_without_trials_opens_too(browser, sweeps, tmp_path):
    empty = msgspec.structs.replace(sweeps[0], trials=())
    outputs = OutputsRoot(tmp_path)
    paths = outputs.sweep(empty.spec.batch_id)
    paths.folder.mkdir(parents=True)
    paths.page.write_text(page(Facts([empty], [empty.spec.batch_id], empty, {}, "", outputs, paths.folder)))
    browser.open(paths.page)
    assert browser.console() == []
    assert browser.run("return document.getElementById('run-count').textContent") == "0 of 0 runs"


def test_what_stands_in_it_makes_no_element(opened):
    assert opened.run("return document.querySelectorAll('img, b, [onerror]').length") == 0
    text = opened.run("return document.body.textContent")
    assert text.count(MARKUP) >= 5, "data, reasons and hosts, in the parts and in the table"
    assert text.count(TAG) >= 10, "the name of a sweep: in tables, in charts, in a list to choose from"
    assert opened.run("return [...document.querySelectorAll('svg text')].map(t => t.textContent).join()").count(TAG) > 1


def test_without_a_script_there_is_a_table_too(report):
    text = report.read_text()
    assert text.count("<tr><td class") == 158


def test_a_header_sorts(opened, sweeps):
    press(opened, "th button", "value")
    runs = {trial.run: trial for sweep in sweeps for trial in sweep.trials}
    up = [runs[name].value for name in shown(opened)]
    assert up == sorted(up)
    press(opened, "th button", "value")
    down = [runs[name].value for name in shown(opened)]
    assert down == sorted(down, reverse=True)
    assert down[0] == max(trial.value for trial in runs.values() if trial.value is not None)
    assert opened.run("return document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"
    assert len(down) == 100
    press(opened, "button", "Show 58 more")
    assert len(shown(opened)) == 158


def test_filters_and_words_narrow_the_table(opened, sweeps):
    enter(opened, ".controls select", "failed", "change")
    assert shown(opened) == ["run_999"]
    enter(opened, ".controls select", "", "change")
    enter(opened, "input[type=search]", "run_031 final_rank")
    assert shown(opened) == ["run_031"]
    enter(opened, "input[type=search]", "onerror=alert(1)")
    assert shown(opened) == ["run_999", "-"]
    assert opened.run("return document.getElementById('run-count').textContent") == "2 of 158 runs"


def test_brushing_an_axis_chooses_runs_everywhere(opened, sweeps):
    place = opened.run(
        "const h = document.querySelectorAll('.handle')[0]; h.scrollIntoView({block: 'center'});"
        "const b = h.getBoundingClientRect(); return [b.x + b.width / 2, b.y, b.height]"
    )
    x, top, height = place
    drag(opened, x, top + 1, top + 0.22 * height)
    epochs = epochs_of(sweeps)
    high = {name for name, value in epochs.items() if value >= 24}
    count = opened.run("return document.getElementById('run-count').textContent")
    assert count == f"{len(high)} of 158 runs, chosen by the axes"
    assert set(shown(opened)) <= high
    lit = opened.run("return [...document.querySelectorAll('.chart .chosen')].map(m => m.dataset.mark)")
    assert set(lit) == high
    assert {chart_of(opened, name) for name in list(high)[:3]} == {True}
    press(opened, "button", "choose all")
    assert opened.run("return document.getElementById('run-count').textContent") == "158 of 158 runs"


def epochs_of(sweeps):
    """A setting of the runs of the first chart with axes."""
    own = (sweep for sweep in sweeps if sweep.spec.target is Target.FINAL_RANK)
    return {
        trial.run: trial.parameters["model_a_epochs"] for sweep in own for trial in sweep.trials if trial.parameters
    }


def chart_of(browser, name):
    """Whether a run is chosen in more charts than one."""
    script = "return new Set([...document.querySelectorAll('.chosen')].filter(m => m.dataset.mark === arguments[0])"
    return browser.run(f"{script}.map(m => m.closest('.chart').dataset.chart)).size > 2", name)


def drag(browser, x, start, end):
    """By the mouse itself."""
    steps = [("mousePressed", start), ("mouseMoved", (start + end) / 2), ("mouseMoved", end), ("mouseReleased", end)]
    for kind, y in steps:
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def test_axes_can_be_brushed_by_keyboard_too(opened, sweeps):
    press(opened, "summary", "Choose runs by numbers")
    enter(opened, ".axes input[type=number]", "25", "change")
    epochs = epochs_of(sweeps).values()
    count = opened.run("return document.getElementById('run-count').textContent")
    assert count == f"{sum(value >= 25 for value in epochs)} of 158 runs, chosen by the axes"
    assert opened.run("return document.querySelectorAll('.brush[visibility=visible]').length") == 1


def test_picked_runs_stand_side_by_side(opened):
    for name in ("run_025", "run_026"):
        press(opened, f"tr[data-run={name}] input")
    text = opened.run("return document.getElementById('comparison').innerText")
    assert "max_depth" in text or "learning_rate" in text
    assert "subsample" not in text, "what is the same in both is left out"
    assert text.count("truestrength train --no-share --config ") == 2
    assert "/phase1_spearman_final_rank/run_025/config.yaml" in text
    assert opened.run("return document.querySelectorAll('.chart .picked').length") > 10
    links = opened.run("return [...document.querySelectorAll('#comparison a')].map(a => a.getAttribute('href'))")
    assert links == ["phase1_spearman_final_rank/run_025/", "phase1_spearman_final_rank/run_026/"]
    press(opened, "#comparison button", "leave out")
    assert opened.run("return document.querySelectorAll('#comparison thead th').length") == 2


def test_a_mark_lights_up_its_run_everywhere(opened):
    place = opened.run(
        "const m = document.querySelector('[data-chart=trials_spearman] [data-mark=run_026]');"
        "m.scrollIntoView({block: 'center'}); const b = m.getBoundingClientRect();"
        "return [b.x + b.width / 2, b.y + b.height / 2]"
    )
    event = {"type": "mouseMoved", "x": place[0], "y": place[1]}
    opened.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    hot = opened.run("return [...document.querySelectorAll('.hot')].map(m => m.dataset.mark ?? m.dataset.run)")
    assert set(hot) == {"run_026"}
    assert len(hot) > 10
    assert "run_026" in opened.run("return document.getElementById('tip').textContent")


def test_a_team_can_be_picked_from_a_chart_of_teams(browser, sweeps, tmp_path):
    lines = "".join(f'<path data-mark="{name}" d="M0,0L9,9"/>' for name in ("Denver", html.escape(TAG)))
    chart = f'<svg role="img" aria-label="teams">{lines}</svg>'
    outputs = OutputsRoot(tmp_path)
    path = tmp_path / "report.html"
    path.write_text(page(Facts(sweeps[:1], [], None, {"thirds": chart}, "", outputs, outputs.sweeps)))
    browser.open(path)
    options = browser.run("return [...document.querySelectorAll('.chart')].map(c => c.previousSibling.textContent)")
    assert options == [f"highlight none{TAG}Denver"]
    enter(browser, ".controls select", TAG, "change")
    assert browser.run("return document.querySelector('.picking .picked').dataset.mark") == TAG
    assert browser.console() == []


@pytest.mark.parametrize("how", [{}, {"scheme": "dark"}, {"width": 360, "height": 740}], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_serious(browser, short, axe, how):
    browser.open(short, **how)
    press(browser, "tr[data-run=run_025] input")
    press(browser, "summary", "Choose runs by numbers")
    assert browser.axe(axe) == []


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    return axe_script(tmp_path_factory.mktemp("axe"))


def test_it_fits_a_phone(browser, report):
    browser.open(report, width=360, height=740)
    assert browser.run("return document.documentElement.scrollWidth") == 360


def test_paper_has_every_run_and_the_screen_as_many_as_before(opened, sweeps):
    before = shown(opened)
    opened.run(
        "addEventListener('beforeprint', () => {"
        " window.printed = document.querySelectorAll('#run-table tbody tr').length })"
    )
    opened.driver.print_page()
    runs = sum(len(sweep.trials) for sweep in sweeps)
    assert len(before) < runs
    assert opened.run("return window.printed") == runs
    assert shown(opened) == before


def test_nothing_is_cut_off_on_paper_and_it_is_light(browser, report):
    browser.open(report, width=720, scheme="dark")
    dark = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    wide = "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 720)"
    assert browser.run(f"{wide}.map(e => e.outerHTML.slice(0, 300))") == []
    hidden = (
        "return [...document.querySelectorAll('pre, .wide, .chart')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    )
    assert browser.run(f"{hidden}.map(e => e.outerHTML.slice(0, 200))") == []
    broken = browser.run(
        "const lines = cell => { const all = document.createRange(); all.selectNodeContents(cell);"
        " return new Set([...all.getClientRects()].map(r => Math.round(r.top))).size };"
        "return [...document.querySelectorAll('td')].filter(cell => /^(run_)?[-+.0-9]+$/.test(cell.textContent))"
        ".filter(cell => lines(cell) > 1).map(cell => cell.textContent)"
    )
    assert broken == []
    controls = "return [...document.querySelectorAll('button, input, nav')].filter(e => e.getClientRects().length)"
    assert browser.run(f"{controls}.map(e => e.outerHTML)") == []
