"""Every command of the papers, run as a reader runs it, in one clone that they share.

Two pages need more than a machine: the cluster's is followed in `slurm`, the GPU box's in `containers`.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.papers import PAPERS, Shell, blocks, follow, inline, steps
from tests.support.reader import clone, environment
from tests.support.reference_commands import leaves
from truestrength.__main__ import parser

ELSEWHERE = ("cluster.md", "gpu_box.md")
READ = [paper for paper in PAPERS if paper.name not in ELSEWHERE]
EXEMPT = {
    "sudo apt-get install git make python3-venv": "needs root; whoever runs the tests has them",
}
"""Commands that are not run -> why."""
LESS = {"ARGS": "--n-trials 2 --n-jobs 2", "PYTEST_ARGS": "tests/unit/papers -p no:cacheprovider"}
"""What `make` would do at length: the README's `make phase1` runs less, and `make test` one folder of tests."""
KINDS = {"sh", "console", "yaml", "text", "powershell"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The reader's clone, in which the README's first command has been run."""
    folder = clone(tmp_path_factory.mktemp("reader"))
    shell = Shell(folder, environment(folder.parent))
    code, said = shell.run("make phase1 ARGS='--n-trials 2 --n-jobs 2'")
    assert code == 0, said
    yield folder
    assert shell.run(".venv/bin/truestrength db down")[0] == 0


@pytest.mark.parametrize("paper", READ, ids=lambda paper: paper.name)
def test_a_reader_follows(made, paper):
    shell = Shell(made, {**environment(made.parent), **LESS})
    follow(paper, shell, EXEMPT)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_every_block_says_what_it_is(paper):
    assert {block.kind for block in blocks(paper)} <= KINDS


def test_nothing_is_exempt_that_is_not_there():
    there = {step.bare for paper in READ for step in steps(paper) if hasattr(step, "bare")}
    assert set(EXEMPT) <= there
    assert len(EXEMPT) == 1


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_commands_in_sentences_are_commands(paper):
    names = {"truestrength COMMAND", *(command.prog for command in leaves(parser()))}
    for text in inline(paper):
        if text.startswith("truestrength ") and text not in names:
            parser().parse_args(shlex.split(text.replace("…", "x"))[1:])


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_links_lead_somewhere(paper):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", paper.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (paper.parent / target).exists(), target
