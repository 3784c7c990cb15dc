"""The papers' commands, as a reader finds them, and a shell that runs them in order.

A block `sh` is commands only. In a block `console`, `$ ` begins a command and its output follows: numbers and blanks
may differ, a line `…` stands for any lines, and `…` in a line for any text. A block such as `yaml my.yaml` is a file,
which is written. A command whose comment names Ctrl-C is stopped so when it has said something.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.places import REPOSITORY

PAPERS = [REPOSITORY / "README.md", REPOSITORY / "AGENTS.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
PATIENCE_S = 150
ANY = "…"
NUMBER = re.compile(r"\b[0-9a-f]{7,}\b|\d+(\.\d+)?")
"""A number, a digest or a commit."""


@dataclass(frozen=True)
class Block:
    """Code that stands in a paper: what it is, and the number of its first line."""

    kind: str
    file: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """One command of a paper, and its output where the paper shows it."""

    text: str
    line: int
    output: str | None = None

    @property
    def bare(self) -> str:
        """Without its comment."""
        return re.sub(r"\s+# .*", "", self.text).strip()


def blocks(paper: Path) -> list[Block]:
    """The fenced code of a paper."""
    tokens = MarkdownIt().parse(paper.read_text(encoding="utf-8"))
    found = []
    for token in tokens:
        if token.type == "fence" and token.map:
            kind, _, file = token.info.strip().partition(" ")
            found.append(Block(kind, file, token.content, token.map[0] + 2))
    return found


def steps(paper: Path) -> Iterator[Command | Block]:
    """What a reader does, in order: commands, and files to write."""
    for block in blocks(paper):
        if block.file:
            yield block
        elif block.kind in {"sh", "console"}:
            yield from _commands(block)


def inline(paper: Path) -> list[str]:
    """Code within a sentence or a cell."""
    inner = [
        child
        for token in MarkdownIt().enable("table").parse(paper.read_text(encoding="utf-8"))
        for child in token.children or ()
    ]
    return [child.content for child in inner if child.type == "code_inline"]


def _commands(block: Block) -> Iterator[Command]:
    shown = block.kind == "console"
    lines = list(enumerate(block.text.splitlines(), block.line))
    while lines:
        number, text = lines.pop(0)
        while text.endswith("\\") and lines:
            text += "\n" + lines.pop(0)[1]
        said = []
        while shown and lines and not lines[0][1].startswith("$ "):
            said.append(lines.pop(0)[1])
        text = text.removeprefix("$ ") if shown else text
        if text.strip() and not text.lstrip().startswith("#"):
            yield Command(text, number, "\n".join(said) if said else None)


class Shell:
    """A reader's shell: its folder and its variables stay from command to command.

    `within` are the words of a command that runs another, such as `unshare`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], within: Sequence[str] = ()) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self._within = within

    def run(self, text: str) -> tuple[int, str]:
        """The exit code of a command and all that it said."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as after:
            script = f"{text}\ncode=$?; {{ pwd; env -0; }} > {after.name}; exit $code"
            with subprocess.Popen(
                [*self._within, "bash", "-c", script], cwd=self.folder, env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            ) as process:  # fmt: skip
                wait = _interrupted if "Ctrl-C" in text else _ended
                said = wait(process)
            folder, _, variables = after.read().partition("\n")
        if folder:
            self.folder = Path(folder)
            self.environment = dict(one.split("=", 1) for one in variables.split("\0") if one)
        return process.returncode, said


def follow(paper: Path, shell: Shell, exempt: Mapping[str, str], without: Mapping[str, str] | None = None) -> None:
    """Do what a paper says, from its first line to its last.

    Args:
        paper: What is read.
        shell: Where.
        exempt: Commands that are not run, each with the reason.
        without: Words of commands that are left out, each with the reason.
    """
    for step in steps(paper):
        if isinstance(step, Block):
            (shell.folder / step.file).write_text(step.text, encoding="utf-8")
        elif step.bare not in exempt:
            text = step.text
            for word in without or {}:
                text = text.replace(word, "")
            code, said = shell.run(text)
            where = f"{paper.name}:{step.line}: {text}"
            allowed = {0, 130} if "Ctrl-C" in text else {0}
            assert code in allowed, f"{where}: exit code {code}\n{said[-4000:]}"
            assert step.output is None or matches(step.output, said), (
                f"{where}: says\n{said[-4000:]}\nnot\n{step.output}"
            )


def _ended(process: "subprocess.Popen[str]") -> str:
    return process.communicate(timeout=PATIENCE_S)[0]


def _interrupted(process: "subprocess.Popen[str]") -> str:
    """What it says until it is stopped by Ctrl-C, once its first line is there."""
    assert process.stdout
    first = process.stdout.readline()
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    return first + process.communicate(timeout=PATIENCE_S)[0]


def matches(expected: str, said: str) -> bool:
    """Whether an output is what the paper shows.

    >>> matches("a 12  b\\n…\\nbest … of 3", "a 7 b\\nmore\\nmore\\nbest one of 9\\n")
    True
    >>> matches("a", "b")
    False
    """
    lines = [ANY if line.strip() == ANY else _plain(line) for line in expected.rstrip().splitlines()]
    parts = [r"(?:.*\n)*?" if line == ANY else re.escape(line).replace(ANY, ".*") + r"\n" for line in lines]
    plain = "\n".join(map(_plain, said.rstrip().splitlines()))
    return re.fullmatch("".join(parts), f"{plain}\n") is not None


def _plain(line: str) -> str:
    return re.sub(r"\s+", " ", NUMBER.sub("#", line)).strip()
