"""The text of a batch script: what it asks for, how its environment is made, what it runs. Pure functions.

Surprising: in an `#SBATCH` line of `--output`, SLURM replaces `%j` and its like wherever they stand, also where they
are part of a folder's name; `%%` is a plain percent sign. And sbatch takes a backslash for an escape also between
single quotes, where no shell does.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

Option = str | int | bool | None

SETUP_FAILED = """setup_failed() {
  code=$?
  printf 'setup failed with exit code %s: %s\\n' "$code" "$1" >&2
  exit "$code"
}"""


def batch_script(options: Mapping[str, Option], *parts: Sequence[str]) -> str:
    """A whole script.

    Args:
        options: Of sbatch, by their long names; None and False leave one out, True gives one without a value.
        parts: The lines of its parts.
    """
    asked = [line for name, value in sorted(options.items()) for line in _directive(name, value)]
    return "\n".join(["#!/bin/bash", *asked, *(line for part in parts for line in ("", *part))]) + "\n"


def log_pattern(folder: Path, *, array: bool) -> str:
    """Where a job's log goes, as `--output` takes it; the file's name is like that of submitit's logs.

    >>> log_pattern(Path("/data/100%j_ok"), array=True)
    '/data/100%%j_ok/%A_%a_0_log.out'
    """
    name = "%A_%a_0_log.out" if array else "%j_0_log.out"
    return f"{str(folder).replace('%', '%%')}/{name}"


def environment_lines(environment: Path) -> list[str]:
    """Read the job's environment from a file (`environment.write`).

    Without the first line, `srun` would give its step the empty environment that `--export=NIL` gave the script. The
    last one does what bash does by itself when a script's environment is not empty from the start.
    """
    file = shlex.quote(str(environment))
    return [
        "unset SLURM_EXPORT_ENV",
        f'. {file} || {{ echo "this node cannot read "{file} >&2; exit 1; }}',
        'if [ -r "${BASH_ENV:-}" ]; then . "$BASH_ENV"; fi',
    ]


def setup_lines(own: Sequence[str]) -> list[str]:
    """A profile's setup: a command that fails ends the job and is named in its log."""
    if not own:
        return []
    return [SETUP_FAILED, *(f"eval {shlex.quote(line)} || setup_failed {shlex.quote(line)}" for line in own)]


def tolerant_setup_lines(own: Sequence[str]) -> list[str]:
    """A profile's setup for a job that can do without it: as a whole where all of it works, or nothing of it."""
    if not own:
        return []
    lines = [f"eval {shlex.quote(line)}" for line in own]
    return [f"if ( {' && '.join(lines)} ) > /dev/null 2>&1; then", *(f"  {line}" for line in lines), "fi"]


def _directive(name: str, value: Option) -> list[str]:
    """The line of one option.

    >>> _directive("exclusive", True), _directive("exclusive", False), _directive("comment", "a b")
    (['#SBATCH --exclusive'], [], ["#SBATCH --comment='a b'"])
    """
    if value is None or value is False:
        return []
    if value is True:
        return [f"#SBATCH --{name}"]
    escaped = str(value).replace("\\", "\\\\")
    return [f"#SBATCH --{name}={shlex.quote(escaped)}"]
