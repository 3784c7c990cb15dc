"""What the parameters are worth: importances, and the rolling windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from truestrength.launcher.report.chance import by_chance
from truestrength.launcher.report.markdown import MISSING, Figures, number, picture, section, setting, table
from truestrength.launcher.report.trials import (
    Sweep,
    Trial,
    best_trial,
    parameter_names,
)
from truestrength.trainer.contract.config.search_space import Rows
from truestrength.trainer.contract.words import Phase


def importance_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """A table of parameter importances, a row per sweep, and why some sweeps have none."""
    chance = [s for s in sweeps if by_chance(s, sweeps)]
    known = [s.importances for s in sweeps if s.importances and s.importances.importances and s not in chance]
    names = parameter_names(name for found in known for name in found.importances)
    rows = [[f.batch_id, *(number(f.importances.get(n)) for n in names), str(f.n_trials)] for f in known]
    without = [f"- `{s.spec.batch_id}`: {_why_not(s, s in chance)}" for s in sweeps if s.importances not in known]
    intro = (
        "Which parameters mattered for a sweep's value (PED-ANOVA, shares that sum to 1). It compares the best tenth "
        "of the trials with all of them: with a dozen trials this is a hint, not a finding."
    )
    return section(
        [
            "## Parameter importances",
            intro if known else "",
            table(["sweep", *names, "trials"], rows) if known else "",
            _together(s for s in sweeps if s.importances in known),
            "Not known for:\n\n" + "\n".join(without) if without else "",
            picture(figures, "importances", "parameter importances by sweep"),
        ]
    )


def _together(sweeps: Iterable[Sweep]) -> str:
    """Which parameters were varied together only; nothing where none were."""
    spaces = (sweep.spec.space.values() for sweep in sweeps)
    rows = dict.fromkeys(d.names for space in spaces for d in space if isinstance(d, Rows) and len(d.names) > 1)
    said = (f"{', '.join(names[:-1])} and {names[-1]} are chosen together" for names in rows)
    return f"{'; '.join(said)}: what each of them is worth cannot be told apart." if rows else ""


def rolling_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The rolling sweeps: value by choice of windows."""
    rolling = [sweep for sweep in sweeps if sweep.spec.phase == Phase.ROLLING]
    blocks = ["## Rolling windows"]
    if not any(sweep.complete for sweep in rolling):
        return section([*blocks, "The rolling sweep has no complete trial yet."])
    for sweep in rolling:
        objective = sweep.spec.objective
        rows = _by_windows(sweep)
        for other in _fixed_windows(sweep, sweeps):
            rows += _by_windows(other)
        headers = ["sweep", "windows (games)", "trials", f"best {objective}", f"mean {objective}", "best run"]
        blocks += [
            f"`{sweep.spec.batch_id}` varies the lengths of the windows that form is averaged over; sweeps that keep "
            "them fixed, of the same objective and target, stand below for comparison.",
            table(headers, rows, text_columns=2),
        ]
        blocks.append(picture(figures, f"trials_{sweep.spec.batch_id}", "value by trial of the rolling sweep"))
    return section(blocks)


def _by_windows(sweep: Sweep) -> list[list[str]]:
    objective = sweep.spec.objective
    groups: dict[tuple[int, ...], list[Trial]] = {}
    for trial in sweep.ranked:
        windows = trial.parameters.get("rolling_windows", sweep.spec.config.training.rolling_windows)
        groups.setdefault(tuple(windows), []).append(trial)
    rows = []
    for windows, trials in sorted(groups.items()):
        best = best_trial(trials, objective)
        scores = [score for trial in trials if (score := trial.score(objective)) is not None]
        figures = [number(best.score(objective)), number(fmean(scores))] if best else [MISSING, MISSING]
        rows.append([sweep.spec.batch_id, setting(windows), str(len(trials)), *figures, best.run if best else MISSING])
    return rows


def _fixed_windows(rolling: Sweep, sweeps: Sequence[Sweep]) -> list[Sweep]:
    def alike(sweep: Sweep) -> bool:
        same = (sweep.spec.objective, sweep.spec.target) == (rolling.spec.objective, rolling.spec.target)
        return same and sweep.spec.phase != Phase.ROLLING

    return [sweep for sweep in sweeps if alike(sweep)]


def _why_not(sweep: Sweep, chance: bool) -> str:
    if chance:
        return "its trials differ by no more than other seeds of the best configuration do"
    return (sweep.importances.reason if sweep.importances else None) or "not written yet"
