"""Exit codes and what is printed."""

import argparse
import subprocess
import sys

import pytest

from trainer.contract import command_line
from trainer.contract.errors import ConfigError


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
from trainer.contract import command_line
top = argparse.ArgumentParser()
top.set_defaults(handler=lambda args: [print("line", n) for n in range(100_000)] and None)
sys.exit(command_line.main(top, []))
"""
    command = f"{sys.executable} -c '{code}' | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout == "line 0\n"
    assert done.stderr == ""
