"""Every example that a command's help shows does what it says, in a project with a demo league and one small sweep."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY
from truestrength.launcher.commands.examples import EXAMPLES as LAUNCHER
from truestrength.launcher.commands.parser import parser as launcher
from truestrength.launcher.postgres import server
from truestrength.trainer.commands.examples import EXAMPLES as TRAINER
from truestrength.trainer.commands.parser import parser as trainer
from truestrength.trainer.contract.command_line import commands_of, main

NBA = REPOSITORY.parent / "shared" / "data" / "nba"
SMALL = """
evaluation: {validation: 1}
training: {n_folds: 2, max_lists_oof: 12, max_final_batches: 12, rolling_windows: [10]}
model_a: {epochs: 2}
model_b: {n_estimators: 10}
model_c: {n_estimators: 10}
"""
ELSEWHERE = {
    "data download": "fetches from the league's site: test_data_download.py has a server that speaks like it",
    "data import": "" if NBA.is_dir() else "the game logs are not on this machine",
    "cluster init": "asks a cluster: test_slurm_new_profile.py has one",
    "dashboard": "serves until Ctrl-C: the last test here",
}
OF_JOBS = {"worker", "finish"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with its configuration, in git; the user's settings make all training small."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(REPOSITORY / "config", folder / "config")
    (folder / "xdg/truestrength").mkdir(parents=True)
    (folder / "xdg/truestrength/config.yaml").write_text(SMALL)
    (folder / ".gitignore").write_text(".*\n*\n!outputs4/\n!outputs4/**\n")
    for words in (["init", "-q"], ["config", "user.name", "Me"], ["config", "user.email", "me@example.org"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    for name in ("team_logs.parquet", "player_logs.parquet"):
        (folder / name).symlink_to(NBA / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))
        patch.delenv("DATABASE_URL", raising=False)
        patch.delenv("DATABASE_URL_FILE", raising=False)
        yield folder
        server.down(folder)


def run(program, parser, words, example):
    if words == "outputs separate":
        shutil.copytree("outputs4", "my_copy", symlinks=True)
    code = main(parser(), [*shlex.split(words), *shlex.split(example)])
    assert code == 0, f"{program} {words} {example}"


def before(wanted):
    """The examples of both programs, one after another: those of the trainer stand before or behind the sweep's."""
    order = [("trainer", trainer, words) for words in TRAINER if words.startswith("data ")]
    order += [("launcher", launcher, words) for words in ("db up", "plan", "sweep")]
    order += [("trainer", trainer, words) for words in TRAINER if not words.startswith("data ")]
    order += [("launcher", launcher, words) for words in LAUNCHER if words not in {"db up", "plan", "sweep"}]
    return [(program, parser, words) for program, parser, words in order if words in wanted]


def test_every_example_runs(project):
    wanted = {words for words in (*LAUNCHER, *TRAINER) if not ELSEWHERE.get(words)}
    for program, parser, words in before(wanted):
        for example in {"launcher": LAUNCHER, "trainer": TRAINER}[program][words]:
            run(program, parser, words, example)


def test_every_command_of_a_persons_has_an_example():
    for parser, examples in ((launcher, LAUNCHER), (trainer, TRAINER)):
        commands = dict(commands_of(parser()))
        assert commands.keys() - OF_JOBS == examples.keys()
        for words in examples:
            help_ = commands[words].format_help()
            assert all(f"  {parser().prog} {words} {example}".rstrip() + "\n" in help_ for example in examples[words])


def test_the_dashboards_example(project):
    server.up(project)
    command = [sys.executable, "-m", "launcher", "dashboard", *shlex.split(LAUNCHER["dashboard"][0])]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shown:
        said = shown.stdout.readline()
        shown.send_signal(signal.SIGINT)
        shown.communicate(timeout=60)
    assert "shows all studies" in said
    assert shown.returncode == 0
    assert Path(project / "outputs4").is_dir()


DOCUMENTED = dict(re.findall(r"^\| `([a-z ]+)` \| (.*) \|$", (REPOSITORY / "docs/json.md").read_text(), re.MULTILINE))
ASKED = {"data describe": "data/demo", "predict": "--run 25", "explain": "25", "compare": "25 26"}


@pytest.mark.parametrize("words", DOCUMENTED)
def test_json_has_the_documented_keys(project, capsys, words):
    """After the examples: their league, store and runs are there."""
    program = trainer if words in TRAINER else launcher  # whose `compare` is a program of its own
    if words == "status":
        assert main(launcher(), ["db", "up"]) == 0
        capsys.readouterr()
    assert main(program(), [*words.split(), *ASKED.get(words, "").split(), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == re.findall("`([a-z_0-9]+)`", DOCUMENTED[words])


def test_every_json_flag_is_documented():
    found = {
        words
        for program in (launcher, trainer)
        for words, one in commands_of(program())
        if "--json" in one.format_help()
    }
    assert found == set(DOCUMENTED)
