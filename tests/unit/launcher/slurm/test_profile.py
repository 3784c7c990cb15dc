"""Cluster profiles: the examples load, and mistakes are explained."""

import pytest

from tests.support.places import REPOSITORY
from truestrength.launcher.slurm.arrays import worker_options
from truestrength.launcher.slurm.batch_script import batch_script
from truestrength.launcher.slurm.profile import load_profile
from truestrength.trainer.contract.errors import ConfigError

PROFILES = REPOSITORY / "slurm" / "profiles"


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
        ("timeout_min: 60\nworkers_per_gpu: 2", "workers_per_gpu (2) shares the GPU of a job: write gpus: 1"),
        ("timeout_min: 60\ngpus: 2\nworkers_per_gpu: 2", "shares the GPU of a job"),
        ("timeout_min: 3", "leave nothing of timeout_min"),
        (
            "timeout_min: 60\nsbatch: {export: ALL}",
            "sbatch: export: to sbatch this is --export; the launcher sets this",
        ),
        ("timeout_min: 60\nsbatch: {job_name: mine}", "sbatch: job_name: to sbatch this is --job-name"),
        (
            "timeout_min: 60\nsbatch: {Job-Name: mine, --job-name: x}",
            "sbatch: --job-name: to sbatch this is --job-name",
        ),
        ("timeout_min: 60\nsbatch: {part: gpu}", "sbatch: part: to sbatch this is --partition"),
        ("timeout_min: 60\nsbatch: {export_file: x}", "sbatch: export_file"),
        (
            "timeout_min: 60\nsbatch: {parsable: true}",
            "sbatch: parsable: to sbatch this is --parsable; it changes what",
        ),
        ("timeout_min: 60\nsbatch: {test_only: true}", "sbatch: test_only: to sbatch this is --test-only"),
        ("timeout_min: 60\nsbatch: {quiet: false}", "sbatch: quiet"),
        ("timeout_min: 60\nsbatch: {verb: true}", "sbatch: verb: to sbatch this is --verbose"),
        ("timeout_min: 60\nsbatch: {wait: true}", "sbatch: wait"),
        ("timeout_min: 60\nsbatch: {clusters: west}", "set SLURM_CLUSTERS instead"),
        ("timeout_min: 60\nsbatch: {'nice=1': true}", "'nice=1' is no option's name"),
        (
            'timeout_min: 60\nsbatch: {reservation: "a\\n#SBATCH --export=ALL"}',
            "expected a value that stands on one line",
        ),
        ("timeout_min: 60\nmem_gb: 4\nsbatch: {mem_per_cpu: 1G}", "both ask for memory: keep one of them"),
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


def test_options_have_the_names_that_sbatch_gives_them(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "timeout_min: 60\nmem_gb: 4\nsbatch: {gpus: 2, mem_per_gpu: false, --nice: 5, time-min: 10, exclusive: false,"
        " mem-per-cpu: null, licenses: ~, begin: 16:00, requeue_x: true}"
    )
    profile = load_profile(path)
    assert profile.options == {
        "gpus": 2, "mem-per-gpu": False, "nice": 5, "time-min": 10, "exclusive": False, "mem-per-cpu": None,
        "licenses": None, "begin": "16:00", "requeue-x": True,
    }  # fmt: skip
    script = batch_script(worker_options(profile))
    asked = {line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")}
    assert {"gpus=2", "nice=5", "time-min=10", "begin=16:00", "requeue-x", "mem=4096M"} <= asked
    assert not [line for line in asked if line.startswith(("mem-per", "licenses", "exclusive"))]


@pytest.mark.parametrize("option", ["exclude: [n1, n2]", "mail_type: [END, FAIL]", "x: {y: 1}"])
def test_an_options_value_is_one_word(tmp_path, option):
    path = tmp_path / "cluster.yaml"
    path.write_text(f"timeout_min: 60\nsbatch: {{{option}}}")
    with pytest.raises(ConfigError, match=r"sbatch\.\S+: Expected `bool \| int \| str \| null`, got a (list|mapping)"):
        load_profile(path)
