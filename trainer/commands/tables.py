"""What `predict`, `explain` and `compare` print for people: plain tables, and what is to be known beside them."""

from __future__ import annotations

import json

import msgspec
import polars as pl

from truestrength.trainer.contract.records.metrics import Gain
from truestrength.trainer.contract.text_table import text_table
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.use.comparison import Comparison
from truestrength.trainer.use.contributions import Explanation, by_name
from truestrength.trainer.use.forecast import SeasonForecast


def forecast_csv(found: SeasonForecast) -> str:
    """The teams as CSV."""
    return pl.DataFrame(msgspec.to_builtins(found.teams)).write_csv().rstrip()


def forecast(found: SeasonForecast) -> str:
    """The teams of a forecast, and what it rests on."""
    header = ["", "team", "", "conference", "won", "lost", "strength", "final rank", "playoffs", "title"]
    rows = [
        [
            *(team.rank, team.team, team.name, f"{team.conference} {team.conference_rank}", team.won, team.lost),
            *(
                f"{team.strength:+.1f}",
                f"{team.expected_final_rank:.1f}",
                _percent(team.playoffs),
                _percent(team.title),
            ),
        ]
        for team in found.teams
    ]
    return "\n".join([f"{_heading(found)}\n", text_table(header, rows), f"\n{_LEGEND}", *_notes(found)])


_LEGEND = (
    "strength: points a game by which a team beats an average one. final rank: expected, over the league.\n"
    "playoffs: to be one of the first eight of its conference by record. title: to win it. All of it by simulation of "
    "what is left."
)


def _heading(found: SeasonForecast | Explanation) -> str:
    return f"{found.season} as of {found.as_of}, by {found.run} ({found.target})"


def _notes(found: SeasonForecast) -> list[str]:
    notes = []
    if found.next_games != found.as_of:
        notes.append(f"There are no games on {found.as_of}: this is before those of {found.next_games}.")
    if found.assumed_games:
        notes.append(
            f"The logs end before the season does: {found.assumed_games} more games are assumed, by last season's "
            "schedule."
        )
    if found.familiarity != "new to the run":
        notes.append(
            f"The run was {found.familiarity} {found.season}: this is no forecast that could be held against it."
        )
    return notes


def _percent(share: float) -> str:
    """A probability, never 0 % or 100 % for what is only almost certain.

    >>> _percent(0.0), _percent(0.0004), _percent(0.25), _percent(0.9999), _percent(1.0)
    ('0%', '<1%', '25%', '>99%', '100%')
    """
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{100 * share:.0f}%"


def team(found: Explanation) -> str:
    """What carried one team, by name."""
    (one,) = found.teams
    models = list(found.stack_weights)
    rows = [
        [
            row.name,
            row.kind,
            None if row.value is None else f"{row.value:.3g}",
            None if row.attention is None else f"{100 * row.attention:.0f}%",
            *(f"{row.points[model]:+.2f}" if model in row.points else None for model in models),
            f"{row.total:+.2f}",
        ]
        for row in by_name(one)
    ]
    sums = [sum(part.points for part in one.parts if part.model == model) for model in models]
    rows.append(["all", None, None, None, *(f"{points:+.2f}" for points in sums), f"{one.strength:+.2f}"])
    header = ["what", "kind", "value", "attention", *models, "points"]
    title = f"{one.name} ({one.team}), rank {one.rank}: {_heading(found)}"
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in found.stack_weights.items())
    return "\n".join([f"{title}\n", text_table(header, rows), f"\n{_PARTS}", f"The stack's weights: {weights}."])


def league(found: Explanation) -> str:
    """What carried each team, by kind."""
    rows = [
        [
            *(team.rank, team.team, team.name, f"{team.strength:+.2f}"),
            *(f"{points:+.2f}" for points in (team.points("expected"), team.points("context"), team.points("player"))),
        ]
        for team in found.teams
    ]
    header = ["", "team", "", "strength", "expected rank", "context", "players"]
    return "\n".join([f"{_heading(found)}\n", text_table(header, rows), f"\n{_PARTS}", "--team ABC shows one by name."])


_PARTS = (
    "Points a game, against the league's average on the date. expected: the simulated season's rank, with which every "
    "model\nbegins. context: the team's columns (Shapley values of model B, paths of model C, integrated gradients of "
    "model A).\nplayer: model A's, against an average one; attention: his share of his team in it."
)


def comparison(found: Comparison) -> str:
    """Settings that differ, figures side by side, and the gains over the first run."""
    labels = [run.run for run in found.runs]
    settings = [[name, *map(_plain, values)] for name, values in found.parameters.items()]
    said: list[list[str | None]] = [
        ["sweep", *(run.batch_id for run in found.runs)],
        ["target", *(run.target for run in found.runs)],
        ["validated on", *(", ".join(run.seasons) for run in found.runs)],
        ["data", *(run.data_fingerprint[:12] for run in found.runs)],
    ]
    figures: list[list[str | None]] = [
        [o.value, *(f"{run.validation.of(o):.4f}" for run in found.runs)] for o in Objective
    ]
    if any(run.holdout for run in found.runs):
        figures += [
            [f"{o} held out", *(f"{run.holdout.of(o):.4f}" if run.holdout else None for run in found.runs)]
            for o in Objective
        ]
    header: list[str] = ["", *labels]
    parts = [text_table(header, said), text_table(["differing", *labels], settings) if settings else "equal settings"]
    return "\n\n".join([*parts, text_table(header, figures), _gains(found)])


def _gains(found: Comparison) -> str:
    if found.unpaired:
        return f"No gain can be told: {found.unpaired}."
    header = ["gain", *(f"{name} over {found.runs[0].run}" for name in found.gains)]
    rows = [[o.value, *(_interval(gains[o.value]) for gains in found.gains.values())] for o in Objective]
    return f"{text_table(header, rows)}\n\n{_INTERVALS}"


_INTERVALS = (
    "Gains are positive where the run is better, rank_rmse too; with 95 % intervals by paired block bootstrap over the "
    "dates\nthat the runs were both validated on. One that includes 0 may be chance, and so may the best of many runs."
)


def _interval(gain: Gain) -> str:
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str | None) else json.dumps(value)
