"""A profile written for a cluster loads, and asks for no more than the partition has."""

import pytest

from truestrength.launcher.slurm.new_profile import profile_text
from truestrength.launcher.slurm.profile import load_profile
from truestrength.launcher.slurm.survey import Nodes, chosen
from truestrength.trainer.contract.errors import ConfigError

CPU = Nodes("cpu", True, True, 2880, 64, 257_024, "(null)", "skylake", 20)
GPU = Nodes("gpu", False, True, None, 32, 515_072, "gpu:a100:4(S:0-1),shard:8", "(null)", 3)
TINY = Nodes("debug", False, True, 2, 1, 1, "(null)", "(null)", 1)
OLD = Nodes("old", False, False, None, 8, 16_000, "(null)", "(null)", 9)
BRIEF = Nodes("brief", False, True, 1, 8, 16_000, "(null)", "(null)", 1)
ALL = [CPU, GPU, TINY, OLD, BRIEF]


def written(tmp_path, partition=None, accounts=(), found=ALL):
    file = tmp_path / "profile.yaml"
    file.write_text(profile_text(found, chosen(found, partition), list(accounts)))
    return load_profile(file)


def test_the_default_partition_is_taken_and_one_account_is_filled_in(tmp_path):
    profile = written(tmp_path, accounts=["lab"])
    assert (profile.partition, profile.account, profile.gres) == ("cpu", "lab", None)
    assert (profile.cpus, profile.mem_gb, profile.timeout_min) == (4, 8, 240)


def test_a_choice_of_accounts_is_left_to_the_user(tmp_path):
    assert written(tmp_path, accounts=["a", "b"]).account is None
    assert "# yours: a, b" in (tmp_path / "profile.yaml").read_text()


def test_workers_with_a_gpu_leave_the_finisher_to_the_cpus(tmp_path):
    profile = written(tmp_path, "gpu")
    assert (profile.gres, profile.cpus, profile.mem_gb) == ("gpu:a100:1", 8, 32)
    assert profile.finisher.partition == "cpu"


def test_a_worker_asks_for_its_share_of_a_small_node(tmp_path):
    small = Nodes("s", True, True, None, 8, 9 * 1024, "(null)", "(null)", 1)
    assert written(tmp_path, found=[small]).mem_gb == 4


def test_a_short_limit_and_unknown_memory_still_make_a_profile(tmp_path):
    profile = written(tmp_path, "debug")
    assert (profile.cpus, profile.mem_gb, profile.timeout_min, profile.finisher.timeout_min) == (1, None, 2, 2)


@pytest.mark.parametrize("name", ["null", "true", "1e3", "a: b", "12", "~", "# x"])
def test_a_partition_s_name_stays_text(tmp_path, name):
    assert written(tmp_path, found=[CPU._replace(partition=name)]).partition == name


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        ("gpuu", "did you mean 'gpu'?"),
        ("old", "takes no jobs at present"),
        ("brief", "ends jobs after 1 min, and a worker needs 2 min"),
    ],
)
def test_a_partition_that_is_none_for_a_worker_is_refused(partition, said):
    with pytest.raises(ConfigError) as caught:
        chosen(ALL, partition)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("gres", "one"),
    [
        ("(null)", None),
        ("gpu:4", "gpu:1"),
        ("gpu:0", None),
        ("shard:2,gpu:h100:8", "gpu:h100:1"),
        ("bandwidth:4", None),
    ],
)
def test_one_gpu_is_read_from_what_a_node_has(gres, one):
    assert CPU._replace(gres=gres).gpu == one
