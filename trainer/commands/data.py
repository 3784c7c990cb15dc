"""`truestrength data demo|import|describe|download`."""

from __future__ import annotations

import argparse
from pathlib import Path

from truestrength.trainer.contract.command_line import say
from truestrength.trainer.data.demo import demo as make_demo
from truestrength.trainer.data.describe import describe as description
from truestrength.trainer.data.describe import describe_manifest
from truestrength.trainer.data.download import download as download_logs
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import Manifest


def demo(args: argparse.Namespace) -> None:
    """`trainer data demo`."""
    _say(args.into, make_demo(args.into, args.seed, args.seasons))


def import_(args: argparse.Namespace) -> None:
    """`trainer data import`."""
    _say(args.into, import_logs(args.team_logs, args.player_logs, args.into, args.teams, say=say))


def describe(args: argparse.Namespace) -> None:
    """`trainer data describe`."""
    say(description(args.folder))


def download(args: argparse.Namespace) -> None:
    """`trainer data download`."""
    _say(args.into, download_logs(args.seasons, args.into, say, base_url=args.base_url))


def _say(into: Path, manifest: Manifest) -> None:
    games = sum(season.regular_games for season in manifest.seasons)
    playoffs = sum(season.playoff_games for season in manifest.seasons)
    say(f"{into}: {len(manifest.seasons)} seasons, {games} games, {playoffs} playoff games")
    say(describe_manifest(manifest))
