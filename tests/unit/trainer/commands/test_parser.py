"""The trainer's command line: mistakes are answered by what is allowed, and nothing numeric is loaded for it."""

import subprocess
import sys

import pytest

from tests.support.places import REPOSITORY
from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract import command_line

NUMERIC = ("numpy", "scipy", "polars", "torch", "xgboost", "sklearn", "safetensors")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wrk", "'wrk': did you mean 'work'? Allowed: data, cache, run, work, holdout, noise, precision"),
        ("data imprt", "'imprt': did you mean 'import'? Allowed: demo, import, describe, download"),
        ("cache lst", "'lst': did you mean 'ls'? Allowed: ls, verify, prune"),
        ("work --batch-id b --thread 2", "unknown argument '--thread': did you mean '--threads'?"),
        ("data demo --into x --seas 2", "unknown argument '--seas': did you mean '--seasons'?"),
        ("cache prune --max 2", "unknown argument '--max': did you mean '--max-gb'?"),
        ("run", "the following arguments are required: --config"),
    ],
)
def test_what_is_mistyped_is_answered_by_what_is_allowed(words, expected, capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(parser(), words.split())
    assert stopped.value.code == 2
    assert expected in capsys.readouterr().err


def test_nothing_numeric_is_loaded_before_the_threads_are_set():
    code = f"""
import sys
from truestrength.trainer.commands.parser import parser
import truestrength.trainer.commands.run
parser().parse_args(["work", "--batch-id", "b", "--threads", "1"])
print([name for name in {NUMERIC} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[]"
