"""What a sweep is: its names, its budget, its identity; and the paths that hold it."""

import msgspec
import pytest

from tests.support.places import CONFIG
from truestrength.trainer.contract.config.search_space import Choice, Fixed, decode_choice, encode_choice
from truestrength.trainer.contract.config.settings import Config, load_config, replace
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.files import replacing, write_json
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name
from truestrength.trainer.contract.sweep.spec import MOST_TRIALS, SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target


def spec(**changes):
    config = Config(search_spaces={Phase.PHASE1: {"max_depth": Fixed(3)}})
    fields = {
        "batch_id": "a",
        "objective": Objective.SPEARMAN,
        "target": Target.FINAL_RANK,
        "phase": Phase.PHASE1,
        "method": Method.OPTUNA,
        "n_trials": 2,
        "config": config,
        "data_fingerprint": "f",
    }
    return SweepSpec(**(fields | changes))


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "a b", "x" * 101, "figures"])
def test_a_batch_id_is_a_folder_name(name):
    with pytest.raises(ConfigError, match="--batch-id"):
        spec(batch_id=name)


@pytest.mark.parametrize("n_trials", [0, -1, MOST_TRIALS + 1, 10**20])
def test_an_impossible_budget_is_refused(n_trials):
    with pytest.raises(ConfigError, match=f"--n-trials {n_trials}: 1 to {MOST_TRIALS} are possible"):
        spec(n_trials=n_trials)


def test_a_phase_without_search_space_is_refused():
    with pytest.raises(ConfigError, match=r"no search_spaces\.rolling: Allowed: phase1, full"):
        _ = spec(phase=Phase.ROLLING).space
    empty = msgspec.structs.replace(spec().config, search_spaces={Phase.PHASE1: {}})
    with pytest.raises(ConfigError, match=r"no search_spaces\.phase1: Allowed: full"):
        _ = spec(config=empty).space
    with pytest.raises(ConfigError, match="no `sweep` lists"):
        _ = spec(phase=Phase.FULL).space


def test_full_is_made_of_the_sweep_lists():
    assert spec(phase=Phase.FULL, config=Config(sweep={"max_depth": (3, 4)})).space == {"max_depth": Choice((3, 4))}


@pytest.mark.parametrize(
    "changed",
    [
        {"n_trials": 99},
        {"config": replace(spec().config, {"training.device": "cuda"})},
        {"config": replace(spec().config, {"paths.batch_cache": "/elsewhere"})},
    ],
    ids=["budget", "device", "where the cache lies"],
)
def test_what_cannot_change_a_result_is_not_part_of_the_identity(changed):
    assert spec(**changed).digest == spec().digest


@pytest.mark.parametrize(
    "changed",
    [
        {"data_fingerprint": "g"},
        {"objective": Objective.NDCG4},
        {"method": Method.RANDOM},
        {"config": replace(spec().config, {"training.seed": 8})},
        {"config": replace(spec().config, {"model_a.hidden": 16})},
        {"config": Config(search_spaces={Phase.PHASE1: {"max_depth": Fixed(4)}})},
    ],
    ids=["data", "objective", "method", "seed", "hidden", "space"],
)
def test_what_can_change_a_result_is_part_of_the_identity(changed):
    assert spec(**changed).digest != spec().digest


def test_a_spec_survives_json():
    config = load_config(CONFIG)
    before = spec(config=config, phase=Phase.ROLLING)
    after = msgspec.json.decode(msgspec.json.encode(before), type=SweepSpec)
    assert after == before
    assert after.digest == before.digest


def test_choices_survive_optunas_storage():
    dimension = Choice(([10], [10, 30], "a", 3, None))
    assert [decode_choice(dimension, encode_choice(v)) for v in dimension.values] == list(dimension.values)


def test_the_highest_run_id_is_found_wherever_a_run_may_lie(tmp_path):
    root = OutputsRoot(tmp_path)
    assert root.highest_run_id() == 0
    for path, highest in [
        (root.reservation(25), 25),
        (root.sweep("a").run(31).folder, 31),
        (root.lone_run(40).folder, 40),
        (root.sweeps / "run_099x", 40),
        (root.root / run_name(1234), 1234),
    ]:
        path.mkdir(parents=True)
        assert root.highest_run_id() == highest


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "a.json"
    write_json(path, {"a": 1})

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
