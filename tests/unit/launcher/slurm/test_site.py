"""The file that the jobs of a plan read what they have in common from."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from truestrength.launcher.containers.settings import Container, ContainerSettings, Mount
from truestrength.launcher.slurm.profile import ClusterProfile, Finisher
from truestrength.launcher.slurm.site import Site, Sweep, load, save
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.outputs import OutputsRoot


@pytest.fixture
def site(tmp_path):
    settings = ContainerSettings(runtime="apptainer", image="t.sif", env=("A=1",))
    container = Container(
        settings, (Mount(Path("/a b"), Path("/c"), read_only=True),), tmp_path, 1, 2, digest="sha256:x"
    )
    profile = ClusterProfile(timeout_min=60, setup=("module load x",), sbatch={"nice": 5}, finisher=Finisher(cpus=2))
    sweeps = (Sweep("a", 4), Sweep("r", 1, ("a",)))
    return Site(profile, OutputsRoot(tmp_path), "3fa9c21b", "plan-1", sweeps, False, "python", container, whole=True)


def test_what_is_written_is_read_again(site):
    save(site)
    assert load(site.file) == site
    assert stat.S_IMODE(site.file.stat().st_mode) == 0o600


def test_a_later_submission_renews_it(site):
    save(site)
    save(replace(site, sequential=True))
    assert load(site.file).sequential


def test_a_key_of_another_version_with_a_default_may_be_missing(site):
    save(site)
    tree = json.loads(site.file.read_text())
    del tree["whole"], tree["profile"]["setup"]
    site.file.write_text(json.dumps(tree))
    assert load(site.file) == replace(
        site, whole=False, profile=ClusterProfile(**{**vars_of(site.profile), "setup": ()})
    )


def vars_of(profile):
    return {name: getattr(profile, name) for name in profile.__struct_fields__}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "plan-1.json: Input data was truncated"),
        ("{}", "missing required field"),
        ('{"profile": {"timeout_min": 60, "colour": 1}}', "unknown field `colour`"),
    ],
)
def test_a_file_that_is_none_says_what_to_do(site, text, said):
    site.file.parent.mkdir(parents=True)
    site.file.write_text(text)
    with pytest.raises(ConfigError, match="the command that submitted the plan, run again, writes it anew") as error:
        load(site.file)
    assert said in str(error.value)


def test_no_file_says_what_is_expected(site):
    with pytest.raises(ConfigError, match=r"plan-1.json: No such file or directory: expected the plan of a SLURM job"):
        load(site.file)
