"""The outlook of each season through the stage store: batches with other windows need the very same one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from truestrength.trainer.features.outlook import Foresight, Outlook, outlook
from truestrength.trainer.features.season_games import Floats, SeasonGames
from truestrength.trainer.stages.identity import code, digest_of, libraries
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Store

STAGE = "outlook"


def stored(store: Store, proceed: Callable[[], None]) -> Foresight:
    """`outlook` that looks into the store first; `proceed` is called while another worker makes what is asked for."""

    def foresight(games: SeasonGames, strength: Floats, playoff_strength: Floats) -> Outlook:
        def build(_: Contents | None) -> Contents:
            return Contents(vars(outlook(games, strength, playoff_strength)))

        identity = {
            "games": digest_of(*(getattr(games, field.name) for field in fields(games) if field.name != "season")),
            "strength": digest_of(strength, playoff_strength),
            "code": code("features"),
            "libraries": libraries("numpy", "scipy"),
        }
        return Outlook(**store.fetch(STAGE, identity, build, proceed=proceed).arrays)

    return foresight
