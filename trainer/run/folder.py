"""The folder of one training run, from its first file to its last.

Every file appears whole or not at all, `metrics.json` after the models and predictions it describes: a folder that
has it is complete. `provenance.json` is there from the start and says how the run ended.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.files import make_folder, write_bytes, write_json, write_text
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records import provenance
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.provenance import Provenance, RunState
from truestrength.trainer.models.precision import gpu_memory_mb
from truestrength.trainer.run.failures import described
from truestrength.trainer.run.meter import Meter

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C takes a tenth of the time; not every build of PyYAML has it."""


@dataclass(frozen=True)
class Results:
    """What a run found, as it stands in its folder."""

    predictions: bytes
    """Parquet."""
    models: Mapping[str, bytes]
    """Content by file name."""
    metrics: RunMetrics


class RunFolder:
    """Writes one run's folder. Made by `opened`."""

    def __init__(self, paths: RunPaths, record: Provenance, meter: Meter) -> None:
        self.paths = paths
        self._meter = meter
        self._record = record
        self._begun = time.monotonic()

    def write_results(self, results: Results) -> None:
        """Write predictions, models and metrics, in this order; then the run is complete."""
        write_bytes(self.paths.predictions, results.predictions)
        _write_folder(self.paths.models, results.models)
        write_json(self.paths.metrics, msgspec.structs.replace(results.metrics, cost=self._meter.cost()))
        self.close("complete")

    def close(self, state: RunState, reason: str | None = None) -> None:
        """Say how the run ended. The first word stands: an error on the way out does not make it another end."""
        if self._record.state != "running":
            return
        self._record = msgspec.structs.replace(
            self._record,
            state=state,
            reason=reason,
            finished_at=provenance.utc_now(),
            seconds=round(time.monotonic() - self._begun, 3),
            gpu_memory_mb=gpu_memory_mb(),
            cost=self._meter.cost(),
        )
        write_json(self.paths.provenance, self._record)


def config_text(config: Config) -> str:
    """The resolved configuration as the YAML that gives it again, without who is told: that may be a secret."""
    tree = {key: value for key, value in msgspec.to_builtins(config).items() if key != "notify"}
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False)


@contextmanager
def opened(paths: RunPaths, config: Config, record: Provenance, meter: Meter | None = None) -> Iterator[RunFolder]:
    """Create the folder with `config.yaml`, `provenance.json` and `log.txt`, which gets everything logged meanwhile.

    An exception closes the run as failed, with the exception's text as the reason, and goes on to the caller.
    """
    make_folder(paths.folder, new=True)
    write_text(paths.config, config_text(config))
    write_json(paths.provenance, record)
    folder = RunFolder(paths, record, meter or Meter())
    handler = logging.FileHandler(paths.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield folder
    except UserError as error:
        folder.close("failed", str(error))
        raise
    except BaseException as error:
        folder.close("failed", described(error))
        logging.getLogger(__name__).exception("the run failed")
        raise
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        for name, content in files.items():
            write_bytes(temporary / name, content)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
