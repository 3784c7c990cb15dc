"""The report's section on championship odds: the best run of each target beside naive odds, and how reliable it was.

One champion a season is little evidence, and the section says so before any figure.
"""

from __future__ import annotations

from collections.abc import Sequence

from truestrength.launcher.report.markdown import MISSING, Figures, bold, number, picture, section, table
from truestrength.launcher.report.trials import Sweep, best_of_target
from truestrength.trainer.contract.records.metrics import LABELS, STACK, THIRDS, RunMetrics
from truestrength.trainer.contract.records.odds import OddsTable, TitleOdds
from truestrength.trainer.contract.text_table import counted
from truestrength.trainer.contract.words import Target

INTRO = (
    "Each team's probability of winning the title: the stack's score as points a game (one factor, fitted to the "
    "margins of the games still to come in the training seasons), then the rest of the season and the playoffs "
    "simulated. Beside it stand uniform odds and those of the plain baselines: a softmax, its factor fitted to the "
    "champions of the training seasons. Brier score and log loss are means over dates and lower is better; `skill` is "
    "the share of the uniform odds' Brier score that is saved; `champion` is the mean probability of the team that "
    "won.\n\n"
    "**There is one champion a season.** Dates of one season share their champion, so a difference between two rows is "
    "an observation, not evidence; the table cannot tell good odds from lucky ones."
)


def odds_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """Tables and the reliability plot of the best run of each target, on validation and held-out seasons."""
    best = [(target, trial) for target in Target if (trial := best_of_target(sweeps, target))]
    blocks = []
    for target, trial in best:
        read = [("validation", trial.metrics), ("held out", trial.holdout)]
        found = [_odds(name, metrics) for name, metrics in read if metrics and metrics.title_odds]
        blocks += [f"### `{target}`, {trial.run}", *found] if found else []
    if not blocks:
        return section(["## Championship odds", "No complete trial with odds yet."])
    plot = picture(figures, "title_odds", "reliability of the championship odds")
    return section(["## Championship odds", INTRO, *blocks, plot])


def _odds(name: str, metrics: RunMetrics) -> str:
    odds = metrics.title_odds
    assert odds is not None
    season = f"{name} {'season' if len(metrics.seasons) == 1 else 'seasons'} ({', '.join(metrics.seasons)}"
    champions = counted(odds.champions, "champion")
    return section(
        [
            f"On the {season}; {champions}) the odds {bold(_verdict(odds.scores))}.",
            _score_table(name, odds),
            _reliability_table(odds),
        ]
    )


def _verdict(scores: OddsTable) -> str:
    """Where the run's odds stand, by both scores, beside every naive one; a tie is a loss."""
    said = []
    for measure, label in (("brier", "Brier score"), ("log_loss", "log loss")):
        others = {name: float(getattr(row, measure)) for name, row in scores.items() if name != STACK}
        lost = [name for name, value in others.items() if float(getattr(scores[STACK], measure)) >= value]
        said.append(f"LOSE by {label} to {', '.join(lost)}" if lost else f"beat all naive odds by {label}")
    return " and ".join(said)


def _score_table(name: str, odds: TitleOdds) -> str:
    headers = [name, "Brier", "log loss", "skill", "champion"]
    headers += [f"{measure} {third}" for measure in ("Brier", "log loss") for third in THIRDS]
    rows = []
    for forecaster, row in odds.scores.items():
        whole = [number(row.brier), number(row.log_loss), number(row.skill), number(row.champion)]
        parts = [odds.by_third.get(third, {}).get(forecaster) for third in THIRDS]
        brier = [number(part.brier) if part else MISSING for part in parts]
        rows.append(
            [
                LABELS.get(forecaster, forecaster),
                *whole,
                *brier,
                *(number(part.log_loss) if part else MISSING for part in parts),
            ]
        )
    return table(headers, rows)


def _reliability_table(odds: TitleOdds) -> str:
    headers = ["probability", "teams and dates", "different teams", "mean probability", "won the title"]
    rows = [
        [
            f"{one.low:g} to {one.high:g}",
            str(one.count),
            str(one.seasons_of_teams),
            number(one.predicted),
            number(one.observed),
        ]
        for one in odds.reliability
    ]
    return table(headers, rows)
