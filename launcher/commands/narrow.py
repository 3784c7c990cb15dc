"""`truestrength narrow`: a configuration whose plan searches around the best trials of a sweep that has ended."""

from __future__ import annotations

import argparse
from pathlib import Path

from msgspec.structs import replace

from truestrength.launcher.commands.outputs import ledger_of
from truestrength.launcher.database import LOOK_PATIENCE_S
from truestrength.launcher.narrowing.space import narrowed
from truestrength.launcher.narrowing.text import configuration, run_command
from truestrength.launcher.report.reading import read_alike
from truestrength.launcher.report.trials import Sweep
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.config.settings import replace as replaced
from truestrength.trainer.contract.errors import ConfigError, UserError
from truestrength.trainer.contract.files import create_text
from truestrength.trainer.contract.ledger import Ledger, roots
from truestrength.trainer.contract.ledger.registration import stored
from truestrength.trainer.contract.paths.outputs import OutputsRoot


def narrow(args: argparse.Namespace) -> None:
    """`truestrength narrow`.

    Raises:
        UserError: the sweep has not ended, or cannot be narrowed, or another file is in the way.
    """
    chosen = OutputsRoot(args.outputs) if args.outputs else None
    with ledger_of(chosen, LOOK_PATIENCE_S) as ledger:
        alike = _ended(ledger, args.batch_id, chosen)
    [sweep] = [one for one in alike if one.spec.batch_id == args.batch_id]
    if chosen:  # it may have been moved since
        config = replaced(sweep.spec.config, {"paths.outputs": str(chosen.root)})
        sweep = replace(sweep, spec=replace(sweep.spec, config=config))
    found = narrowed(sweep, alike)
    file = args.to or Path("config") / f"narrowed_{args.batch_id}.yaml"
    new = _write(file, configuration(found, file))
    say(f"{file}: {'written' if new else 'is there already, the same'}")
    say(f"{found.known}\nrun it: {run_command(found, file)}")


def _ended(ledger: Ledger, batch_id: str, chosen: OutputsRoot | None) -> list[Sweep]:
    """A sweep that has ended, and those of its outputs root that were measured like it.

    Raises:
        UserError: there is no such sweep, it has not ended, or its outputs root is not here.
    """
    ledger.spec(batch_id)
    progress = ledger.progress(batch_id)
    if progress.open:
        raise UserError(
            f"{batch_id}: {progress.done} of {progress.n_trials} trials are done ({progress.standing}): the command "
            "that started the sweep goes on with it; narrow it when it has ended"
        )
    known = stored(ledger.connection, batch_id)
    assert known, batch_id
    outputs = chosen or OutputsRoot(Path(known.outputs))
    if not roots.is_root(outputs.root, known.root_id):
        raise ConfigError(
            f"{outputs.root}: is not the outputs root of {batch_id}: name the folder where it is now with --outputs"
        )
    return read_alike(ledger, outputs, [batch_id])


def _write(file: Path, text: str) -> bool:
    """Write a file unless the same is there, and say whether it was written.

    Raises:
        ConfigError: something else is there, or the file cannot be made.
    """
    if file.is_dir():
        raise ConfigError(f"--to {file}: is a folder: name a file, {file / 'NAME.yaml'}")
    try:
        if create_text(file, text):
            return True
        same = file.read_bytes() == text.encode()
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ConfigError(f"--to {file}: cannot be written: {error.strerror}") from None
    if not same:
        raise ConfigError(f"{file}: is there and says something else, so it is left as it is: name another with --to")
    return False
