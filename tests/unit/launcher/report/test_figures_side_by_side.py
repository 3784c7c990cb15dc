"""Many charts are drawn by several processes at once, and nobody can tell by the files."""

import pytest

from truestrength.launcher.report.figures import files as figures
from truestrength.launcher.report.figures.files import draw_figures


def test_charts_drawn_by_several_processes_are_those_of_one(build, tmp_path, monkeypatch):
    sweeps = [build.sweep(build.spec(), [0.7, 0.8, 0.75])]
    begun, run = [], figures.subprocess.run
    monkeypatch.setattr(figures.subprocess, "run", lambda *given, **options: begun.append(1) or run(*given, **options))
    drawn = {}
    for n_cores, worth, processes in [(1, 20, 1), (8, 4, 3), (2, 4, 2), (8, 1000, 1)]:
        begun.clear()
        monkeypatch.setattr(figures, "cores", lambda n=n_cores: n)
        monkeypatch.setattr(figures, "WORTH_A_PROCESS", worth)
        folder = tmp_path / str(len(drawn))
        draw_figures({folder / "figures": sweeps}, pytest.fail)
        drawn[folder] = {path.name: path.read_bytes() for path in (folder / "figures").glob("*.svg")}
        assert len(begun) == min(processes, -(-len(drawn[folder]) // worth))
    first, *others = drawn.values()
    assert len(first) > 8
    assert all(other == first for other in others)


def test_what_one_of_several_processes_cannot_draw_is_said(build, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "cores", lambda: 2)
    monkeypatch.setattr(figures, "WORTH_A_PROCESS", 4)
    (tmp_path / "figures/thirds.svg").mkdir(parents=True)
    said = []
    found = draw_figures({tmp_path / "figures": [build.sweep(build.spec(), [0.7, 0.8, 0.75])]}, said.append)
    assert len(said) == 1
    assert said[0].startswith("These plots could not be drawn: thirds (")
    assert "thirds" not in found[tmp_path / "figures"]
    assert len(found[tmp_path / "figures"]) > 8
