"""Drawing stops nothing, and no setting of the user's reaches it."""

from pathlib import Path

import pytest

from launcher.report.figures import files as figures
from launcher.report.figures.contents import Picture, RankerPlot, figure_data
from launcher.report.figures.files import draw_figures
from launcher.report.figures.process import draw_all
from trainer.contract.words import Objective


@pytest.fixture
def sweeps(build):
    return [build.sweep(build.spec(Objective.RANK_RMSE), [0.80, 0.85, 0.82])]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_no_setting_of_the_user_reaches_the_plots(sweeps, tmp_path, monkeypatch):
    draw_figures(sweeps, tmp_path / "plain", pytest.fail)
    config = tmp_path / "config"
    (config / "stylelib").mkdir(parents=True)
    (config / "stylelib" / "default.mplstyle").write_text("font.size: 40\n")
    (config / "matplotlibrc").write_text("backend: webagg\nfont.size: 40\nsavefig.dpi: 7\nsavefig.facecolor: red\n")
    here = tmp_path / "here"
    here.mkdir()
    (here / "matplotlibrc").write_bytes(b"font.family: fant\xe9sie\nfigure.figsize: nonsense\ntext.usetex: True\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("MATPLOTLIBRC", str(config))
    monkeypatch.setenv("MPLCONFIGDIR", str(config))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    draw_figures(sweeps, Path("drawn"), pytest.fail)
    assert len(contents(here / "drawn")) > 2
    assert contents(here / "drawn") == contents(tmp_path / "plain")


@pytest.mark.parametrize(
    ("name", "value"),
    [("MPLBACKEND", "no_such_backend"), ("MPLCONFIGDIR", "/dev/null/none"), ("MATPLOTLIBRC", "/dev/null/none")],
)
def test_settings_that_would_keep_matplotlib_from_being_imported(sweeps, tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert len(draw_figures(sweeps, tmp_path / "figures", pytest.fail)) > 2


def test_a_plot_that_cannot_be_drawn_costs_itself_and_is_said(build, tmp_path):
    drawings = dict(figure_data([build.sweep(build.spec(), [0.7, 0.8])]))
    odd = RankerPlot("no formula: $\\frac{$", build.metrics(0.9).models, None)
    wanted = [Picture(str(tmp_path / f"{name}.png"), "0", drawing) for name, drawing in drawings.items()]
    problems = draw_all([Picture(str(tmp_path / "odd.png"), "0", odd), *wanted])
    assert list(problems) == [str(tmp_path / "odd.png")]
    assert problems[str(tmp_path / "odd.png")].startswith("ValueError: ")
    assert {f"{name}.png" for name in drawings} == set(contents(tmp_path))
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_a_plot_that_cannot_be_written_is_left_out_and_said_once(sweeps, tmp_path):
    folder = tmp_path / "figures"
    (folder / "trials_rank_rmse.png" / "in the way").mkdir(parents=True)
    said: list[str] = []
    drawn = draw_figures(sweeps, folder, said.append)
    assert "trials_rank_rmse" not in drawn
    assert {"parameters_rank_rmse", "thirds"} <= set(drawn)
    [text] = said
    assert text.startswith("These plots could not be drawn: trials_rank_rmse (IsADirectoryError: ")
    assert "`python -m launcher report` tries again" in text


def test_a_folder_that_cannot_be_made_is_said(sweeps, tmp_path):
    (tmp_path / "figures").write_text("a file")
    said: list[str] = []
    assert draw_figures(sweeps, tmp_path / "figures", said.append) == {}
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
    assert draw_figures(sweeps, tmp_path / "figures", said.append) == {}
    [text] = said
    assert why in text
    assert not contents(tmp_path / "figures")
