"""The three models as stages: trained once to the deepest that anybody asks for, read as prefixes by everybody else.

With `share=False` nothing is read or written and every model is trained to just what the run needs; the results are the
same to the last bit. torch and scikit-learn are imported only when a model has to be trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy.typing as npt

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.models import settings
from truestrength.trainer.models.fits import Task
from truestrength.trainer.models.precision import choose_precision, timed
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.stages.identity import code, digest_of, libraries
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Build, Store

Array = npt.NDArray[Any]

_COMMON = ("models/fits.py", "models/settings.py")
_CODE_A = (
    "models/adam.py",
    "models/deep_set.py",
    "models/deep_set_training.py",
    "models/lists_as_tensors.py",
    "models/losses.py",
    "models/team_rows.py",
    *_COMMON,
)
_CODE_B = ("models/boosting.py", "models/team_rows.py", *_COMMON)
_CODE_C = ("models/forest.py", "models/team_rows.py", *_COMMON)


class TrainedModel(NamedTuple):
    """What a run needs of one of its models."""

    scores: Array
    """[M, T] of the lists `fits.ranked`."""
    final: Any
    """The final fit, as `FittedModels` has it."""


@dataclass(frozen=True)
class ModelStages:
    """Trains or finds the models of one run."""

    task: Task
    config: Config
    batches: Mapping[str, Any]
    """Identity of the batches."""
    store: Store | None
    """None: every model is trained alone."""
    train_to: Depths
    """How far a model is trained when it has to be; never less than the run needs."""
    proceed: Callable[[], None]
    """Called while another worker trains what this one needs; may raise to stop the run."""

    def model_a(self, *, wait: bool) -> TrainedModel | None:
        """After the run's epochs; `final` has weights and standardisation. None if it is busy and not to `wait`."""
        chosen = settings.deep_set_settings(self.config)
        precision = choose_precision(self.config.training.amp, self.config.training.device)
        epochs = settings.depths(self.config).epochs

        def build(before: Contents | None) -> Contents:
            from truestrength.trainer.models import deep_set_training  # noqa: PLC0415 - imports torch

            earlier = None if before is None else before.arrays
            with timed(precision):
                return Contents(deep_set_training.train(self.task, chosen, precision, self.train_to.epochs, earlier))

        identity = self._identity(chosen, _CODE_A, "torch") | {"precision": precision.name}
        contents = self._fetch("model_a", identity, build, (self.train_to.epochs, epochs), wait=wait)
        if contents is None:
            return None
        found = contents.arrays
        last = {name: found[name][-1] for name in _STANDARDISATION}
        return TrainedModel(found["scores"][epochs - 1], {"weights": found["final_weights"][epochs - 1], **last})

    def model_b(self, *, wait: bool) -> TrainedModel | None:
        """After the run's rounds; `final` is the bytes of XGBoost's model. None as `model_a`."""
        from truestrength.trainer.models import boosting  # noqa: PLC0415 - imports xgboost

        chosen = settings.boosting_settings(self.config)
        rounds = settings.depths(self.config).rounds

        def build(before: Contents | None) -> Contents:
            earlier = None if before is None else before.arrays
            return Contents(boosting.fit(self.task, chosen, self.train_to.rounds, earlier))

        identity = self._identity(chosen, _CODE_B, "xgboost-cpu")
        contents = self._fetch("model_b", identity, build, (self.train_to.rounds, rounds), wait=wait)
        if contents is None:
            return None
        found = contents.arrays
        return TrainedModel(boosting.scores(self.task, found, rounds), found[f"fit_{len(self.task.fits.train) - 1}"])

    def model_c(self, *, wait: bool) -> TrainedModel | None:
        """With the run's trees; `final` has their nodes. None as `model_a`."""
        from truestrength.trainer.models import forest  # noqa: PLC0415 - imports scikit-learn when it grows trees

        chosen = settings.forest_settings(self.config)
        trees = settings.depths(self.config).trees

        def build(before: Contents | None) -> Contents:
            earlier = None if before is None else before.arrays
            return Contents(forest.fit(self.task, chosen, self.train_to.trees, earlier))

        identity = self._identity(chosen, _CODE_C, "scikit-learn")
        contents = self._fetch("model_c", identity, build, (self.train_to.trees, trees), wait=wait)
        if contents is None:
            return None
        found = contents.arrays
        return TrainedModel(forest.scores(self.task, found, trees), forest.prefix(found, trees))

    def _identity(self, chosen: Any, modules: tuple[str, ...], library: str) -> dict[str, Any]:
        return {
            "batches": digest(self.batches),
            "target": self.task.target,
            "fits": digest_of(*self.task.fits.train, *self.task.fits.rank),
            "settings": msgspec.to_builtins(chosen),
            "code": code(*modules),
            "libraries": libraries("numpy", library),
        }

    def _fetch(
        self, stage: str, identity: dict[str, Any], build: Build, depths: tuple[int, int], *, wait: bool
    ) -> Contents | None:
        """To the first of two depths; the run itself needs the second."""
        if self.store is None:
            return build(None)
        depth, needed = depths
        if wait:
            return self.store.fetch(stage, identity, build, depth, self.proceed, needed=needed)
        return self.store.fetch_unless_busy(stage, identity, build, depth, needed=needed)


_STANDARDISATION = ("player_mean", "player_deviation", "context_mean", "context_deviation")
