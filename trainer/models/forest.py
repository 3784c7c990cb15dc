"""Model C: a random forest (scikit-learn) on team context, which learns what the expected rank gets wrong.

It is kept as plain arrays. The first k trees of a larger forest are the forest of k trees: trees are grown in blocks
that have their own seeds, and their leaves are added up in order of the trees, so a prefix gives the same bits as a
forest grown alone. A score can only rise with what speaks for a team (`trainer.features.directions`).

Shapes: M ranked lists, T teams, R rows, C context columns, N trees, V nodes of all trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from truestrength.trainer.features.directions import directions
from truestrength.trainer.models.fits import Task
from truestrength.trainer.models.settings import ForestSettings
from truestrength.trainer.models.team_rows import as_lists, context_rows, expected_rows, relevance_rows

Array = npt.NDArray[Any]

NODES = ("feature", "threshold", "left", "right", "value")
"""The arrays that have an entry for each node."""

_BLOCK = 25
_SAMPLE = 0.2
"""Share of the rows that a tree is grown on. With all of them every tree has seen every team's season."""


def fit(
    task: Task,
    settings: ForestSettings,
    trees: int,
    before: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Grow the forests of all folds and the final one to `trees`, from the start or from an earlier result.

    Returns:
        leaves: [N, rows of `fits.ranked`] what each tree says of each row.
        the final forest's nodes: see `predict`.
    """
    first = 0 if before is None else len(before["n_nodes"]) // _BLOCK * _BLOCK
    grown = [
        _grow(
            context_rows(task.batches, train),
            relevance_rows(task.batches, train, task.target) - expected_rows(task.batches, train, task.target),
            context_rows(task.batches, rank),
            _Growth(settings, directions(task.batches.context_columns), i, first, trees),
        )
        for i, (train, rank) in enumerate(zip(task.fits.train, task.fits.rank, strict=True))
    ]
    leaves = np.concatenate([leaves for leaves, _ in grown], axis=1)
    nodes = _join(grown[-1][1])
    if before is not None:
        leaves = np.concatenate([before["leaves"][:first], leaves])
        nodes = _join([prefix(before, first), nodes])
    return {"leaves": leaves, **nodes}


def scores(task: Task, forest: Mapping[str, Array], trees: int) -> Array:
    """[M, T] scores of the lists `fits.ranked` by the first `trees` trees."""
    ranked = task.fits.ranked
    rows = _mean(forest["leaves"], trees) + expected_rows(task.batches, ranked, task.target)
    return as_lists(task.batches, ranked, rows)


def prefix(forest: Mapping[str, Array], trees: int) -> dict[str, Array]:
    """The nodes of the final forest's first `trees` trees."""
    end = int(forest["n_nodes"][:trees].sum())
    return {
        "n_nodes": forest["n_nodes"][:trees],
        **{name: forest[name][:end] for name in NODES},
    }


def predict(forest: Mapping[str, Array], rows: Array, trees: int) -> Array:
    """[R] what the first `trees` trees add to the expected relevance, from their nodes alone.

    Args:
        forest: n_nodes [N]; and of each node [V]: feature (-1 in a leaf), threshold, left and right (from the tree's
            first node), value.
        rows: [R, C] float32, as it was when the forest was grown.
        trees: how many.
    """
    first = np.concatenate([[0], np.cumsum(forest["n_nodes"])])
    leaves = np.stack([_leaves(forest, int(first[i]), int(first[i + 1]), rows) for i in range(trees)])
    return _mean(leaves, trees)


def contributions(forest: Mapping[str, Array], rows: Array, trees: int) -> Array:
    """[R, C + 1] each column's part in `predict`, and the mean of the roots last.

    On a row's way through a tree, a column gets what the value changes by where it is asked about (Saabas, 2014).
    """
    first = np.concatenate([[0], np.cumsum(forest["n_nodes"])])
    parts = np.zeros((len(rows), rows.shape[1] + 1))
    for i in range(trees):
        _add_path({name: forest[name][first[i] : first[i + 1]] for name in NODES}, rows, parts)
    return parts / trees


def _add_path(tree: Mapping[str, Array], rows: Array, parts: Array) -> None:
    """Add one tree's parts to `parts` [R, C + 1]."""
    node, row = np.zeros(len(rows), dtype=np.int64), np.arange(len(rows))
    value = tree["value"].astype(np.float64)
    parts[:, -1] += value[0]
    while (inner := tree["feature"][node] >= 0).any():
        asked = np.maximum(tree["feature"][node], 0)
        below = rows[row, asked] <= tree["threshold"][node]
        after = np.where(inner, np.where(below, tree["left"][node], tree["right"][node]), node)
        np.add.at(parts, (row, asked), value[after] - value[node])
        node = after


def _leaves(forest: Mapping[str, Array], start: int, end: int, rows: Array) -> Array:
    """[R] the value of the leaf that each row falls into."""
    feature, threshold = forest["feature"][start:end], forest["threshold"][start:end]
    left, right = forest["left"][start:end], forest["right"][start:end]
    node = np.zeros(len(rows), dtype=np.int64)
    row = np.arange(len(rows))
    while (inner := feature[node] >= 0).any():
        below = rows[row, np.maximum(feature[node], 0)] <= threshold[node]
        node = np.where(inner, np.where(below, left[node], right[node]), node)
    leaves: Array = forest["value"][start:end][node]
    return leaves


def _mean(leaves: Array, trees: int) -> Array:
    """[R] mean over the first trees; summed one after another, since any other order would change the last bits."""
    total = np.zeros(leaves.shape[1])
    for leaf in leaves[:trees]:
        total += leaf
    return total / trees


@dataclass(frozen=True)
class _Growth:
    """Which trees of which fit to grow."""

    settings: ForestSettings
    directions: tuple[int, ...]
    """Of the context columns."""
    fit: int
    first: int
    """In whole blocks."""
    trees: int

    def seeds(self) -> Iterator[int]:
        """The seed of each tree, drawn from that of its block."""
        for start in range(self.first, self.trees, _BLOCK):
            seed = np.random.SeedSequence([self.settings.seed, self.fit, start]).generate_state(1)[0]
            draw = np.random.RandomState(seed)
            for _ in range(min(_BLOCK, self.trees - start)):
                yield draw.randint(np.iinfo(np.int32).max)


def _grow(rows: Array, surplus: Array, asked: Array, growth: _Growth) -> tuple[Array, list[dict[str, Array]]]:
    """[N, R] what each new tree says of the rows `asked`, and the trees' nodes.

    Tree by tree as scikit-learn's RandomForestRegressor does it, without its copying and checking of the estimator and
    the rows for every tree, which took longer than a third of the growing; a test compares the two.
    """
    import sklearn  # noqa: PLC0415 - two seconds that a hit does not pay
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415

    leaves, nodes = [], []
    wanted = surplus.astype(np.float64)
    with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
        for seed in growth.seeds():
            estimator = DecisionTreeRegressor(
                min_samples_leaf=growth.settings.min_samples_leaf,
                max_features=growth.settings.max_features,
                monotonic_cst=growth.directions,
                random_state=seed,
            ).fit(rows, wanted, sample_weight=_drawn(len(rows), seed), check_input=False)
            tree = _nodes(estimator.tree_)
            nodes.append(tree)
            leaves.append(tree["value"][estimator.tree_.apply(asked)])
    return np.stack(leaves), nodes


def _drawn(n_rows: int, seed: int) -> Array:
    """[R] how often a tree sees each row."""
    drawn = np.random.RandomState(seed).randint(0, n_rows, max(round(n_rows * _SAMPLE), 1))
    return np.bincount(drawn, minlength=n_rows).astype(np.float64)


def _nodes(tree: Any) -> dict[str, Array]:
    """A scikit-learn tree as arrays; leaves in float32, here and in every prediction."""
    return {
        "n_nodes": np.array([tree.node_count], dtype=np.int32),
        "feature": np.maximum(tree.feature, -1).astype(np.int16),
        "threshold": tree.threshold.astype(np.float64),
        "left": tree.children_left.astype(np.int32),
        "right": tree.children_right.astype(np.int32),
        "value": tree.value[:, 0, 0].astype(np.float32),
    }


def _join(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
