"""The main configuration as frozen structs. `load_config` reads it from YAML; nothing else does.

Every field that can change a result is part of `identity`; where things lie and how many workers there are is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from truestrength.trainer.contract.config import yaml_files
from truestrength.trainer.contract.config.notify import Notify, wrong_receiver
from truestrength.trainer.contract.config.plans import First, Plans
from truestrength.trainer.contract.config.search_space import Choice, SearchSpace, SweepLists
from truestrength.trainer.contract.config.space_checks import SpaceChecks
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.user import expanded
from truestrength.trainer.contract.words import Phase, Target

Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
"""No more than the libraries and the database hold."""
PHASE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""It is a part of keys, and of the names of sweeps."""
Positive = Annotated[float, Meta(gt=0)]
Rate = Annotated[float, Meta(gt=0, le=1e15)]
"""Of learning; what is above overflows before anything is learnt."""
Amp = Literal["auto", "off", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda"]
Share = Annotated[float, Meta(gt=0, le=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the configuration: immutable, and a misspelt key is an error."""


class Paths(Section, frozen=True):
    """Where things lie; relative paths are relative to the working directory."""

    data: str = "data/demo"
    """A league folder, as `truestrength data import` or `data demo` writes it."""
    outputs: str = "outputs4"
    """The outputs root: `sweeps/<batch_id>/` and the run-id reservations."""
    batch_cache: str = ".cache/batches"
    """The content-addressed store of a run's stages, from batches to results, shared by all workers and sweeps."""


class Inference(Section, frozen=True):
    """Run ids."""

    run_id: Count | None = None
    """None: taken from the database sequence. A number: this id, which must be free (`truestrength train` only)."""
    run_id_base: Count = 25
    """The first run id of a new outputs root."""


class Evaluation(Section, frozen=True):
    """Which seasons are for what. Seasons before the validation seasons are trained on."""

    validation: tuple[str, ...] | Count = 2
    """Season names, or how many of the last seasons before the held-out ones."""
    holdout: tuple[str, ...] | Count = 1
    """Season names, or how many of the last seasons. A sweep never sees them."""
    first_day: Count = 21
    """Lists start this many days after a season's first game."""


class Training(Section, frozen=True):
    """Lists, folds and numerics, common to the three models."""

    listmle_target: Target = Target.FINAL_RANK
    """What the lists are ranked by."""
    loss: Literal["listmle", "position_listmle", "spearman"] = "listmle"
    """Model A's loss: ListMLE, position-aware ListMLE, or a differentiable Spearman surrogate."""
    max_lists_oof: Count = 100
    """At most this many lists for the out-of-fold fits."""
    max_final_batches: Count = 100
    """At most this many lists for the final fit."""
    n_folds: Annotated[int, Meta(ge=2)] = 5
    """Folds are whole seasons."""
    roster_size: Annotated[int, Meta(ge=5, le=30)] = 15
    """Players of a team that model A sees; those with the most recent minutes."""
    rolling_windows: Annotated[tuple[Count, ...], Meta(min_length=1)] = (10, 30)
    """Lengths of the rolling windows, in games."""
    amp: Amp = "auto"
    """auto: bf16 where the device has it, else fp16 with a scaler on CUDA, else off."""
    device: Device = "auto"
    """Where model A is trained."""
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 7
    """Seed of every model and of the start design."""


class ModelA(Section, frozen=True):
    """Attention deep set over the roster's players."""

    epochs: Count = 20
    """Times that it sees every list."""
    learning_rate: Rate = 1e-2
    """Of Adam with decoupled weight decay."""
    weight_decay: Annotated[float, Meta(ge=0)] = 10.0
    """Share of the learning rate by which weights shrink in a step; the slope of the expected rank does not."""
    hidden: Count = 8
    """Width of the player encoder."""
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    """Share of a team's units that a training step leaves out."""
    lists_per_step: Count = 10
    """Lists in one optimiser step."""
    grad_clip: Positive = 1.0
    """Largest norm of a gradient."""


class ModelB(Section, frozen=True):
    """XGBoost on team context."""

    max_depth: Count = 4
    """Of a tree."""
    learning_rate: Rate = 0.08
    """How much of each tree counts."""
    n_estimators: Count = 250
    """Trees."""
    subsample: Share = 0.8
    """Share of the rows that a tree sees."""
    colsample_bytree: Share = 0.7
    """Share of the columns that a tree sees."""


class ModelC(Section, frozen=True):
    """Random forest on team context."""

    n_estimators: Count = 200
    """Trees."""
    min_samples_leaf: Count = 5
    """Rows of a leaf, at least."""
    max_features: Share = 0.4
    """Share of the columns that a split looks at."""


class Cache(Section, frozen=True):
    """The stage store in `paths.batch_cache`."""

    max_gb: Positive = 20.0
    """Entries that were not used for longest are removed beyond this size."""


class Config(Section, frozen=True):
    """Everything a run needs to know."""

    paths: Paths = Paths()
    cache: Cache = Cache()
    notify: Notify = Notify()
    inference: Inference = Inference()
    evaluation: Evaluation = Evaluation()
    training: Training = Training()
    model_a: ModelA = ModelA()
    model_b: ModelB = ModelB()
    model_c: ModelC = ModelC()
    search_spaces: dict[str, SearchSpace] = {}
    """What each phase varies, by the phase's name; `full` comes from `sweep`."""
    sweep: SweepLists = {}
    """Lists of values for `--phase full` and `--method grid`."""
    first: First = ()
    """Points that every sweep tries first, unless its entry of a plan says others."""
    plans: Plans = {}
    """What `truestrength run NAME` runs."""


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read the main configuration.

    Raises:
        ConfigError: naming the file, the key, the value and what is allowed.
    """
    return load_with_origin(path, overrides)[0]


def load_with_origin(
    path: Path | None,
    overrides: Sequence[str] = (),
    *,
    below: Path | None = None,
    environment: Mapping[str, tuple[str, str]] | None = None,
) -> tuple[Config, dict[str, str]]:
    """Like `load_config`, and for each dotted key what set it: a file, a variable or `--set`.

    Args:
        path: The configuration; None: only what is below and above it.
        overrides: "dotted.key=yaml value", over everything else.
        below: A file that lies below `path`.
        environment: Over the files, by dotted key: a text, and the variable that it comes from.
    """
    layers = yaml_files.Layers(path, overrides, below, environment or {})
    config, origin = yaml_files.load_layers(layers, Config)
    config = _with_whole_paths(config, origin, path)
    if wrong := wrong_receiver(config.notify, yaml_files.origin_of("notify.url", origin, str(path))):
        key, found = wrong
        raise ConfigError(f"{yaml_files.origin_of(key, origin, str(path)).partition('=')[0]}: {key}: {found}")
    if Phase.FULL in config.search_spaces:
        file = yaml_files.origin_of("search_spaces.full", origin, str(path))
        raise ConfigError(
            f"{file}: search_spaces.full: the phase `full` is made of the `sweep` lists; write them there"
        )
    for phase in config.search_spaces:
        if not PHASE_NAME.fullmatch(phase):
            raise ConfigError(
                f"{yaml_files.origin_of('search_spaces', origin, str(path))}: search_spaces: {phase!r}: the name of a "
                "phase has letters, digits, '_' and '-', up to 40, and begins with a letter"
            )
    spaces: dict[str, SearchSpace] = {f"search_spaces.{phase}": space for phase, space in config.search_spaces.items()}
    spaces["sweep"] = {name: Choice(values=values) for name, values in config.sweep.items()}
    checks = SpaceChecks(varied_keys(), fixed_keys(config), partial(replace, config))
    for section, space in spaces.items():

        def where(label: str, section: str = section) -> str:
            return f"{yaml_files.origin_of(key := f'{section}.{label}', origin, str(path))}: {key}"

        checks.check(space, where)
    return config, origin


def _with_whole_paths(config: Config, origin: Mapping[str, str], path: Path | None) -> Config:
    whole = {}
    for name, text in msgspec.structs.asdict(config.paths).items():
        key = f"paths.{name}"
        if not text.strip():
            raise ConfigError(f"{yaml_files.origin_of(key, origin, str(path))}: {key}: expected a path, found nothing")
        whole[name] = expanded(text, f"{yaml_files.origin_of(key, origin, str(path))}: {key}")
    return msgspec.structs.replace(config, paths=Paths(**whole))


def replace(config: Config, dotted: Mapping[str, Any]) -> Config:
    """A copy of `config` with some dotted keys changed, validated like a file.

    >>> replace(Config(), {"model_a.epochs": 9}).model_a.epochs
    9
    """
    tree = msgspec.to_builtins(config)
    for key, value in dotted.items():
        *parents, last = key.split(".")
        section = tree
        for parent in parents:
            section = section[parent]
        section[last] = value
    return yaml_files.convert(tree, Config, {}, "parameters")


def varied_keys() -> list[str]:
    """The dotted keys that trials and sweeps may differ in: those of the models and of their training."""
    kinds = {"training": Training, "model_a": ModelA, "model_b": ModelB, "model_c": ModelC}
    return [f"{section}.{name}" for section, kind in kinds.items() for name in kind.__struct_fields__]


def identity(config: Config) -> dict[str, Any]:
    """The part of `config` that can change a run's result, as plain data in a stable order."""
    training = {k: v for k, v in msgspec.to_builtins(config.training).items() if k not in {"device"}}
    parts = {
        name: msgspec.to_builtins(getattr(config, name)) for name in ("evaluation", "model_a", "model_b", "model_c")
    }
    return {"training": training, **parts}


def fixed_keys(config: Config) -> dict[str, Any]:
    """Each dotted key of `identity` -> its value."""
    return dict(yaml_files.leaves(identity(config)))
