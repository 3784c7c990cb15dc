"""The three models as stages: trained once to the deepest that anybody asks for, read as prefixes by everybody else.

With `share=False` nothing is read or written and every model is trained to just what the run needs; the results are the
same to the last bit. Heavy libraries are imported only when a model has to be trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy.typing as npt

from trainer.contract.config import Config, digest
from trainer.models import settings
from trainer.models.fits import Task
from trainer.models.precision import choose_precision
from trainer.models.settings import Depths
from trainer.stages.identity import code, digest_of, libraries
from trainer.stages.stage_file import Contents
from trainer.stages.store import Store

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

    def model_a(self) -> tuple[Array, dict[str, Array]]:
        """Scores [M, T] of `fits.ranked`, and the final fit's weights and standardisation, after the run's epochs."""
        chosen = settings.deep_set_settings(self.config)
        precision = choose_precision(self.config.training.amp, self.config.training.device)
        epochs = settings.depths(self.config).epochs

        def build(before: Contents | None) -> Contents:
            from trainer.models import deep_set_training  # noqa: PLC0415 - imports torch

            earlier = None if before is None else before.arrays
            return Contents(deep_set_training.train(self.task, chosen, precision, self.train_to.epochs, earlier))

        identity = self._identity(chosen, _CODE_A, "torch") | {"precision": precision.name}
        found = self._fetch("model_a", identity, build, self.train_to.epochs).arrays
        last = {name: found[name][-1] for name in _STANDARDISATION}
        return found["scores"][epochs - 1], {"weights": found["final_weights"][epochs - 1], **last}

    def model_b(self) -> tuple[Array, Array]:
        """Scores [M, T], and the bytes of the final fit's model, after the run's rounds."""
        from trainer.models import boosting  # noqa: PLC0415 - imports xgboost

        chosen = settings.boosting_settings(self.config)
        rounds = settings.depths(self.config).rounds

        def build(before: Contents | None) -> Contents:
            earlier = None if before is None else before.arrays
            return Contents(boosting.fit(self.task, chosen, self.train_to.rounds, earlier))

        identity = self._identity(chosen, _CODE_B, "xgboost-cpu")
        found = self._fetch("model_b", identity, build, self.train_to.rounds).arrays
        return boosting.scores(self.task, found, rounds), found[f"fit_{len(self.task.fits.train) - 1}"]

    def model_c(self) -> tuple[Array, dict[str, Array]]:
        """Scores [M, T], and the nodes of the final fit's trees, for the run's trees."""
        from trainer.models import forest  # noqa: PLC0415 - imports scikit-learn when it grows trees

        chosen = settings.forest_settings(self.config)
        trees = settings.depths(self.config).trees

        def build(before: Contents | None) -> Contents:
            earlier = None if before is None else before.arrays
            return Contents(forest.fit(self.task, chosen, self.train_to.trees, earlier))

        identity = self._identity(chosen, _CODE_C, "scikit-learn")
        found = self._fetch("model_c", identity, build, self.train_to.trees).arrays
        return forest.scores(self.task, found, trees), forest.prefix(found, trees)

    def _identity(self, chosen: Any, modules: tuple[str, ...], library: str) -> dict[str, Any]:
        return {
            "batches": digest(self.batches),
            "target": self.task.target,
            "fits": digest_of(*self.task.fits.train, *self.task.fits.rank),
            "settings": msgspec.to_builtins(chosen),
            "code": code(*modules),
            "libraries": libraries("numpy", library),
        }

    def _fetch(self, stage: str, identity: dict[str, Any], build: Any, depth: int) -> Contents:
        return build(None) if self.store is None else self.store.fetch(stage, identity, build, depth, self.proceed)


_STANDARDISATION = ("player_mean", "player_deviation", "context_mean", "context_deviation")
