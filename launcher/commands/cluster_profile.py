"""`truestrength cluster init`: a profile from what the cluster says of itself. Submits nothing."""

from __future__ import annotations

import argparse

from truestrength.launcher.slurm.new_profile import profile_text
from truestrength.launcher.slurm.profile import load_profile
from truestrength.launcher.slurm.survey import accounts, chosen, nodes
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.files import create_text


def init(args: argparse.Namespace) -> None:
    """`truestrength cluster init`.

    Raises:
        ConfigError: a file is in the way or cannot be made, or the partition is none for a worker.
        SlurmError: there is no SLURM here, or it does not answer.
    """
    if args.to.exists():
        raise ConfigError(f"{args.to}: is there already, so it is left as it is: name another with -o FILE")
    found = nodes()
    on = chosen(found, args.partition)
    try:
        create_text(args.to, profile_text(found, on, accounts()))
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ConfigError(f"-o {args.to}: cannot be written: {error.strerror}") from None
    load_profile(args.to)
    say(f"{args.to}: written, for partition {on.partition}. Look it over, then see what a plan would submit:")
    say(f"truestrength phase1 --executor slurm --cluster {args.to} --dry-run")
