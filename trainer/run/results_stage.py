"""A run's results as a stage of the store: what two trials have in common down to the last parameter is done once.

That is most of a plan. The start design is the same for every objective, so the sweeps of one target begin with the
same trials; what differs is which of the six figures the sweep looks at. The surprising one: an entry holds the files
of the run folder, byte for byte but for the metrics, in which every run says what it cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from truestrength.trainer.contract.config import settings as configuration
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.digests import file_digest
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.models.precision import choose_precision
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.run.folder import Results
from truestrength.trainer.stages.identity import code, libraries
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Store
from truestrength.trainer.stages.watch import Watch

if TYPE_CHECKING:
    from truestrength.trainer.run.pipeline import TrainedRun

STAGE = "results"

_MODELS = "models/"


def fetch(
    config: Config,
    store: Store,
    *,
    share: bool = True,
    train_to: Depths | None = None,
    proceed: Callable[[], None] = lambda: None,
) -> Results:
    """From the store or, with `share=False` always, from a training; the metrics say what that cost.

    Raises:
        UserError: as `pipeline.train` does, which says the rest of the arguments.
    """
    watch = Watch(dict(store.counts), proceed)
    data = Path(config.paths.data)
    spent: dict[str, float] = {}

    def build(_: Contents | None) -> Contents:
        from truestrength.trainer.run import pipeline  # noqa: PLC0415 - a hit needs none of its libraries

        trained = pipeline.train(config, data, store, share=share, train_to=train_to, proceed=proceed)
        spent.update(trained.metrics.seconds)
        proceed()  # the data may have been replaced since the identity was taken
        return pack(trained)

    with watch.stage(STAGE):
        if share:
            found = unpack(store.fetch(STAGE, identity(config, data), build, proceed=proceed))
        else:
            found = unpack(build(None))
    rest = round(watch.seconds[STAGE] - sum(spent.values()), 4)
    metrics = msgspec.structs.replace(
        found.metrics, cache=watch.counts_since(store.counts), seconds={**spent, STAGE: rest}
    )
    return replace(found, metrics=metrics)


def identity(config: Config, league_folder: Path) -> dict[str, Any]:
    """Everything that can change the results."""
    return {
        "data": read_manifest(league_folder).fingerprint,
        "truth": _content(LeaguePaths(league_folder).truth),
        "code": code("."),
        "libraries": libraries("numpy", "polars", "safetensors", "scikit-learn", "scipy", "torch", "xgboost-cpu"),
        "config": configuration.identity(config),
        "precision": choose_precision(config.training.amp, config.training.device).name,
    }


def _content(path: Path) -> str | None:
    """SHA-256 (hex) of a file that the data's fingerprint does not cover; None where it is missing.

    Raises:
        DataError: when it cannot be read.
    """
    try:
        return file_digest(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def pack(trained: TrainedRun) -> Contents:
    """As files. What the run cost is not part of its results."""
    predictions = BytesIO()
    trained.predictions.write_parquet(predictions)
    metrics = msgspec.structs.replace(trained.metrics, cache={}, seconds={}, cost=None)
    files = {
        "predictions": predictions.getvalue(),
        "metrics": msgspec.msgpack.encode(metrics),
        **{f"{_MODELS}{name}": content for name, content in trained.models.files().items()},
    }
    return Contents({name: np.frombuffer(content, dtype=np.uint8) for name, content in files.items()})


def unpack(contents: Contents) -> Results:
    """From what `pack` made."""
    files = {name: array.tobytes() for name, array in contents.arrays.items()}
    return Results(
        predictions=files["predictions"],
        models={name.removeprefix(_MODELS): files[name] for name in files if name.startswith(_MODELS)},
        metrics=msgspec.msgpack.decode(files["metrics"], type=RunMetrics),
    )
