"""A sweep that the real worker finishes within seconds, on a demo league in the current folder's `league`."""

from pathlib import Path

from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target

SMALL = """
paths: {data: league, outputs: out, batch_cache: cache}
evaluation: {validation: 1, holdout: 1}
training: {n_folds: 2, max_lists_oof: 12, max_final_batches: 12, rolling_windows: [10]}
model_a: {epochs: 2, hidden: 8}
model_b: {n_estimators: 10}
model_c: {n_estimators: 10}
search_spaces:
  phase1:
    model_a_epochs: {type: int, low: 1, high: 3}
    n_estimators_xgb: {type: int, low: 5, high: 12}
    n_estimators_rf: {type: int, low: 5, high: 12}
"""


def small_sweep(n_trials: int = 3, overrides: tuple[str, ...] | list[str] = ()) -> SweepSpec:
    """As `config.yaml` in the current folder and `overrides` have it."""
    return SweepSpec(
        batch_id="small",
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=n_trials,
        config=load_config(Path("config.yaml"), overrides),
        data_fingerprint=read_manifest(Path("league")).fingerprint,
    )
