"""The deep set: what it may not depend on, and that epochs are a prefix of one training to the last bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from truestrength.trainer.contract.errors import ConfigError, UserError
from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models import deep_set_training, precision
from truestrength.trainer.models.deep_set import FIRST_SLOPE, Architecture, Inputs, score_teams
from truestrength.trainer.models.deep_set_training import train
from truestrength.trainer.models.fits import Task
from truestrength.trainer.models.lists_as_tensors import inputs, standardisation
from truestrength.trainer.models.precision import Precision, choose_precision
from truestrength.trainer.models.settings import DeepSetSettings

SETTINGS = DeepSetSettings(
    loss="listmle",
    learning_rate=1e-2,
    weight_decay=2.0,
    hidden=6,
    dropout=0.2,
    lists_per_step=7,
    grad_clip=1.0,
    seed=11,
)
CPU = Precision("cpu", None)
PER_EPOCH = ("scores", "final_weights", "loss")


@pytest.fixture(scope="module")
def trained(task: Task) -> dict[str, np.ndarray]:
    return train(task, SETTINGS, CPU, 7)


def some_inputs(seed: int = 0) -> tuple[Architecture, dict[str, torch.Tensor], Inputs]:
    generator = torch.Generator().manual_seed(seed)
    architecture = Architecture(stats=3, directions=(1, 0), expected=None, hidden=4)
    n_weights = len(architecture.initial(generator))
    weights = architecture.views(torch.randn(2, n_weights, generator=generator))
    return (
        architecture,
        weights,
        Inputs(
            torch.randn(2, 3, 5, 6, 3, generator=generator),
            torch.randn(2, 3, 5, 6, generator=generator),
            torch.randn(2, 3, 5, 2, generator=generator),
        ),
    )


def test_order_of_the_players_does_not_matter() -> None:
    _, weights, given = some_inputs()
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    shuffled = Inputs(given.players[:, :, :, order], given.minutes[..., order], given.context)
    torch.testing.assert_close(score_teams(weights, shuffled), score_teams(weights, given))


def test_a_team_scores_the_same_wherever_it_stands_and_whoever_else_is_there() -> None:
    _, weights, given = some_inputs()
    order = torch.tensor([4, 2])
    some = Inputs(given.players[:, :, order], given.minutes[:, :, order], given.context[:, :, order])
    torch.testing.assert_close(score_teams(weights, some), score_teams(weights, given)[:, :, order])


def test_padded_players_do_not_matter() -> None:
    _, weights, given = some_inputs()
    padded = Inputs(
        torch.cat([given.players, 100 * torch.ones(2, 3, 5, 2, 3)], dim=3),
        torch.cat([given.minutes, torch.full((2, 3, 5, 2), -1e9)], dim=3),
        given.context,
    )
    torch.testing.assert_close(score_teams(weights, padded), score_teams(weights, given))


def test_fits_do_not_see_each_other() -> None:
    _, weights, given = some_inputs()
    alone = score_teams(
        {name: matrix[1:] for name, matrix in weights.items()},
        Inputs(given.players[1:], given.minutes[1:], given.context[1:]),
    )
    torch.testing.assert_close(alone, score_teams(weights, given)[1:])


def test_training_starts_from_the_expected_rank() -> None:
    _, _, given = some_inputs()
    architecture = Architecture(stats=3, directions=(1, 0), expected=1, hidden=4)
    flat = architecture.initial(torch.Generator().manual_seed(1))[None].expand(2, -1)
    torch.testing.assert_close(score_teams(architecture.views(flat), given), FIRST_SLOPE * given.context[..., 1])
    assert (architecture.decayed() == 0).nonzero().tolist() == [[len(architecture.decayed()) - 1]]


def test_more_minutes_mean_more_say() -> None:
    architecture, _, given = some_inputs()
    weights = architecture.views(architecture.initial(torch.Generator().manual_seed(1))[None].expand(2, -1).clone())
    weights["score"].fill_(1.0)

    def effect(minutes: float) -> float:
        logs = given.minutes.clone()
        logs[..., 0] = np.log(minutes)
        changed = given.players.clone()
        changed[:, :, :, 0] += 1
        after = score_teams(weights, Inputs(changed, logs, given.context))
        return float((after - score_teams(weights, Inputs(given.players, logs, given.context))).abs().mean())

    assert effect(36.0) > 2 * effect(1.0)


def test_standardisation_sees_the_training_lists_only(batches: Batches, task: Task) -> None:
    scale = standardisation(batches, task.fits.train)
    for fit, (train_lists, rank_lists) in enumerate(zip(task.fits.train, task.fits.rank, strict=True)):
        changed = dataclasses.replace(batches, players=batches.players.copy(), context=batches.context.copy())
        changed.players[rank_lists] += 7
        changed.context[rank_lists] += 7
        again = standardisation(changed, task.fits.train).of_fit(fit)
        for name, values in again.arrays().items():
            np.testing.assert_array_equal(values, scale.of_fit(fit).arrays()[name])
        rows = batches.context[train_lists][batches.team_mask[train_lists]]
        np.testing.assert_allclose(scale.context_mean[fit], rows.mean(0), rtol=1e-4)
    assert not np.array_equal(scale.context_mean[0], scale.context_mean[1])


def test_standardised_training_lists_have_mean_0_and_deviation_1(batches: Batches, task: Task) -> None:
    scale = standardisation(batches, task.fits.train)
    given = inputs(batches, task.fits.train, scale, "cpu")
    lists = task.fits.train[0]
    rows = given.context[0, : len(lists)].numpy()[batches.team_mask[lists]]
    np.testing.assert_allclose(rows.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(rows.std(0), 1, atol=0.05)
    assert (given.context[0, len(lists) :] == 0).all()


@pytest.mark.parametrize("loss", ["listmle", "position_listmle", "spearman"])
def test_higher_score_is_the_better_team(
    task: Task, loss: str, rank_correlation: Callable[[Task, np.ndarray], float]
) -> None:
    found = train(task, dataclasses.replace(SETTINGS, loss=loss), CPU, 8)
    assert rank_correlation(task, found["scores"][-1]) > 0.6
    assert (found["loss"][-1] < found["loss"][0]).all()


def test_epochs_are_a_prefix(task: Task, trained: dict[str, np.ndarray]) -> None:
    shorter = train(task, SETTINGS, CPU, 3)
    for name in PER_EPOCH:
        np.testing.assert_array_equal(shorter[name], trained[name][:3])


def test_continued_training_gives_the_same_bits(task: Task, trained: dict[str, np.ndarray]) -> None:
    continued = train(task, SETTINGS, CPU, 7, train(task, SETTINGS, CPU, 5, train(task, SETTINGS, CPU, 2)))
    assert continued.keys() == trained.keys()
    for name, values in trained.items():
        np.testing.assert_array_equal(continued[name], values, err_msg=name)


def test_result_does_not_depend_on_the_number_of_threads(task: Task, trained: dict[str, np.ndarray]) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        again = train(task, SETTINGS, CPU, 7)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(again["scores"], trained["scores"])


def test_linear_term_counts_no_column_the_wrong_way_round(task: Task, batches: Batches) -> None:
    misleading = dataclasses.replace(batches, context=batches.context * np.array([-1, 1, 1, 1], dtype=np.float32))
    found = train(dataclasses.replace(task, batches=misleading), SETTINGS, CPU, 5)
    linear = found["final_weights"][-1][-4:]
    assert linear[0] == 0
    assert (linear[1:] > 0).any()
    assert Architecture(3, (1, 0, -1), None, 4).lowest()[-3:].tolist() == [0, -np.inf, 0]


def test_seed_changes_the_result(task: Task, trained: dict[str, np.ndarray]) -> None:
    other = train(task, dataclasses.replace(SETTINGS, seed=12), CPU, 1)
    assert not np.array_equal(other["scores"][0], trained["scores"][0])


def test_out_of_fold_scores_never_saw_the_folds_ranks(
    batches: Batches, make_task: Callable[..., Task], trained: dict[str, np.ndarray]
) -> None:
    ranks = batches.ranks[Target.FINAL_RANK].copy()
    shuffled = batches.season == 0
    ranks[shuffled] = np.where(batches.team_mask[shuffled], ranks.max() + 1 - ranks[shuffled], 0)
    task = make_task(dataclasses.replace(batches, ranks={Target.FINAL_RANK: ranks}))
    found = train(task, SETTINGS, CPU, 3)["scores"]
    fold = batches.season[task.fits.ranked] == 0
    assert fold.any()
    in_fold = np.isin(np.arange(len(fold)), np.arange(len(task.fits.rank[0])))
    np.testing.assert_array_equal(found[:, in_fold], trained["scores"][:3, in_fold])
    assert not np.array_equal(found[:, ~in_fold], trained["scores"][:3, ~in_fold])


def test_saved_weights_score_like_the_training_did(task: Task, trained: dict[str, np.ndarray]) -> None:
    lists = task.fits.rank[-1]
    model = {
        "weights": trained["final_weights"][3],
        **{
            name: trained[name][-1] for name in ("player_mean", "player_deviation", "context_mean", "context_deviation")
        },
    }
    found = deep_set_training.score(model, task.target, SETTINGS.hidden, task.batches, lists)
    np.testing.assert_array_equal(found, trained["scores"][3, task.fits.n_out_of_fold :])
    one = deep_set_training.score(model, task.target, SETTINGS.hidden, task.batches, lists[:1])
    np.testing.assert_allclose(one, found[:1], rtol=1e-4, atol=1e-5)


def test_bf16_agrees_with_float32_within_tolerance(
    task: Task, trained: dict[str, np.ndarray], rank_correlation: Callable[[Task, np.ndarray], float]
) -> None:
    half = train(task, SETTINGS, Precision("cpu", "bf16"), 7)
    assert not np.array_equal(half["scores"], trained["scores"])
    assert half["scores"].dtype == np.float32
    np.testing.assert_allclose(half["loss"], trained["loss"], rtol=0.02)
    mask = task.batches.team_mask[task.fits.ranked]
    agreement = np.corrcoef(half["scores"][-1][mask], trained["scores"][-1][mask])[0, 1]
    assert agreement > 0.995
    assert rank_correlation(task, half["scores"][-1]) == pytest.approx(
        rank_correlation(task, trained["scores"][-1]), abs=0.03
    )


def test_loss_that_is_not_a_number_is_the_users_to_mend(task: Task) -> None:
    diverging = dataclasses.replace(SETTINGS, learning_rate=1e10, grad_clip=1e30, weight_decay=0.0)
    with pytest.raises(UserError, match=r"loss is not a number in epoch \d .*model_a\.learning_rate=1e\+10.*Lower"):
        train(task, diverging, CPU, 4)


def test_target_is_the_one_asked_for(batches: Batches, make_task: Callable[..., Task]) -> None:
    one = train(make_task(batches, Target.FINAL_RANK), SETTINGS, CPU, 1)
    other = train(make_task(batches, Target.PLAYOFF_OUTCOME), SETTINGS, CPU, 1)
    assert not np.array_equal(one["scores"], other["scores"])


@pytest.mark.parametrize(
    ("amp", "cuda", "bf16_units", "expected"),
    [
        ("off", False, True, "cpu/off"),
        ("auto", False, False, "cpu/off"),
        ("auto", False, True, "cpu/bf16"),
        ("bf16", False, False, "cpu/bf16"),
        ("auto", True, True, "cuda/bf16"),
        ("auto", True, False, "cuda/fp16"),
        ("fp16", True, True, "cuda/fp16"),
        ("off", True, True, "cuda/off"),
    ],
)
def test_precision(amp: str, cuda: bool, bf16_units: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_cuda", lambda: cuda)
    monkeypatch.setattr(precision, "_cuda_has_bf16", lambda: bf16_units)
    monkeypatch.setattr(precision, "cpu_has_bf16_units", lambda: bf16_units)
    assert choose_precision(amp, "auto").name == expected  # type: ignore[arg-type]


def test_precision_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_cuda", lambda: False)
    with pytest.raises(ConfigError, match=r"training\.device: cuda is not available"):
        choose_precision("auto", "cuda")
    with pytest.raises(ConfigError, match=r"training\.amp: fp16 needs CUDA"):
        choose_precision("fp16", "auto")


def test_bf16_units_are_read_from_the_flags(tmp_path) -> None:  # type: ignore[no-untyped-def]
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert precision.cpu_has_bf16_units(cpuinfo)
    cpuinfo.write_text("processor : 0\nflags\t\t: fpu avx2 avx512f\n")
    assert not precision.cpu_has_bf16_units(cpuinfo)
    assert not precision.cpu_has_bf16_units(tmp_path / "none")
