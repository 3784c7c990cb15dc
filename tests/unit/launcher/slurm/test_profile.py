"""Cluster profiles: the examples load, and mistakes are explained."""

import pytest

from launcher.slurm import arrays as slurm_arrays
from launcher.slurm import programs
from launcher.slurm.profile import ClusterProfile, load_profile
from launcher.slurm.site import Site, Sweep
from tests.support.places import REPOSITORY
from trainer.contract.errors import ConfigError
from trainer.contract.paths.outputs import OutputsRoot
from trainer.contract.words import Phase

PROFILES = REPOSITORY / "slurm" / "profiles"


@pytest.fixture
def site(tmp_path):
    def make(**keys):
        profile = ClusterProfile(**{"timeout_min": 60, **keys})
        return Site(profile, OutputsRoot(tmp_path), "3fa9c21b", 4, "plan-1", (Sweep("s", Phase.PHASE1),), True)

    return make


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_loads(path):
    assert load_profile(path).timeout_min >= 5


def test_the_examples_are_all_there():
    names = {path.stem for path in PROFILES.glob("*.yaml")}
    assert names == {"cpu", "gpu", "apptainer", "pyxis", "one_machine"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("partition: cpu", "'timeout_min' is required and has no default"),
        ("timeout_min: 60\npartitoin: cpu", "did you mean 'partition'?"),
        ("timeout_min: 0", "timeout_min"),
        ("timeout_min: 60\ngpus: 1\ngres: gpu:1", "both ask for GPUs"),
        ("timeout_min: 3", "leave nothing of timeout_min"),
        ("timeout_min: 60\nsbatch: {export: ALL}", "sbatch: export"),
        ("timeout_min: 60\ncontainer: {runtime: dockr, image: x}", "did you mean 'docker'?"),
        ("timeout_min: 60\nfinisher: {gpus: 1}", "finisher.gpus"),
    ],
)
def test_a_mistake_names_the_key_and_what_is_allowed(tmp_path, text, said):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_profile(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_an_array_over_the_clusters_limit_is_split(site, monkeypatch):
    monkeypatch.setattr(programs, "max_array_size", lambda: 4)
    arrays = slurm_arrays.workers(site(array_parallelism=5), "s", 10, ["7", "8"])
    assert [len(array.calls) for array in arrays] == [4, 4, 2]
    assert [array.parameters["array_parallelism"] for array in arrays] == [2, 2, 1]
    assert {array.parameters["dependency"] for array in arrays} == {"afterany:7:8"}
    assert slurm_arrays.workers(site(), "s", 0, []) == []


def test_jobs_get_no_environment_and_go_back_into_the_queue(site, monkeypatch):
    monkeypatch.setattr(programs, "max_array_size", lambda: 4)
    [array] = slurm_arrays.workers(site(cpus=3, sbatch={"exclusive": True}, setup=("module load x",)), "s", 1, [])
    options = array.parameters["additional_parameters"]
    assert options == {"export": "NIL", "requeue": True, "kill-on-invalid-dep": "yes", "exclusive": True}
    assert array.parameters["setup"][0] == "unset SLURM_EXPORT_ENV"
    assert array.parameters["setup"][-1] == "module load x"
    assert array.parameters["srun_args"] == ["--cpus-per-task=3"]
    assert "dependency" not in array.parameters


def test_a_finisher_needs_no_gpu_and_takes_what_is_not_said_from_the_workers(site):
    profile = site(gpus=2, partition="gpu", qos="short", mem_gb=64).profile
    wanted = slurm_arrays.finisher_parameters(profile)
    assert (wanted["partition"], wanted["qos"], wanted["mem"]) == ("gpu", "short", "4096M")
    assert not [key for key in wanted if "gpu" in key or key == "gres"]
