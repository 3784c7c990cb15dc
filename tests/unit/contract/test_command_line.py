"""Exit codes and what is printed."""

import argparse
import os
import platform
import re
import subprocess
import sys

import pytest

from tests.support.places import REPOSITORY
from truestrength.__main__ import parser as whole_parser
from truestrength.launcher.commands.parser import parser as launcher_parser
from truestrength.launcher.slurm.programs import SlurmAwayError
from truestrength.trainer.commands.parser import parser as trainer_parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import ConfigError, DatabaseAwayError, DatabaseError
from truestrength.trainer.contract.records.provenance import git_state

SHORT = {
    "--n-trials": "-n",
    "--n-jobs": "-j",
    "--config": "-c",
    "--outputs": "-o",
    "--follow": "-f",
    "--watch": "-w",
}


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
        (fails(DatabaseError("no such sweep")), 2),
        (fails(DatabaseAwayError()), 75),
        (fails(SlurmAwayError()), 75),
        (fails(KeyboardInterrupt()), 130),
    ],
)
def test_exit_codes(handler, code):
    assert command_line.main(parser(handler), []) == code


PARSERS = {"launcher": launcher_parser, "trainer": trainer_parser, "truestrength": whole_parser}
GROUPS = {"launcher": 4, "trainer": 3, "truestrength": 6}
"""Parsers that have commands: the program, and `db`, `outputs`, `cluster`, `data`, `cache`."""


def every(parser):
    """The parser of a program, and those of all its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from every(below)


@pytest.mark.parametrize("program", PARSERS)
def test_every_help_and_the_readme_say_the_exit_codes(program):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for code, meaning in command_line.EXIT_CODES.items():
        assert f"`{code}` {meaning}" in readme
        for one in every(PARSERS[program]()):
            assert f"\n  {code} {meaning}\n" in one.format_help(), one.prog


@pytest.mark.parametrize("program", PARSERS)
def test_a_program_or_a_group_of_commands_alone_prints_its_help(program, capsys):
    groups = [one for one in every(PARSERS[program]()) if one._subparsers]
    assert len(groups) == GROUPS[program]
    for one in groups:
        with pytest.raises(SystemExit) as stopped:
            one.parse_args([])
        assert stopped.value.code == 0
        assert capsys.readouterr().out == one.format_help()


@pytest.mark.parametrize("program", PARSERS)
def test_the_version_names_commit_and_python(program, capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(PARSERS[program](), ["--version"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert re.match(r"truestrength \d+\.\d+\.\d+", said)
    assert said.endswith(f", Python {platform.python_version()}\n")
    commit, _ = git_state()
    assert commit is None or f"({commit[:12]}" in said


def test_a_short_flag_means_the_same_everywhere():
    meant = {}
    for program in PARSERS.values():
        for one in every(program()):
            for action in one._actions:
                long = [flag for flag in action.option_strings if flag.startswith("--")]
                for flag in set(action.option_strings) - set(long):
                    meant.setdefault(flag, set()).update(long)
                for flag in long:
                    wanted = SHORT.get(flag)
                    assert wanted is None or wanted in action.option_strings, f"{one.prog}: {flag} has no {wanted}"
    assert meant == {"-h": {"--help"}, **{short: {long} for long, short in SHORT.items()}}


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
from truestrength.trainer.contract.errors import ConfigError, DatabaseAwayError, DatabaseError
from truestrength.trainer.contract.records.provenance import git_state
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
