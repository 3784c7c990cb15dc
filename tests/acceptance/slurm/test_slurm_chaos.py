"""Three seeded rounds of chaos on a real SLURM, judged as those of `python -m benchmarks.chaos` are."""

import pytest

from benchmarks.chaos import verdicts
from tests.support import slurm_chaos

# Of this seed, a job that is requeued and a lost node, for which SLURM makes everybody wait two minutes, share a round.
ROUNDS = slurm_chaos.draw(3, 6)


def test_three_rounds_hold_every_fault():
    dealt = [kind for round_ in ROUNDS for kind in round_.kinds]
    assert sorted(dealt) == sorted([*slurm_chaos.BLOWS, slurm_chaos.SUBMISSION])


@pytest.mark.parametrize("round_", ROUNDS, ids=lambda r: f"{r.number} {', '.join(r.kinds)}")
def test_a_round_of_chaos_costs_nothing(round_, project):
    project.environment["TRUESTRENGTH_LEASE_S"] = "5"
    strikes = slurm_chaos.play(round_, project)
    project.until(lambda: not list(project.job_processes()), 60, "the end of all processes")
    with project.explained():
        assert len([strike for strike in strikes if strike.victim]) == len(round_.kinds), strikes
        project.check_budget(slurm_chaos.BATCH, slurm_chaos.TRIALS)
        spec, truth = slurm_chaos.twin(project)
        given = verdicts.judged(project.ledger, project.outputs, [spec], truth)
        given["what was struck came to what it had to"] = list(verdicts.fates(project.ledger, strikes))
        assert {name: findings for name, findings in given.items() if findings} == {}
