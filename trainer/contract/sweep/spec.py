"""A sweep as plain data: what the launcher registers in the ledger and what a worker reads back by `batch_id`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from truestrength.trainer.contract.config import settings as configuration
from truestrength.trainer.contract.config.conditions import condition, reached, resolved, spread
from truestrength.trainer.contract.config.search_space import (
    Choice,
    Parameters,
    Point,
    SearchSpace,
    config_key,
    singles,
)
from truestrength.trainer.contract.config.settings import Config, fixed_keys, identity
from truestrength.trainer.contract.config.space_checks import extremes
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.paths.outputs import FIGURES
from truestrength.trainer.contract.sweep import rungs
from truestrength.trainer.contract.sweep.prior import PriorSweep
from truestrength.trainer.contract.words import Method, Objective, Phase, Sampler, Target

MOST_TRIALS = 100_000
BATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def wrong_batch_id(batch_id: str) -> str:
    """Why no sweep can have this name, which is that of its folder, too; empty when one can."""
    if not BATCH_ID.fullmatch(batch_id):
        return "letters, digits, '.', '_' and '-' are allowed, up to 100, starting with a letter or digit"
    return "the report's plots have this folder; choose another name" if batch_id == FIGURES else ""


def search_space(config: Config, phase: str, where: str) -> SearchSpace:
    """What a phase varies; `where` begins the message.

    Raises:
        ConfigError: when the config has no search space for it.
    """
    if phase == Phase.FULL:
        if not config.sweep:
            raise ConfigError(f"{where}: the config has no `sweep` lists")
        return {name: Choice(values=values) for name, values in config.sweep.items()}
    if not config.search_spaces.get(phase):
        known = [*(name for name, space in config.search_spaces.items() if space), Phase.FULL]
        raise ConfigError(f"{where}: the config has no search_spaces.{phase}: {suggest(phase, known)}")
    return config.search_spaces[phase]


def is_folder(name: str) -> bool:
    """Whether an earlier sweep is named by its folder, and not by its batch id."""
    return "/" in name or name.startswith(("~", "$"))


class SweepSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One objective x one target x one phase, with a budget of `n_trials` slots."""

    batch_id: str
    objective: Objective
    target: Target
    phase: str
    """The search space of the config, by its name."""
    method: Method
    n_trials: int
    config: Config
    """Resolved; its `training.listmle_target` is `target`."""
    data_fingerprint: str
    """Of the league the sweep trains on: other data is another sweep."""
    explain: bool = False
    """Permutation importances of the fitted models, per run (`--run-explain`)."""
    sampler: Sampler = Sampler.TPE
    """Of method `optuna`."""
    repeats: int = 1
    """Seeds of every trial, from `training.seed` on; the mean of their values counts."""
    share_observations: bool = False
    """Finished trials of the sibling sweeps (same target and phase) count as prior observations."""
    first: tuple[Parameters, ...] = ()
    """Points of its space that its first slots try; what they leave open comes from the start design."""
    prior: tuple[str, ...] = ()
    """Earlier sweeps whose trials it knows: batch ids of its ledger, or folders of sweeps."""
    known: tuple[PriorSweep, ...] = ()
    """What it knows from them, as it was when the sweep was registered first."""

    def __post_init__(self) -> None:
        """Refuse names that could not be a folder of their own, and impossible budgets."""
        if wrong := wrong_batch_id(self.batch_id):
            raise ConfigError(f"--batch-id {self.batch_id!r}: {wrong}")
        if not 1 <= self.n_trials <= MOST_TRIALS:
            raise ConfigError(f"--n-trials {self.n_trials}: 1 to {MOST_TRIALS} are possible")
        if self.sampler is not Sampler.TPE and self.method is not Method.OPTUNA:
            raise ConfigError(
                f"--sampler {self.sampler}: goes with --method {Method.OPTUNA}; the sweep has --method {self.method}"
            )

        self._check_prior()

    def _check_prior(self) -> None:
        for i, name in enumerate(self.prior):
            if name in self.prior[:i]:
                raise ConfigError(f"--prior {name}: is written twice")
            if not is_folder(name) and wrong_batch_id(name):
                raise ConfigError(f"--prior {name!r}: {wrong_batch_id(name)}; a folder is named with a /")
        learns = self.method is Method.OPTUNA and self.sampler not in (Sampler.QMC, Sampler.RANDOM)
        if self.prior and not learns:
            raise ConfigError(
                f"--prior {','.join(self.prior)}: goes with --method {Method.OPTUNA} and a sampler that learns from "
                f"trials; {self.batch_id} has --method {self.method}, --sampler {self.sampler}"
            )

    @property
    def space(self) -> SearchSpace:
        """What the sweep varies: without parameters that a fixed key of its configuration keeps away.

        Raises:
            ConfigError: when the config has no search space for the phase.
        """
        space = search_space(self.config, self.phase, f"--phase {self.phase}")
        return resolved(space, fixed_keys(self.config)) if any(map(condition, space.values())) else space

    def searched_keys(self) -> dict[str, str]:
        """The dotted keys of the configuration that a trial sets -> the parameters' names."""
        return {config_key(name): name for name in singles(self.space)}

    def corners(self) -> Iterator[Config]:
        """The configuration with each parameter at its least, and then with each one in turn at its other extremes.

        Rows are taken whole, and a parameter that is only there sometimes with what brings it about.

        Raises:
            ConfigError: when the config has no search space for the phase.
        """
        space = self.space
        ends = {label: extremes(dimension, label) for label, dimension in space.items()}
        least: Point = {label: values[0] for label, values in ends.items()}
        yield self._at(least)
        for label, values in ends.items():
            with_it = least | (reached(space, label) or {})
            for value in values if condition(space[label]) else values[1:]:
                yield self._at({**with_it, label: value})

    def _at(self, point: Point) -> Config:
        parameters = spread(self.space, point)
        return configuration.replace(self.config, {config_key(name): value for name, value in parameters.items()})

    def identity(self) -> dict[str, Any]:
        """What may not change under a `batch_id`. The budget may grow, so it is not part of it."""
        # What nobody asked for is not named: sweeps are older than these choices, and stay what they are.
        chosen: dict[str, Any] = {} if self.sampler is Sampler.TPE else {"sampler": self.sampler}
        chosen |= {} if self.repeats == 1 else {"repeats": self.repeats}
        chosen |= {"first": self.first} if self.first else {}
        chosen |= {"prior": self.prior} if self.prior else {}
        return {
            **chosen,
            "objective": self.objective,
            "target": self.target,
            "phase": self.phase,
            "method": self.method,
            "data_fingerprint": self.data_fingerprint,
            "explain": self.explain,
            "share_observations": self.share_observations,
            "space": msgspec.to_builtins(self.space),
            "config": identity(self.config),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of `identity`."""
        return digest(self.identity())


def trial_config(spec: SweepSpec, parameters: Parameters, rung: int) -> Config:
    """The sweep's configuration with a slot's parameters, and the lists that its rung may use."""
    changed = {config_key(name): value for name, value in parameters.items()}
    share = rungs.fidelity(spec.method, spec.n_trials, rung)
    if share < 1:
        training = spec.config.training
        changed["training.max_lists_oof"] = math.ceil(training.max_lists_oof * share)
        changed["training.max_final_batches"] = math.ceil(training.max_final_batches * share)
    return configuration.replace(spec.config, changed)
