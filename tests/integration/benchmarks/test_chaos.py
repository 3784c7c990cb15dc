"""Ten seeded rounds of chaos with the local executor; `python -m benchmarks.chaos` plays more of them."""

import os

import pytest

from benchmarks.chaos import reference
from benchmarks.chaos.plan import draw
from benchmarks.chaos.play import play
from truestrength.trainer.contract.errors import UserError

ROUNDS = draw(10, 1)


@pytest.fixture(scope="session")
def truth(tmp_path_factory):
    """Sweeps without a fault, once for all rounds."""
    return reference.make(tmp_path_factory.mktemp("chaos") / "reference")


@pytest.mark.parametrize("round_", ROUNDS, ids=lambda r: f"{r.number} {', '.join(f.kind for f in r.faults)}")
def test_a_round_of_chaos_costs_nothing(round_, truth, tmp_path):
    try:
        played = play(round_, truth, tmp_path / "round")
    except UserError as error:
        if round_.needs_disks and os.geteuid() != 0 and not os.environ.get("CI"):
            pytest.skip(str(error))
        raise
    assert not played.findings, "\n".join(played.findings)
    assert [strike.fault for strike in played.strikes if strike.victim] == list(round_.faults)
    assert played.checks >= 12
