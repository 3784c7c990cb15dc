"""One round from its first command to the verdicts."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos import verdicts
from benchmarks.chaos.family import family
from benchmarks.chaos.faults import Blows, Strike
from benchmarks.chaos.plan import LAUNCHERS, Fault, Kind, Round
from benchmarks.chaos.project import environment, project
from benchmarks.chaos.reference import Reference
from benchmarks.chaos.user import User
from truestrength.trainer.contract.errors import DatabaseError

ROUND_S = 400.0
MOST_PLAYS = 3
ENDING_S = 30.0
ASKING_S = 3.0
"""A database that is away for so long may be gone with the launcher, which may be done."""


@dataclass(frozen=True)
class Played:
    """What a round came to."""

    round: Round
    strikes: list[Strike]
    codes: list[int]
    """Of the launchers, in order."""
    checks: int
    """How many verdicts were given."""
    findings: list[str]
    """What was not as it should be; empty is well."""
    seconds: float

    @property
    def missed(self) -> list[Strike]:
        """The faults that found nobody; each is a finding."""
        return [strike for strike in self.strikes if not strike.victim]


def play(round_: Round, reference: Reference, folder: Path) -> Played:
    """Play a round in a new folder, and judge what it leaves.

    A fault that hit nothing does not count: the round is played again, in another folder. The machine may have been so
    fast, or so slow, that nobody was left to be struck at its moment.

    Raises:
        UserError: a disk cannot be mounted, which takes root.
    """
    for time_played in range(MOST_PLAYS):
        played = _play(round_, reference, folder.with_name(f"{folder.name}_{time_played}"))
        if not played.missed or len(played.findings) > len(played.missed):
            break
    return played


def _play(round_: Round, reference: Reference, folder: Path) -> Played:
    began = time.monotonic()
    with project(folder, reference.league, round_) as place, family(folder, environment()) as processes:
        user = User(place, processes, place.commands(round_))
        strikes = _strikes(round_, user, began + ROUND_S)
        while user.go_on() and time.monotonic() < began + ROUND_S:
            time.sleep(0.1)
        if user.running():
            user.findings.append(f"the launcher has not ended after {ROUND_S:g} s: {user.said()[-3000:]}")
        user.wait_for_later()
        user.start_server()
        given = verdicts.given(place, place.plans(round_.setting), reference, strikes)
        user.stop_server()
        given["no process is left"] = [f"{pid}: {words}" for pid, words in processes.left_after(ENDING_S).items()]
        given["exit codes and commands are as they should be"] = user.findings
    findings = [f"{name}: {finding}" for name, found in given.items() for finding in found]
    return Played(round_, strikes, user.codes, len(given), findings, time.monotonic() - began)


def _strikes(round_: Round, user: User, deadline: float) -> list[Strike]:
    """All blows of a round, each at its moment, as long as there is somebody to be struck."""
    blows, strikes = Blows(user, random.Random(round_.seed)), []
    for fault in round_.faults:
        strike = Strike(fault)
        while user.go_on() and time.monotonic() < deadline and not strike.victim:
            if fault.kind is Kind.HOLDOUT_KILL or _reached(user, fault):
                strike = blows.strike(fault)
            time.sleep(0.1)
        strikes.append(strike)
    return strikes


def _reached(user: User, fault: Fault) -> bool:
    """Whether so much of the last command's trials is done and somebody is at the next."""
    if not user.last or (fault.kind in LAUNCHERS and user.at_work() is None):
        return False
    try:
        with user.project.ledger(ASKING_S) as ledger:
            now = ledger.all_progress()
    except DatabaseError:
        return False
    total = sum(sweep.n_trials for sweep in now)
    return sum(sweep.closed for sweep in now) >= fault.moment * total and any(sweep.running for sweep in now)
