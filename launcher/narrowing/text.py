"""The narrowed search as a configuration of its own: what it was made from, why, and a plan that runs it.

It holds all that can change a result and nothing of where things lie: the command in its head names that. It extends
no other file, so it can lie anywhere.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from truestrength.launcher.narrowing.space import Narrowing, Parameter
from truestrength.trainer.contract.config.settings import Config, identity
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.sweep.axes import TARGET_KEY
from truestrength.trainer.contract.words import Method

WIDTH = 110
LONGEST_PHASE = 40


def next_phase(phase: str) -> str:
    """The name of the phase after one, and of the plan that runs it.

    >>> next_phase("phase1"), next_phase("phase9"), next_phase("rolling")
    ('phase2', 'phase10', 'rolling2')
    """
    found = re.search(r"[0-9]+\Z", phase)
    number = str(int(found[0]) + 1) if found else "2"
    return phase.removesuffix(found[0] if found else "")[: LONGEST_PHASE - len(number)] + number


def run_command(found: Narrowing, file: Path) -> str:
    """The command that runs the plan where the sweep was run."""
    places = [f" --set {shlex.quote(f'{key}={_inline(value)}')}" for key, value in _places(found.spec.config)]
    return f"truestrength run {next_phase(found.spec.phase)} --config {shlex.quote(str(file))}{''.join(places)}"


def configuration(found: Narrowing, file: Path) -> str:
    """The YAML.

    Args:
        found: What it is about.
        file: Where it will be, for the commands in its head.
    """
    spec, phase = found.spec, next_phase(found.spec.phase)
    entry = {
        "phase": phase,
        "objective": spec.objective.value,
        "listmle_target": spec.target.value,
        "method": spec.method.value,
        **({"sampler": spec.sampler.value} if spec.method is Method.OPTUNA else {}),
        "n_trials": spec.n_trials,
        **({"repeats": spec.repeats} if spec.repeats > 1 else {}),
        "batch_id": f"{phase}_{{objective}}_{{listmle_target}}",
    }
    parts = [
        _head(found, file),
        _settings(found),
        f"search_spaces:\n  {phase}:\n" + "".join(_line(name, each) for name, each in found.space.items()),
        f"plans:\n  {phase}:\n" + textwrap.indent(yaml.safe_dump([entry], sort_keys=False), "    "),
    ]
    return "\n".join(part for part in parts if part)


def _head(found: Narrowing, file: Path) -> str:
    """Made from what, how, and the command that runs it."""
    spec, n_best = found.spec, len(found.best)
    first, last = (trial.score(spec.objective) for trial in (found.best[0], found.best[-1]))
    made = f"truestrength narrow --from {spec.batch_id} --to {shlex.quote(str(file))}"
    said = (
        f"Around the best {n_best} of the {found.n_trials} complete trials of the sweep {spec.batch_id}, by "
        f"{spec.objective} from {last:.6g} to {first:.6g} (the best one is {found.best[0].run}), on data with the "
        f"fingerprint {spec.data_fingerprint[:12]}. {found.known} What is not fixed keeps the range of the best trials."
    )
    return "".join(
        _comment(line)
        for line in [
            *textwrap.wrap(said, WIDTH),
            "",
            "Made by",
            f"  {made}",
            "Run it by",
            f"  {run_command(found, file)}",
        ]
    )


def _comment(line: str) -> str:
    """A line of the head, whatever stands in a path: YAML takes no control characters, in comments neither."""
    return f"# {line if line.isprintable() else ascii(line)}".rstrip() + "\n"


def _settings(found: Narrowing) -> str:
    """What of the sweep's configuration differs from the defaults, but for what is searched and for the target."""
    left_out = {TARGET_KEY, *found.spec.searched_keys()}
    defaults = dict(leaves(identity(Config())))
    tree: dict[str, dict[str, Any]] = {}
    for key, value in leaves(identity(found.spec.config)):
        if key not in left_out and value != defaults[key]:
            section, _, name = key.partition(".")
            tree.setdefault(section, {})[name] = value
    return yaml.safe_dump(tree, sort_keys=False, default_flow_style=None) if tree else ""


def _places(config: Config) -> Iterator[tuple[str, Any]]:
    """Where things lie and run, as far as it is not the default; no result depends on it."""
    defaults = dict(leaves(msgspec.to_builtins(Config())))
    for key, value in leaves(msgspec.to_builtins(config)):
        if (key.startswith(("paths.", "cache.")) or key == "training.device") and value != defaults[key]:
            yield key, value


def _line(name: str, parameter: Parameter) -> str:
    defaults = {field.name: field.default for field in msgspec.structs.fields(parameter.dimension)}
    written = msgspec.to_builtins(parameter.dimension).items()
    said = {key: value for key, value in written if key not in defaults or value != defaults[key]}
    return f"    {_inline(name)}: {_inline(said)}  # {parameter.why}\n"


def _inline(value: Any) -> str:
    """YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")
