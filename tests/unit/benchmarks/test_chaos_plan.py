"""What the chaos of CI is drawn from, before any of it is played."""

from collections import Counter

import pytest

from benchmarks.chaos.plan import DEALT, LATEST, SETTINGS, UNGUARDED, Kind, draw
from truestrength.trainer.contract.words import Method

CI = draw(10, 1)


def kinds(rounds):
    return Counter(fault.kind for round_ in rounds for fault in round_.faults)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_rounds_hold_every_fault_every_method_and_phase1s_end(seed):
    rounds = draw(10, seed)
    assert kinds(rounds).keys() == set(Kind)
    assert {round_.setting for round_ in rounds} == set(SETTINGS)
    assert {round_.setting.method for round_ in rounds} == set(Method)
    assert {(s.share, s.phase1) for s in SETTINGS} == {(False, False), (True, False), (False, True)}


def test_whom_the_faults_strike():
    blows = {(victim, blow) for victim in ("WORKER", "JOB", "LAUNCHER", "SERVER", "BACKEND") for blow in STRIKES}
    assert {f"{victim}_{blow}" for victim, blow in blows} <= {kind.name for kind in Kind}
    assert Kind.HOLDOUT_KILL not in DEALT
    assert len(DEALT) == len(Kind) - 1


STRIKES = ("KILL", "TERM", "STOP")


def test_a_seed_always_draws_the_same_and_another_one_something_else():
    assert draw(10, 1) == CI
    assert draw(4, 1) == CI[:4]
    assert draw(10, 2) != CI


def test_faults_of_a_round_differ_and_strike_in_order_while_there_is_work_left():
    for round_ in draw(40, 5, faults_a_round=3):
        dealt = [fault for fault in round_.faults if fault.kind is not Kind.HOLDOUT_KILL]
        assert len({fault.kind for fault in dealt}) == 3
        moments = [fault.moment for fault in dealt]
        assert moments == sorted(moments)
        assert moments[-1] < LATEST
        unguarded = [fault.kind in UNGUARDED for fault in dealt]
        assert unguarded == sorted(unguarded), "what leaves the workers to themselves comes last"
        assert round_.setting.phase1 == (len(round_.faults) == 4)


def test_a_long_draw_strikes_each_way_about_equally_often():
    counts = kinds(draw(40, 5))
    assert {counts[kind] for kind in DEALT} == {4}
