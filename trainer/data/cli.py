"""`python -m trainer data demo|import|describe|download`. What is heavy is imported by the command that needs it."""

# ruff: noqa: PLC0415 - so that --help does not wait for Polars
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.data.league import Manifest

Subparsers = argparse._SubParsersAction


def add_data_commands(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the four commands; each sets `handler`, a function of the parsed arguments."""
    _add_demo(subparsers)
    _add_import(subparsers)
    _add_describe(subparsers)
    _add_download(subparsers)


def _add_import(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "import", help="import game logs (nba_api's LeagueGameLog columns), as Parquet or CSV, into a league folder"
    )
    parser.add_argument("--team-logs", type=Path, required=True, metavar="FILE", help="a row per team and game")
    parser.add_argument("--player-logs", type=Path, required=True, metavar="FILE", help="a row per player and game")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="the league folder to write")
    parser.add_argument(
        "--teams",
        type=Path,
        metavar="FILE",
        help="teams of a league other than the NBA: CSV with TEAM_ID, TEAM_ABBREVIATION, TEAM_NAME, conference",
    )
    parser.set_defaults(handler=_import)


def _add_describe(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("describe", help="say what a league folder holds")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a league folder")
    parser.set_defaults(handler=_describe)


def _import(args: argparse.Namespace) -> None:
    from trainer.data.importer import import_logs

    _say(args.into, import_logs(args.team_logs, args.player_logs, args.into, args.teams, say=_print))


def _describe(args: argparse.Namespace) -> None:
    from trainer.data.describe import describe

    _print(describe(args.folder))


def _say(into: Path, manifest: Manifest) -> None:
    from trainer.data.describe import describe_manifest

    games = sum(season.regular_games for season in manifest.seasons)
    playoffs = sum(season.playoff_games for season in manifest.seasons)
    _print(f"{into}: {len(manifest.seasons)} seasons, {games} games, {playoffs} playoff games")
    _print(describe_manifest(manifest))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _add_demo(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("demo", help="make a synthetic league, deterministic by its seed")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="the league folder to write")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another league (default: %(default)s)")
    parser.add_argument("--seasons", type=int, default=10, metavar="N", help="how many (default: %(default)s)")
    parser.set_defaults(handler=_demo)


def _add_download(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("download", help="download NBA game logs with nba_api and import them")
    parser.add_argument("--seasons", required=True, metavar="FIRST:LAST", help="for example 2015-16:2023-24")
    parser.add_argument("--into", type=Path, default=Path("data/nba"), metavar="DIR", help="default: %(default)s")
    parser.add_argument("--base-url", metavar="URL", help="another server with the same interface")
    parser.set_defaults(handler=_download)


def _demo(args: argparse.Namespace) -> None:
    from trainer.data.demo import demo

    _say(args.into, demo(args.into, args.seed, args.seasons))


def _download(args: argparse.Namespace) -> None:
    from trainer.data.download import download

    _say(args.into, download(args.seasons, args.into, _print, base_url=args.base_url))
