"""`python -m trainer predict|explain|compare`: what a finished run is asked.

As in `trainer.commands.run`, threads are set before anything numeric is imported.
"""

# ruff: noqa: PLC0415
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from trainer.contract.command_line import say
from trainer.contract.errors import UserError
from trainer.contract.process import use_threads

if TYPE_CHECKING:
    from trainer.use.contributions import Explanation
    from trainer.use.forecast import SeasonForecast


def predict(args: argparse.Namespace) -> None:
    """`trainer predict`."""
    use_threads(1)
    from trainer.contract.files import as_json
    from trainer.use.forecast import predict as forecast
    from trainer.use.saved_run import find_run

    found = forecast(find_run(args.run, args.outputs), args.data, args.as_of)
    if args.json:
        say(as_json(found).decode().rstrip())
    elif args.csv:
        say(_csv(found))
    else:
        say(_table(found))


def explain(args: argparse.Namespace) -> None:
    """`trainer explain`."""
    use_threads(1)
    from trainer.contract.files import as_json
    from trainer.use import contributions
    from trainer.use.saved_run import find_run

    if args.save:
        _save_explanations(args)
        return
    if len(args.run) > 1:
        raise UserError(f"{len(args.run)} runs: one is explained at a time, or several with --save")
    if args.chart is not None and args.chart.suffix != ".svg":
        raise UserError(f"--chart {args.chart}: the chart is an SVG file: name it {args.chart.stem}.svg")
    found = contributions.explain(find_run(args.run[0], args.outputs), args.data, args.as_of)
    if args.team is not None:
        found = contributions.of_team(found, args.team)
    if args.chart is not None:
        from trainer.use.chart import write_chart

        write_chart(args.chart, found)
    if args.json:
        say(as_json(found).decode().rstrip())
    else:
        say(_team_parts(found) if args.team is not None else _league_parts(found))


def _save_explanations(args: argparse.Namespace) -> None:
    """Leave the files in the runs' folders; a run that cannot be explained does not stop the others."""
    from trainer.use.saved_explanation import save
    from trainer.use.saved_run import find_run

    if given := [flag for flag in ("team", "as_of", "data", "chart", "json") if getattr(args, flag)]:
        raise UserError(
            "--save: explains all teams in the middle of a validation season: no "
            f"--{given[0].replace('_', '-')} with it"
        )
    problems = []
    for said in args.run:
        try:
            say(str(save(find_run(said, args.outputs))))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))


def _team_parts(found: Explanation) -> str:
    """What carried one team, by name."""
    from trainer.contract.text_table import text_table
    from trainer.use.contributions import by_name

    (team,) = found.teams
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
        for row in by_name(team)
    ]
    sums = [sum(part.points for part in team.parts if part.model == model) for model in models]
    rows.append(["all", None, None, None, *(f"{points:+.2f}" for points in sums), f"{team.strength:+.2f}"])
    header = ["what", "kind", "value", "attention", *models, "points"]
    title = f"{team.name} ({team.team}), rank {team.rank}: {_heading(found)}"
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in found.stack_weights.items())
    return "\n".join([f"{title}\n", text_table(header, rows), f"\n{_PARTS}", f"The stack's weights: {weights}."])


def _league_parts(found: Explanation) -> str:
    """What carried each team, by kind."""
    from trainer.contract.text_table import text_table

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


def _csv(found: SeasonForecast) -> str:
    import msgspec
    import polars as pl

    return pl.DataFrame(msgspec.to_builtins(found.teams)).write_csv().rstrip()


def _table(found: SeasonForecast) -> str:
    from trainer.contract.text_table import text_table

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
