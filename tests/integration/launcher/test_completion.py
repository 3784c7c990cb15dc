"""Completion in the real shells, with a program of that name on the PATH, and no database anywhere."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from tests.support import shells
from tests.support.places import REPOSITORY
from truestrength.launcher.commands.parser import parser
from truestrength.trainer.contract.command_line import main
from truestrength.trainer.contract.paths.outputs import OutputsRoot

BASH = """
source completion
COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($1) COMP_CWORD=2
_python_argcomplete truestrength
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Sweeps of which only the folders are there, and `truestrength` on the PATH."""
    for name in ("my_sweep", "my_other", "third"):
        OutputsRoot(tmp_path / "outputs4").sweep(name).folder.mkdir(parents=True)
    program = tmp_path / "bin" / "truestrength"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{REPOSITORY}' exec '{sys.executable}' -m launcher \"$@\"\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for variable in ("DATABASE_URL", "DATABASE_URL_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(shell, capsys):
    assert main(parser(), ["completion", shell]) == 0
    return capsys.readouterr().out


LINES = {
    "truestrength logs my_": {"my_sweep", "my_other"},
    "truestrength logs third --fol": {"--follow"},
    "truestrength foo": set(),
    "truestrength canc": {"cancel"},
    "truestrength db ba": {"backup"},
}


def words(text):
    """What was offered, without its explanations."""
    return {line.split("\t")[0].strip() for line in text.splitlines()} - {""}


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=LINES)
def test_bash(project, capsys, line, expected):
    (project / "completion").write_text(said("bash", capsys))
    done = subprocess.run(
        [shells.need("bash"), "-c", BASH, "bash", line], capture_output=True, text=True, check=True, timeout=60
    )
    assert words(done.stdout) == expected


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=LINES)
def test_fish(project, capsys, line, expected):
    (project / "completion").write_text(said("fish", capsys))
    code = f"source completion; complete -C '{line}'"
    done = subprocess.run(
        [shells.need("fish"), "--no-config", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert words(done.stdout) == expected


def test_zsh(project, capsys):
    (project / "completion").write_text(said("zsh", capsys))
    shell, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            [shells.need("zsh"), "-f", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
        ) as zsh:
            os.write(shell, b"PS1='ready '; autoload -Uz compinit; compinit -u -D; source ./completion; print go'ne'\n")
            read_until(shell, "gone")
            os.write(shell, b"truestrength logs thi\t")
            read_until(shell, "third")
            os.write(shell, b"\x15truestrength canc\t")
            read_until(shell, "cancel")
            zsh.kill()
    finally:
        os.close(shell)
        os.close(terminal)


def read_until(terminal, text):
    seen, deadline = "", time.monotonic() + 60
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1.0)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
