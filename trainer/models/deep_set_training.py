"""Trains all fits of model A at once, epoch by epoch, and ranks with each epoch's weights.

Epochs are a prefix of one training: nothing depends on how many there will be. The order of the lists and the dropout
of an epoch come from (seed, epoch), so the state after an epoch is the weights, their average and the optimiser's
moments, and a training that is continued from it gives the same bits as one that never stopped. On a CPU it runs on one
thread, because the sums of a matrix product depend on how many threads share it; the products are too small to gain.

Shapes: E epochs, F fits, D weights, M ranked lists, T teams.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.directions import directions
from truestrength.trainer.models import losses
from truestrength.trainer.models.adam import Adam
from truestrength.trainer.models.deep_set import Architecture, Inputs, score_teams
from truestrength.trainer.models.fits import Ints, Task
from truestrength.trainer.models.lists_as_tensors import Standardisation, inputs, stacked, standardisation
from truestrength.trainer.models.precision import Precision
from truestrength.trainer.models.settings import DeepSetSettings
from truestrength.trainer.models.team_rows import expected_column

log = logging.getLogger(__name__)

Array = npt.NDArray[Any]

_AVERAGE_DECAY = 0.98
_LISTS_AT_ONCE = 40
"""Lists ranked at once: few enough for the processor's cache."""


@dataclass(frozen=True)
class _Data:
    """The training lists of all fits, on the device."""

    inputs: Inputs
    ranks: Tensor
    """[F, L, T]"""
    team_mask: Tensor
    """[F, L, T] False also for padding lists."""


