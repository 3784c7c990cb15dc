"""`~` and `$VAR` in every path that a user writes: the configuration, `--set`, profiles, flags."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.containers.settings import parse_bind, parse_container
from truestrength.launcher.slurm.profile import load_profile
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.user import expanded


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~", "{home}"),
        ("~/x", "{home}/x"),
        ("$SCRATCH/x", "/scratch/me/x"),
        ("${SCRATCH}/x", "/scratch/me/x"),
        ("a/$SCRATCH", "a//scratch/me"),
        ("~root/x", "/root/x"),
        ("x~/y", "x~/y"),
        ("5$/100%", "5$/100%"),
        ("plain/path", "plain/path"),
    ],
)
def test_what_is_meant(home, written, meant):
    assert expanded(written, "here") == meant.format(home=home)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$UNSET/x", "key: $UNSET/x: the variable UNSET is not set. Set it"),
        ("${UNSET}", "key: ${UNSET}: the variable UNSET is not set"),
        ("$EMPTY/x", "the variable EMPTY is not set to anything"),
        ("~nobody_of_this_name/x", "no home folder is known for ~nobody_of_this_name"),
    ],
)
def test_what_is_not_known_is_refused(written, said):
    with pytest.raises(ConfigError) as caught:
        expanded(written, "key")
    assert said in str(caught.value)


def test_a_folder_with_a_dollar_in_its_name_can_be_named(tmp_path):
    (tmp_path / "cost$UNSET").mkdir()
    assert expanded("cost$UNSET", "key") == "cost$UNSET"


def test_the_configuration_from_a_file_from_set_and_from_extends(tmp_path, home):
    home.mkdir()
    (home / "base.yaml").write_text("paths: {batch_cache: $SCRATCH/cache, data: ~/league}\n")
    (tmp_path / "c.yaml").write_text("extends: ~/base.yaml\n")
    paths = load_config(tmp_path / "c.yaml", ["paths.outputs=${SCRATCH}/out"]).paths
    assert (paths.data, paths.outputs, paths.batch_cache) == (f"{home}/league", "/scratch/me/out", "/scratch/me/cache")
    with pytest.raises(ConfigError, match=r"--set paths.data=\$UNSET: paths.data: \$UNSET: the variable UNSET is not"):
        load_config(tmp_path / "c.yaml", ["paths.data=$UNSET"])
    with pytest.raises(ConfigError, match=r"--set paths.data='': paths.data: expected a path, found nothing"):
        load_config(tmp_path / "c.yaml", ["paths.data=''"])


def test_a_profile(tmp_path, home):
    (tmp_path / "p.yaml").write_text(
        "timeout_min: 10\npython: $SCRATCH/venv/bin/python\nshared_folder: ~/jobs\n"
        "container: {runtime: apptainer, image: ~/t.sif, executable: $SCRATCH/apptainer, binds: ['$SCRATCH:/d:ro']}\n"
    )
    profile = load_profile(tmp_path / "p.yaml")
    assert (profile.python, profile.shared_folder) == ("/scratch/me/venv/bin/python", f"{home}/jobs")
    assert (profile.container.image, profile.container.executable) == (f"{home}/t.sif", "/scratch/me/apptainer")
    assert parse_bind(profile.container.binds[0]).source == Path("/scratch/me")
    assert parse_container("apptainer:~/t.sif").image == f"{home}/t.sif"
    for wrong, key in (
        ("python: $UNSET/python", "python"),
        ("container: {runtime: docker, image: x, binds: ['$UNSET:/data']}", "container.binds"),
        ("container: {runtime: apptainer, image: $UNSET/t.sif}", "container: image"),
    ):
        (tmp_path / "p.yaml").write_text(f"timeout_min: 10\n{wrong}\n")
        with pytest.raises(ConfigError, match=rf"p.yaml: .*{key}: \$UNSET.*: the variable UNSET is not set"):
            load_profile(tmp_path / "p.yaml")


def test_flags_of_the_launcher(home, capsys):
    words = ["phase1", "--config=~/c.yaml", "--cluster", "$SCRATCH/p.yaml"]
    args = parser().parse_args(words)
    assert (args.config, args.cluster) == (home / "c.yaml", Path("/scratch/me/p.yaml"))
    for words in (["status", "--outputs=~/out"], ["db", "url", "--outputs=~/out"]):
        assert parser().parse_args(words).outputs == home / "out"
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["status", "--outputs", "$UNSET/out"])
    assert ended.value.code == 2
    assert "argument --outputs: $UNSET/out: the variable UNSET is not set" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "run --config=$UNSET/c.yaml",
        "holdout --run=$UNSET/run_025",
        "cache ls --folder=$UNSET",
        "data describe $UNSET",
        "data demo --into=$UNSET",
        "data import --team-logs=$UNSET/t.parquet --player-logs=p --into=x",
    ],
)
def test_flags_of_the_trainer(words):
    command = [sys.executable, "-m", "trainer", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 2
    assert "the variable UNSET is not set" in done.stderr
    assert "Traceback" not in done.stderr
