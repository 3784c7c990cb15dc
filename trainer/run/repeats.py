"""One configuration with more seeds than one: how good it is, whatever the luck of the draw.

A seed chooses the lists that are trained on, the folds' models, their starts and their order; what it does not change
(batches, the simulated outlook) is read from the store. Surprising: only the first seed's models are kept, since a run
is one ranker; the others are there for their figures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from truestrength.trainer.contract.config import settings
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.records.metrics import Repeat, RunMetrics, StageCount, standard_error_of
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.run import results_stage
from truestrength.trainer.run.folder import Results
from truestrength.trainer.stages.store import Store

log = logging.getLogger(__name__)


def with_seed(config: Config, number: int) -> Config:
    """A configuration with the seed that comes so many after its own.

    >>> with_seed(Config(), 2).training.seed - Config().training.seed
    2
    """
    return settings.replace(config, {"training.seed": (config.training.seed + number) % 2**31})


def repeated(
    config: Config,
    n_seeds: int,
    store: Store,
    *,
    share: bool = True,
    train_to: Depths | None = None,
    proceed: Callable[[], None] = lambda: None,
) -> Results:
    """The results of the first seed, whose metrics say what the others found as well, and what all of them cost.

    Raises:
        UserError: as `pipeline.train` does, which says the rest of the arguments.
    """
    configs = [with_seed(config, number) for number in range(n_seeds)]
    first = results_stage.fetch(configs[0], store, share=share, train_to=train_to, proceed=proceed)
    metrics = [first.metrics]
    for changed in configs[1:]:
        log.info("seed %d, %d of %d", changed.training.seed, len(metrics) + 1, n_seeds)
        metrics.append(results_stage.fetch(changed, store, share=share, train_to=train_to, proceed=proceed).metrics)
    if n_seeds == 1:
        return first
    seeds = [changed.training.seed for changed in configs]
    return replace(first, metrics=_together(seeds, metrics))


def _together(seeds: Sequence[int], metrics: Sequence[RunMetrics]) -> RunMetrics:
    scores = [one.objectives for one in metrics]
    stages = dict.fromkeys(name for one in metrics for name in (*one.seconds, *one.cache))
    counts = {name: [one.cache[name] for one in metrics if name in one.cache] for name in stages}
    return msgspec.structs.replace(
        metrics[0],
        repeats=tuple(map(Repeat, seeds, scores)),
        standard_error=standard_error_of(scores),
        cache={name: _sum(found) for name, found in counts.items() if found},
        seconds={name: round(sum(one.seconds.get(name, 0.0) for one in metrics), 4) for name in stages},
    )


def _sum(counts: Sequence[StageCount]) -> StageCount:
    return StageCount(hits=sum(count.hits for count in counts), misses=sum(count.misses for count in counts))
