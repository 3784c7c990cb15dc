"""docs/gpu_box.md on a real engine; its PowerShell lines are the same commands in another shell's words."""

import pytest

from tests.support.papers import Command, Shell, blocks, follow, steps
from tests.support.places import REPOSITORY
from tests.support.reader import clone, environment

PAGE = REPOSITORY / "docs" / "gpu_box.md"
EXEMPT = {
    "docker build --build-arg TORCH=cpu --tag truestrength .": "the tests' engine has the image, built so; it has no "
    "registry, so it is given this machine's ways to the packages (docker/private_engine.py)",
}
WITHOUT = {
    "--gpus all ": "there is no GPU here, and where one is asked for without there being one, Docker refuses",
}
POWERSHELL = {"${PWD}": "$PWD", "mkdir -Force": "mkdir -p"}
"""The shell's own words -> those of a POSIX shell."""
INSTALLING = {"wsl --install -d Ubuntu", "wsl"}
"""Windows' own, which only Windows has."""


def test_powershell_lines_differ_in_the_shells_words_only():
    posix = {step.text for step in steps(PAGE) if isinstance(step, Command)}
    lines = {line for block in blocks(PAGE) if block.kind == "powershell" for line in block.text.splitlines()}
    assert lines >= INSTALLING
    assert {as_posix(line) for line in lines - INSTALLING} == posix


def as_posix(line):
    for theirs, ours in POWERSHELL.items():
        line = line.replace(theirs, ours)
    return line


def test_nothing_is_exempt_that_is_not_there():
    texts = [step.text for step in steps(PAGE) if isinstance(step, Command)]
    assert set(EXEMPT) <= set(texts)
    assert all(any(word in text for text in texts) for word in WITHOUT)
    assert (len(EXEMPT), len(WITHOUT)) == (1, 1)


@pytest.fixture
def shell(engine, tmp_path):
    folder = clone(tmp_path)
    engine.ask("tag", engine.tag, "truestrength")
    yield Shell(folder, {**environment(tmp_path), **engine.environment})
    engine.ask("rmi", "truestrength")


def test_a_reader_follows_the_page_about_a_box(shell):
    follow(PAGE, shell, EXEMPT, WITHOUT)
    assert list((shell.folder / "outputs4" / "sweeps").glob("*/run_025/metrics.json"))
