"""`truestrength predict|explain|compare`: what a finished run is asked.

As in `trainer.commands.run`, threads are set before anything numeric is imported.
"""

# ruff: noqa: PLC0415
from __future__ import annotations

import argparse

from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.process import use_threads


def predict(args: argparse.Namespace) -> None:
    """`trainer predict`."""
    use_threads(1)
    from truestrength.trainer.commands import tables
    from truestrength.trainer.contract.files import as_json
    from truestrength.trainer.use.forecast import predict as forecast
    from truestrength.trainer.use.saved_run import find_run

    found = forecast(find_run(args.run, args.outputs), args.data, args.as_of)
    if args.json:
        say(as_json(found).decode().rstrip())
    else:
        say(tables.forecast_csv(found) if args.csv else tables.forecast(found))


def explain(args: argparse.Namespace) -> None:
    """`trainer explain`."""
    use_threads(1)
    from truestrength.trainer.commands import tables
    from truestrength.trainer.contract.files import as_json
    from truestrength.trainer.use import contributions
    from truestrength.trainer.use.saved_run import find_run

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
        from truestrength.trainer.use.chart import write_chart

        write_chart(args.chart, found)
    if args.json:
        say(as_json(found).decode().rstrip())
    else:
        say(tables.team(found) if args.team is not None else tables.league(found))


def _save_explanations(args: argparse.Namespace) -> None:
    """Leave the files in the runs' folders; a run that cannot be explained does not stop the others."""
    from truestrength.trainer.use.saved_explanation import save
    from truestrength.trainer.use.saved_run import find_run

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


def compare(args: argparse.Namespace) -> None:
    """`trainer compare`."""
    use_threads(1)
    from truestrength.trainer.commands import tables
    from truestrength.trainer.contract.files import as_json
    from truestrength.trainer.use.comparison import compare as comparison
    from truestrength.trainer.use.saved_run import find_run

    runs = [find_run(said, args.outputs) for said in args.run]
    if len(runs) < 2 or len({run.paths.folder.resolve() for run in runs}) < len(runs):
        raise UserError(f"{' '.join(args.run)}: at least two runs are compared, each named once")
    found = comparison(runs, args.data)
    say(as_json(found).decode().rstrip() if args.json else tables.comparison(found))
