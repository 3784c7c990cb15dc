"""How many slots of a sweep come from its start design, before its sampler has anything to learn from."""

from __future__ import annotations

from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Sampler

START_SLOTS = 10
"""So many slots of an `optuna` sweep with a sampler that learns come from the start design, less the trials that it
knows from earlier sweeps."""


def start_slots(spec: SweepSpec) -> int:
    """How many slots of a sweep with a sampler that learns come from the start design."""
    return START_SLOTS - sum(len(earlier.trials) for earlier in spec.known)


def designed_slots(spec: SweepSpec) -> int:
    """How many of the first slots were chosen before anything was learnt; 0 for a sweep that learns nothing."""
    learns = spec.method is Method.OPTUNA and spec.sampler not in {Sampler.RANDOM, Sampler.QMC}
    return max(start_slots(spec), len(spec.first)) if learns else 0
