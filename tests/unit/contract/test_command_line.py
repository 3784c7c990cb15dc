"""Exit codes and what is printed."""

import argparse
import os
import subprocess
import sys

import pytest

from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import ConfigError


def parser(handler):
    top = argparse.ArgumentParser()
    top.set_defaults(handler=handler)
    return top


def fails(error):
    def handler(args):
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (lambda args: None, 0),
        (lambda args: 85, 85),
        (fails(ConfigError("bad key")), 2),
        (fails(KeyboardInterrupt()), 130),
    ],
)
def test_exit_codes(handler, code):
    assert command_line.main(parser(handler), []) == code


def test_a_user_error_is_one_clear_message(capsys):
    command_line.main(parser(fails(ConfigError("x.yaml: bad key"))), [])
    assert capsys.readouterr().err == "error: x.yaml: bad key\n"


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        command_line.main(parser(fails(ZeroDivisionError())), [])


def test_a_reader_that_leaves_is_no_error():
    code = """
import argparse, sys
from truestrength.trainer.contract import command_line
top = argparse.ArgumentParser()
top.set_defaults(handler=lambda args: [print("line", n) for n in range(100_000)] and None)
sys.exit(command_line.main(top, []))
"""
    command = f"{sys.executable} -c '{code}' | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout == "line 0\n"
    assert done.stderr == ""


ENCODINGS = [
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]
EVERY_HELP = """
import argparse, sys
from truestrength.trainer.contract import command_line

def helps(parser, words):
    try:
        command_line.main(parser, [*words, "--help"])
    except SystemExit as ended:
        assert ended.code == 0, words
    for action in parser._actions:
        for name, below in (action.choices if isinstance(action, argparse._SubParsersAction) else {}).items():
            helps(below, [])

from truestrength.launcher.commands.parser import parser as launcher
helps(launcher(), [])
from truestrength.trainer.commands.parser import parser as trainer
helps(trainer(), [])
"""


@pytest.mark.parametrize("variables", ENCODINGS, ids=lambda v: " ".join(f"{n}={x}" for n, x in v.items()))
def test_every_help_is_printed_on_a_terminal_of_any_encoding(variables):
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", EVERY_HELP], capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert b"docker|podman|apptainer|?" in done.stdout
    for flag in (b"--share-observations", b"--listen", b"--player-logs", b"--no-share", b"usage: python -m trainer"):
        assert flag in done.stdout


@pytest.mark.parametrize("variables", ENCODINGS, ids=lambda v: " ".join(f"{n}={x}" for n, x in v.items()))
def test_a_handler_may_print_anything(variables):
    code = """
import argparse, sys
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import ConfigError
def handler(args):
    print("5 \\u2192 6 Don\\u010di\\u0107", "\\udce9")
    raise ConfigError("Don\\u010di\\u0107")
top = argparse.ArgumentParser()
top.set_defaults(handler=handler)
sys.exit(command_line.main(top, []))
"""
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert b"Don?i?" in done.stdout
    assert done.stderr.startswith(b"error: Don")
