"""A Vega-Lite description becomes an SVG: by the versions that the notices name, without fonts, files or a network."""

import re
import subprocess
import sys

import pytest

from truestrength.trainer.contract.charts import renderer
from truestrength.trainer.contract.charts.renderer import ChartError, svg

DATA = {"values": [{"a": "WWW", "b": 1}, {"a": "iii", "b": 2}]}
ENCODING = {"x": {"field": "b", "type": "quantitative"}, "y": {"field": "a", "type": "nominal", "title": None}}


def test_the_versions_are_those_that_the_notices_name():
    engine = renderer._engine()
    for name, library in (("vega.min.js", "vega"), ("vega-lite.min.js", "vegaLite")):
        with (renderer._FOLDER / name).open(encoding="utf-8") as file:
            notice = file.readline()
        assert notice.startswith(f"/*! {name.partition('.')[0]} {engine.eval(f'{library}.version')}, ")


def test_a_mark_for_each_row_and_the_same_bytes_again():
    description = {"data": DATA, "mark": "bar", "encoding": ENCODING}
    drawn = svg(description)
    assert len(re.findall(r'aria-roledescription="bar"', drawn)) == 2
    assert re.sub(r"clip\\d+", "", svg(description)) == re.sub(r"clip\\d+", "", drawn)


@pytest.mark.parametrize(
    ("text", "width"), [("i", 2.22), ("W", 9.44), ("\u2212", 5.84), ("\u6f22", 10.0), ("\u00e9", 6.0)]
)
def test_room_is_left_for_text_by_the_width_of_its_letters(text, width):
    def room(label):
        data = {"values": [{"a": label}]}
        axis = {"labelFontSize": 10, "labelLimit": 0, "labelPadding": 0, "tickSize": 0, "title": None}
        encoding = {"y": {"field": "a", "type": "nominal", "axis": axis}}
        return int(re.search(r' width="(\d+)"', svg({"data": data, "mark": "bar", "encoding": encoding}))[1])

    assert room(text * 100) - room(text * 50) == pytest.approx(50 * width, abs=1)


def test_what_cannot_be_drawn_is_an_error_with_the_librarys_words_and_costs_no_other_chart():
    with pytest.raises(ChartError, match="TypeError"):
        svg({"data": DATA, "mark": "no such mark", "encoding": ENCODING})
    with pytest.raises(ChartError, match="Error: "):
        svg({"data": DATA, "mark": "bar", "encoding": ENCODING, "transform": [{"filter": "]"}]})
    assert svg({"data": DATA, "mark": "bar", "encoding": ENCODING}).startswith("<svg ")


def test_an_address_is_not_asked():
    drawn = svg({"data": {"url": "http://127.0.0.1:9/never.json"}, "mark": "point", "encoding": ENCODING})
    assert 'aria-roledescription="point"' not in drawn


def test_the_process_that_draws_starts_without_what_only_the_launcher_needs():
    script = "import sys, truestrength.launcher.report.figures.process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"polars", "numpy", "optuna", "sqlalchemy", "tenacity", "urllib.request"} & set(done.stdout.split())


def test_the_engine_is_closed_before_python_ends():
    """Else one process in ten never ends."""
    script = (
        "import atexit; from truestrength.trainer.contract.charts import renderer;"
        "atexit.register(lambda: print(renderer._engine()._ctx));"
        "renderer.svg({'mark': 'point', 'data': {'values': []}})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "None\n"
