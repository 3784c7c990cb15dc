"""How much better a run is than the best baseline and than the ranking without training, with the 95 % intervals."""

from __future__ import annotations

from truestrength.launcher.report.markdown import MISSING, signed
from truestrength.launcher.report.trials import Comparison, Trial, against, compare, rankers
from truestrength.trainer.contract.records.metrics import EXPECTED, RunMetrics
from truestrength.trainer.contract.words import Objective


def gains_said(best: Trial | None, objective: Objective) -> tuple[str, str]:
    """Two cells: over the best baseline, which is named, and over the ranking without training."""
    if best is None or best.metrics is None:
        return MISSING, MISSING
    scores = rankers(best.metrics)
    rival, untrained = compare(scores, objective), against(scores, EXPECTED, objective)
    over = f"{rival.baseline} {_gain(rival, best.metrics)}" if rival else MISSING
    return over, _gain(untrained, best.metrics) if untrained else MISSING


def _gain(found: Comparison, metrics: RunMetrics) -> str:
    gain = metrics.gains.get(found.baseline, {}).get(found.objective)
    interval = f" ({signed(gain.low, 4)} to {signed(gain.high, 4)})" if gain else ""
    return f"{signed(found.gain, 4)}{interval}"
