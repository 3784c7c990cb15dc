"""What is done to which sweep: rounds drawn from a seed. Pure data.

Surprising: nothing is left to luck that has to occur. Faults and settings are dealt like cards, so that ten rounds of
two faults hold every kind of fault, every method, `--share-observations` and the whole of Phase I.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from truestrength.trainer.contract.words import Method

T = TypeVar("T")

LATEST = 0.5
"""Faults strike before this share of the trials is done, so that there is work left for the later ones."""
PHASE1_LATEST = 0.1
"""In Phase I most trials only share what the first ones have trained, and are over before anybody is caught in them."""
LONGEST_PAUSE_S = 3.0


class Kind(StrEnum):
    """What happens to whom."""

    WORKER_KILL = "kill -9 of a worker"
    WORKER_TERM = "TERM of a worker"
    WORKER_STOP = "STOP of a worker beyond its lease"
    JOB_KILL = "kill -9 of a job"
    JOB_TERM = "TERM of a job"
    JOB_STOP = "STOP of a job beyond the lease"
    LAUNCHER_KILL = "kill -9 of the launcher"
    LAUNCHER_TERM = "TERM of the launcher"
    LAUNCHER_INT = "Ctrl-C of the launcher"
    LAUNCHER_STOP = "STOP of the launcher beyond the lease"
    POSTMASTER_KILL = "kill -9 of the server's first process"
    SERVER_KILL = "kill -9 of all of the server's processes"
    SERVER_TERM = "TERM of the server"
    SERVER_STOP = "STOP of the server beyond the lease"
    BACKEND_KILL = "kill -9 of a backend"
    BACKEND_TERM = "TERM of a backend"
    BACKEND_STOP = "STOP of a backend beyond the lease"
    CONNECTIONS = "all connections dropped in a loop"
    CACHE_FULL = "the store's disk full for a while"
    OUTPUTS_FULL = "the outputs' disk full for a while"
    HOLDOUT_KILL = "kill -9 of the reader of the held-out season"


LAUNCHERS = tuple(kind for kind in Kind if kind.name.startswith("LAUNCHER"))
UNGUARDED = (Kind.LAUNCHER_KILL, Kind.SERVER_TERM)
"""Workers go on where nobody watches them or gets a connection: nothing may be left to strike afterwards."""
DISKS = (Kind.CACHE_FULL, Kind.OUTPUTS_FULL)
DEALT = tuple(kind for kind in Kind if kind is not Kind.HOLDOUT_KILL)
"""Phase I's end comes once in every round of Phase I, beside these."""


@dataclass(frozen=True)
class Setting:
    """What a round runs."""

    method: Method = Method.OPTUNA
    share: bool = False
    """`--share-observations`, after a sweep of another objective."""
    phase1: bool = False
    """All of Phase I, to the held-out season."""


SETTINGS = (*(Setting(method) for method in Method), Setting(share=True), Setting(phase1=True))


@dataclass(frozen=True)
class Fault:
    """One blow."""

    kind: Kind
    moment: float
    """The share of the trials that are done when it strikes."""
    pause_s: float
    """How long a user takes to notice, where one has to (a server that is down)."""


@dataclass(frozen=True)
class Round:
    """One plan and what happens to it."""

    number: int
    seed: int
    """Of what is chosen while it runs: which of several workers."""
    setting: Setting
    n_jobs: int
    faults: tuple[Fault, ...]

    @property
    def needs_disks(self) -> bool:
        """Whether a file system has to be mounted, which only root may."""
        return any(fault.kind in DISKS for fault in self.faults)


def draw(n_rounds: int, seed: int, faults_a_round: int = 2) -> list[Round]:
    """Rounds, always the same ones for the same arguments; a longer draw begins with the shorter one."""
    dice = random.Random(seed)
    kinds, settings = dealt(DEALT, dice), dealt(SETTINGS, random.Random(dice.random()))
    rounds = []
    for number in range(n_rounds):
        found: list[Kind] = []
        while len(found) < faults_a_round:
            kind = next(kinds)
            if kind not in found:
                found.append(kind)
        found.sort(key=lambda kind: kind in UNGUARDED)
        setting = next(settings)
        step = (PHASE1_LATEST if setting.phase1 else LATEST) / faults_a_round
        faults = [
            Fault(kind, step * (place + dice.random()), LONGEST_PAUSE_S * dice.random())
            for place, kind in enumerate(found)
        ]
        if setting.phase1:
            faults.append(Fault(Kind.HOLDOUT_KILL, 1.0, 0.0))
        rounds.append(Round(number, dice.randrange(2**31), setting, dice.choice((2, 3)), tuple(faults)))
    return rounds


def dealt(cards: Sequence[T], dice: random.Random) -> Iterator[T]:
    """Cards of shuffled decks, one deck after the other."""
    while True:
        yield from dice.sample(cards, len(cards))