def train(
    task: Task,
    settings: DeepSetSettings,
    precision: Precision,
    epochs: int,
    before: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Train to `epochs`, from the start or from where `before` (an earlier result) ended.

    Returns:
        scores: [E, M, T] of the lists `fits.ranked` after each epoch; 0 where masked.
        final_weights: [E, D] averaged weights of the final fit after each epoch.
        loss: [E, F] mean training loss of each epoch.
        the arrays of `Standardisation`, and the state that a continuation needs.

    Raises:
        UserError: when the loss stops being a number.
    """
    with one_thread():
        scale = standardisation(task.batches, task.fits.train)
        data = _training_data(task, scale, precision.device)
        ranked = _ranked_inputs(task, scale, precision.device)
        architecture = architecture_of(task.batches, task.target, settings.hidden)
        trainer = _Trainer(architecture, settings, precision, data, before)
        history = [] if before is None else [_epoch_of(before, i) for i in range(len(before["loss"]))]
        for epoch in range(len(history), epochs):
            loss = trainer.run_epoch(epoch)
            scores = _rank(architecture, trainer.average, ranked, task)
            if not (np.isfinite(loss).all() and np.isfinite(scores).all()):
                raise UserError(_not_a_number(loss, epoch, settings, precision))
            history.append({"scores": scores, "final_weights": trainer.average[-1].cpu().numpy().copy(), "loss": loss})
        columns = {name: np.stack([entry[name] for entry in history]) for name in history[0]}
        return {**columns, **scale.arrays(), **trainer.state()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one CPU thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def score_lists(
    architecture: Architecture, weights: Tensor, ranked: Inputs, lists_at_once: int = _LISTS_AT_ONCE
) -> Tensor:
    """[F, L, T] scores in float32 without dropout; `weights` is [F, D]."""
    views = architecture.views(weights)
    with torch.no_grad():
        parts = [
            score_teams(views, Inputs(*part))
            for part in zip(
                torch.split(ranked.players, lists_at_once, 1),
                torch.split(ranked.minutes, lists_at_once, 1),
                torch.split(ranked.context, lists_at_once, 1),
                strict=True,
            )
        ]
    return torch.cat(parts, dim=1)


def score(model: Mapping[str, Array], target: Target, hidden: int, batches: Batches, lists: Ints) -> Array:
    """[L, T] scores by one fitted network: its weights [D] and the rows of its standardisation; 0 where masked."""
    scale = Standardisation.of_arrays({name: row[None] for name, row in model.items()})
    with one_thread():
        scores = score_lists(
            architecture_of(batches, target, hidden),
            torch.from_numpy(model["weights"].copy())[None],
            inputs(batches, [lists], scale, "cpu"),
        )
    return np.where(batches.team_mask[lists], scores[0].numpy(), np.float32(0))


class _Trainer:
    """Weights of all fits, their optimiser, and how to run one epoch."""

    def __init__(
        self,
        architecture: Architecture,
        settings: DeepSetSettings,
        precision: Precision,
        data: _Data,
        before: Mapping[str, Array] | None,
    ) -> None:
        self._architecture = architecture
        self._settings = settings
        self._precision = precision
        self._dtype = torch.float16 if precision.autocast == "fp16" else torch.bfloat16
        self._data = data
        n_fits = len(data.ranks)
        device = precision.device
        first = architecture.initial(_generator(settings.seed, 0)).expand(n_fits, -1)
        start = {"weights": first, "average": first} if before is None else _tensors(before, "weights", "average")
        self._weights = start["weights"].clone().to(device).requires_grad_()
        self.average = start["average"].clone().to(device)
        self._lowest = architecture.lowest().to(device)
        self._adam = Adam.new(
            self._weights.detach(),
            settings.learning_rate,
            settings.weight_decay * architecture.decayed().to(device),
            settings.grad_clip,
            scaled=precision.autocast == "fp16",
        )
        if before is not None:
            self._adam.resume(before)

    def state(self) -> dict[str, Array]:
        """What a continuation needs."""
        return {
            "weights": self._weights.detach().cpu().numpy().copy(),
            "average": self.average.cpu().numpy().copy(),
            **self._adam.state(),
        }

    def run_epoch(self, epoch: int) -> Array:
        """One pass over every fit's training lists. Returns the mean loss of each fit, [F]."""
        order = self._order(epoch)
        keep = self._keep(order, epoch)
        done = self._steps_before(epoch, len(order))
        losses_of_steps = [
            self._step(lists, None if keep is None else keep[i], done + i) for i, lists in enumerate(order)
        ]
        weight = (order >= 0).sum(-1).float()
        loss: Array = ((torch.stack(losses_of_steps) * weight).sum(0) / weight.sum(0)).cpu().numpy()
        log.debug("epoch %d: loss %s", epoch + 1, np.round(loss, 4))
        return loss

    def _step(self, lists: Tensor, keep: Tensor | None, step: int) -> Tensor:
        """One optimiser step of all fits on `lists` [F, B], -1 where a fit has none. Returns the losses, [F]."""
        data, settings = self._data, self._settings
        fit = torch.arange(len(lists), device=lists.device)[:, None]
        mask = data.team_mask[fit, lists] & (lists >= 0)[..., None]
        with torch.autocast(self._precision.device, self._dtype, self._precision.autocast is not None):
            scores = score_teams(
                self._architecture.views(self._weights),
                Inputs(
                    data.inputs.players[fit, lists], data.inputs.minutes[fit, lists], data.inputs.context[fit, lists]
                ),
                keep,
            )
        by_list = _loss(settings.loss, scores, data.ranks[fit, lists], mask)
        present = (lists >= 0).float()
        by_fit = (by_list * present).sum(1) / present.sum(1).clamp(min=1)
        (gradient,) = torch.autograd.grad(self._adam.scale * by_fit.sum(), self._weights)
        with torch.no_grad():
            self._adam.step(self._weights, gradient)
            self._weights.clamp_(min=self._lowest)
            self.average.lerp_(self._weights, 1 - min(_AVERAGE_DECAY, (1 + step) / (10 + step)))
        return by_fit.detach()

    def _order(self, epoch: int) -> Tensor:
        """[steps, F, B] the lists of each step, every list of a fit once; -1 where a fit has none left."""
        draw = np.random.default_rng([self._settings.seed, epoch])
        present = self._data.team_mask.any(-1).sum(-1).tolist()
        n_steps = -(-max(present) // self._settings.lists_per_step)
        width = -(-max(present) // n_steps)
        order = np.full((n_steps, len(present), width), -1)
        for fit, n_lists in enumerate(present):
            for step, part in enumerate(np.array_split(draw.permutation(n_lists), n_steps)):
                order[step, fit, : len(part)] = part
        return torch.from_numpy(order).to(self._precision.device)

    def _keep(self, order: Tensor, epoch: int) -> Tensor | None:
        """[steps, F, B * T, K * H + C] dropout factors of an epoch."""
        share = self._settings.dropout
        if share == 0:
            return None
        n_teams = self._data.ranks.shape[-1]
        shape = (*order.shape[:2], order.shape[2] * n_teams, self._architecture.joined)
        drawn = torch.rand(shape, generator=_generator(self._settings.seed, epoch + 1))
        return ((drawn >= share) / (1 - share)).to(self._precision.device)

    @staticmethod
    def _steps_before(epoch: int, steps_per_epoch: int) -> int:
        return epoch * steps_per_epoch


def _loss(
    name: Literal["listmle", "position_listmle", "spearman"], scores: Tensor, ranks: Tensor, mask: Tensor
) -> Tensor:
    match name:
        case "listmle":
            return losses.listmle(scores, ranks, mask)
        case "position_listmle":
            return losses.position_listmle(scores, ranks, mask)
        case "spearman":
            return losses.spearman_loss(scores, ranks, mask)
    assert_never(name)


def architecture_of(batches: Batches, target: Target, hidden: int) -> Architecture:
    """The network that reads these batches."""
    return Architecture(
        stats=len(batches.player_columns),
        directions=directions(batches.context_columns),
        expected=expected_column(batches, target),
        hidden=hidden,
    )


def _training_data(task: Task, scale: Standardisation, device: str) -> _Data:
    batches, train = task.batches, task.fits.train
    ranks = stacked([torch.from_numpy(batches.ranks[task.target][lists]) for lists in train])
    mask = stacked([torch.from_numpy(batches.team_mask[lists]) for lists in train])
    return _Data(inputs(batches, train, scale, device), ranks.to(device), mask.to(device))


def _ranked_inputs(task: Task, scale: Standardisation, device: str) -> tuple[Inputs | None, Inputs]:
    """The lists that the folds rank, and those that the final fit ranks (many more, so not padded to one shape).

    A task may have a final fit and no folds.
    """
    folds, final = task.fits.rank[:-1], task.fits.rank[-1:]
    return (
        inputs(task.batches, folds, scale, device) if folds else None,
        inputs(task.batches, final, scale.of_fit(len(folds)), device),
    )


def _rank(architecture: Architecture, weights: Tensor, ranked: tuple[Inputs | None, Inputs], task: Task) -> Array:
    """[M, T] scores of the lists `fits.ranked`; 0 where masked."""
    of_folds, of_final = ranked
    scores = list(score_lists(architecture, weights[-1:], of_final).cpu().numpy())
    if of_folds is not None:
        folds = score_lists(architecture, weights[:-1], of_folds).cpu().numpy()
        scores = [*(fold[: len(lists)] for fold, lists in zip(folds, task.fits.rank[:-1], strict=True)), *scores]
    mask = task.batches.team_mask[task.fits.ranked]
    return np.where(mask, np.concatenate(scores), np.float32(0))


def _epoch_of(arrays: Mapping[str, Array], epoch: int) -> dict[str, Array]:
    return {name: arrays[name][epoch] for name in ("scores", "final_weights", "loss")}


def _tensors(arrays: Mapping[str, Array], *names: str) -> dict[str, Tensor]:
    # A copy: arrays of the store are read-only views of a file.
    return {name: torch.from_numpy(arrays[name].copy()) for name in names}


def _generator(seed: int, stream: int) -> torch.Generator:
    mixed = np.random.SeedSequence([seed, stream]).generate_state(1, dtype=np.uint64)
    return torch.Generator().manual_seed(int(mixed[0] >> 1))


def _not_a_number(loss: Array, epoch: int, settings: DeepSetSettings, precision: Precision) -> str:
    wrong = np.flatnonzero(~np.isfinite(loss))
    fits = ", ".join("the final fit" if i == len(loss) - 1 else f"fold {i + 1}" for i in wrong) or "its last step"
    return (
        f"model A: the loss is not a number in epoch {epoch + 1} ({fits}) with training.loss={settings.loss}, "
        f"model_a.learning_rate={settings.learning_rate:g}, model_a.grad_clip={settings.grad_clip:g}, "
        f"precision {precision.name}. Lower model_a.learning_rate, or set training.amp=off"
    )
