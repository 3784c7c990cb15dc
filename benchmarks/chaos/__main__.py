"""Seeded chaos: `python -m benchmarks.chaos --rounds N --seed S`.

Each round runs the real launcher on a small league with an embedded PostgreSQL of its own. Workers, their jobs, the
launcher, the server and single backends are killed, told to stop and frozen beyond the lease; connections are dropped
in a loop; disks fill up for a while. The user runs the same command again until it says that all is done. Then: exactly
the budget, nothing left running, no run id twice, whole files, values of the start design to the bit, right exit codes.

How to read it: a row is a round; `codes` are those of its launchers in order (-9: killed, 130: told to stop, 1 and 2: a
disk was full or the reader of the held-out season was killed); `findings` must be 0. The rounds of a seed are always
the same, but what they hit depends on the machine's speed. Disks are mounted, so root is needed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter

from benchmarks.chaos import reference
from benchmarks.chaos.plan import Round, draw
from benchmarks.chaos.play import Played, play
from benchmarks.setting import fresh_folder, heading, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import UserError

HEADER = ("round", "runs", "jobs", "faults", "codes", "s", "verdicts", "findings")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.chaos", description=__doc__)
    top.add_argument("--rounds", type=int, default=10, metavar="N", help="(10)")
    top.add_argument("--seed", type=int, default=1, metavar="S", help="of the draw (1)")
    top.add_argument("--faults", type=int, default=2, metavar="N", help="in each round (2)")
    top.add_argument("--only", type=int, nargs="+", metavar="N", help="these rounds of the draw")
    top.add_argument("--keep", action="store_true", help="leave the folders of all rounds behind")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> int:
    """Play the rounds and print them. Returns 1 when there is a finding."""
    rounds = [r for r in draw(args.rounds, args.seed, args.faults) if args.only is None or r.number in args.only]
    if not rounds:
        raise UserError(f"--rounds {args.rounds}: no round to play")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background, so that rounds can send Ctrl-C
    print(heading(f"{len(rounds)} rounds of seed {args.seed}"), flush=True)
    with fresh_folder(keep=args.keep) as folder:
        truth = reference.make(folder / "reference")
        played = []
        for round_ in rounds:
            played.append(play(round_, truth, folder / f"round_{round_.number}"))
            _say(played[-1])
    show("rounds", HEADER, [_row(one) for one in played])
    hit = Counter(strike.fault.kind for one in played for strike in one.strikes if strike.victim)
    show("faults that found their victim", ("fault", "times"), sorted(hit.items()))
    findings = sum(len(one.findings) for one in played)
    print(f"\n{sum(hit.values())} faults, {sum(one.checks for one in played)} verdicts, {findings} findings")
    return int(findings > 0)


def described(round_: Round) -> str:
    """What a round runs, in a few words."""
    setting = round_.setting
    if setting.phase1:
        return "phase1"
    return f"{setting.method}{', shared' if setting.share else ''}"


def _say(played: Played) -> None:
    print(f"round {played.round.number}, {described(played.round)}, {played.seconds:.0f} s, exit codes {played.codes}")
    for strike in played.strikes:
        print(f"  {strike.fault.kind}: {strike.victim or 'nobody'}")
    for finding in played.findings:
        print(f"  FINDING {finding}")
    sys.stdout.flush()


def _row(played: Played) -> list[object]:
    one = played.round
    codes = " ".join(map(str, played.codes))
    counts = [len(one.faults), codes, played.seconds, played.checks, len(played.findings)]
    return [one.number, described(one), one.n_jobs, *counts]


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
