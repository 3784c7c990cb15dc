"""Drawing stops nothing: what cannot be drawn or written is said, and costs itself."""

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from truestrength.launcher.report.figures import files as figures
from truestrength.launcher.report.figures import process
from truestrength.launcher.report.figures.contents import Picture, figure_data
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.figures.process import draw_all, with_own_ids
from truestrength.trainer.contract.words import Objective


@pytest.fixture
def sweeps(build):
    return [build.sweep(build.spec(Objective.RANK_RMSE), [0.80, 0.85, 0.82])]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.svg")}


def test_no_setting_of_the_user_reaches_the_charts(sweeps, tmp_path, monkeypatch):
    draw_figures({tmp_path / "plain": sweeps}, pytest.fail)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    monkeypatch.setenv("LC_ALL", "C")
    draw_figures({Path("drawn"): sweeps}, pytest.fail)
    assert len(contents(tmp_path / "drawn")) > 2
    assert contents(tmp_path / "drawn") == contents(tmp_path / "plain")


def test_a_chart_is_the_same_file_whatever_was_drawn_before_it(build, tmp_path):
    drawings = dict(figure_data([build.sweep(build.spec(), [0.7, 0.8])]))
    assert "importances" in drawings, "the one with a gradient, whose id the renderer counts"
    for folder, names in (("one", ["importances"]), ("two", ["importances", "thirds", "importances"])):
        for name in names:
            assert draw_all([Picture(str(tmp_path / folder / f"{name}.svg"), "0", drawings[name])]) == {}
    assert (tmp_path / "one/importances.svg").read_bytes() == (tmp_path / "two/importances.svg").read_bytes()


def test_ids_are_a_charts_own():
    text = '<g clip-path="url(#{})"/><clipPath id="{}"/><g fill="url(#{})"/><linearGradient id="{}"/>'
    found = with_own_ids(text.format("clip7", "clip7", "gradient_3", "gradient_3"), "a")
    assert found == text.format("a_clip0", "a_clip0", "a_gradient_1", "a_gradient_1")


def test_a_chart_that_cannot_be_drawn_costs_itself_and_is_said(build, tmp_path, monkeypatch):
    def draw(drawing):
        if drawing is odd:
            raise ValueError("no such scale")
        return drawn(drawing)

    drawn = process.draw
    monkeypatch.setattr(process, "draw", draw)
    drawings = dict(figure_data([build.sweep(build.spec(), [0.7, 0.8])]))
    odd = drawings["thirds"]
    problems = draw_all([Picture(str(tmp_path / f"{name}.svg"), "0", drawing) for name, drawing in drawings.items()])
    assert problems == {str(tmp_path / "thirds.svg"): "ValueError: no such scale"}
    assert {f"{name}.svg" for name in drawings} == {*contents(tmp_path), "thirds.svg"}
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_what_stands_in_a_chart_is_text(build, tmp_path):
    name = '<script>alert("x")</script>&'
    plot = dict(figure_data([build.sweep(build.spec(), [0.7, 0.8])]))["trials_spearman"]
    panel = msgspec.structs.replace(plot.panels[0], title=name)
    path = tmp_path / "trials.svg"
    assert draw_all([Picture(str(path), "0", msgspec.structs.replace(plot, panels=(panel,)))]) == {}
    assert any(element.text and name in element.text for element in ElementTree.parse(path).iter())


def test_a_chart_that_cannot_be_written_is_left_out_and_said_once(sweeps, tmp_path):
    folder = tmp_path / "figures"
    (folder / "trials_rank_rmse.svg" / "in the way").mkdir(parents=True)
    said: list[str] = []
    drawn = draw_figures({folder: sweeps}, said.append)[folder]
    assert "trials_rank_rmse" not in drawn
    assert {"parameters_rank_rmse", "thirds"} <= set(drawn)
    [text] = said
    assert text.startswith("These plots could not be drawn: trials_rank_rmse (IsADirectoryError: ")
    assert "`truestrength report` tries again" in text


def test_a_folder_that_cannot_be_made_is_said(sweeps, tmp_path):
    (tmp_path / "figures").write_text("a file")
    said: list[str] = []
    assert draw_figures({tmp_path / "figures": sweeps}, said.append)[tmp_path / "figures"] == {}
    assert len(said) == 1
    assert "Error" in said[0]


@pytest.mark.parametrize(
    "failing",
    [
        ("PROCESS", "launcher.no_such_module", "the process ended with 1: "),
        ("LONGEST_S", 0.001, "TimeoutExpired: "),
    ],
)
def test_a_process_that_fails_or_hangs_is_said(sweeps, tmp_path, monkeypatch, failing):
    name, value, why = failing
    monkeypatch.setattr(figures, name, value)
    said: list[str] = []
    assert draw_figures({tmp_path / "figures": sweeps}, said.append)[tmp_path / "figures"] == {}
    [text] = said
    assert why in text
    assert not contents(tmp_path / "figures")
