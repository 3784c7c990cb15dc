"""Rows of the ledger, made by hand."""

from truestrength.trainer.contract.ledger import SweepProgress
from truestrength.trainer.contract.words import Method, Objective, Phase, Target


def sweep_progress(
    batch_id="a", *, done=0, failed=0, running=0, n_trials=12, best=None, run=None, cancelled=False, reached=None
):
    """A sweep whose other trials are pending, or not needed where a limit is `reached`."""
    left = n_trials - done - failed - running
    return SweepProgress(
        batch_id=batch_id,
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=n_trials,
        pending=0 if reached else left,
        running=running,
        reported=0,
        done=done,
        failed=failed,
        not_needed=left if reached else 0,
        max_minutes=None,
        goal=None,
        worked_minutes=None,
        reached=reached,
        best_value=best,
        best_run_id=run,
        mean_seconds=None,
        started_at=None,
        ended=done + failed,
        last_finished_at=None,
        live_workers=0,
        cancelled=cancelled,
    )
