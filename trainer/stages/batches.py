"""Batches through the stage store: built once per data, windows, roster size and first day; then mapped into memory.

Both targets are in them, so the sweeps of both share one entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.process import give_back_memory
from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.stages import outlook as outlook_stage
from truestrength.trainer.stages.identity import code, libraries
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Store

if TYPE_CHECKING:
    from truestrength.trainer.data.league import League

STAGE = "batches"

_ARRAYS = ("players", "player_mask", "context", "team_mask", "team_id", "season", "date", "conference")
_NAMES = ("seasons", "conferences", "player_columns", "context_columns")


def identity(config: Config, league_folder: Path) -> dict[str, Any]:
    """Everything that can change the batches."""
    return {
        "data": read_manifest(league_folder).fingerprint,
        "code": code("features", "data/league.py"),
        "libraries": libraries("numpy", "polars", "scipy"),
        "windows": config.training.rolling_windows,
        "roster_size": config.training.roster_size,
        "first_day": config.evaluation.first_day,
    }


def fetch(config: Config, league_folder: Path, store: Store, proceed: Callable[[], None] = lambda: None) -> Batches:
    """All lists of the league, from the store or built now.

    Raises:
        DataError: when the league cannot be read or has seasons without lists.
    """

    def build(_: Contents | None) -> Contents:
        from truestrength.trainer.features.batches import build_batches  # noqa: PLC0415 - a hit does not read the league

        training, first_day = config.training, config.evaluation.first_day
        windows, foresight = training.rolling_windows, outlook_stage.stored(store, proceed)
        return pack(
            build_batches(_league(league_folder, wanted["data"]), windows, training.roster_size, first_day, foresight)
        )

    wanted = identity(config, league_folder)
    found = unpack(store.fetch(STAGE, wanted, build, proceed=proceed))
    give_back_memory()
    return found


def _league(folder: Path, fingerprint: str) -> League:
    from truestrength.trainer.data.league import load_league  # noqa: PLC0415

    league = load_league(folder)
    if league.manifest.fingerprint != fingerprint:
        raise DataError(f"{folder}: another league was imported while this one was read. Start again")
    return league


def pack(batches: Batches) -> Contents:
    """As arrays and notes."""
    arrays = {name: getattr(batches, name) for name in _ARRAYS}
    ranks = {f"ranks.{target.value}": ranks for target, ranks in batches.ranks.items()}
    return Contents({**arrays, **ranks}, {name: json.dumps(getattr(batches, name)) for name in _NAMES})


def unpack(contents: Contents) -> Batches:
    """From what `pack` made."""
    fields: dict[str, Any] = {
        **{name: contents.arrays[name] for name in _ARRAYS},
        **{name: tuple(json.loads(contents.notes[name])) for name in _NAMES},
    }
    return Batches(**fields, ranks={target: contents.arrays[f"ranks.{target.value}"] for target in Target})
