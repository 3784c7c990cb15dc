"""Rows of the ledger, made by hand."""

from trainer.contract.ledger import SweepProgress
from trainer.contract.words import Method, Objective, Phase, Target


def sweep_progress(batch_id="a", *, done=0, failed=0, running=0, n_trials=12, best=None, run=None, cancelled=False):
    """A sweep whose other trials are pending."""
    return SweepProgress(
        batch_id=batch_id,
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=n_trials,
        pending=n_trials - done - failed - running,
        running=running,
        done=done,
        failed=failed,
        best_value=best,
        best_run_id=run,
        mean_seconds=None,
        started_at=None,
        ended=done + failed,
        last_finished_at=None,
        live_workers=0,
        cancelled=cancelled,
    )
