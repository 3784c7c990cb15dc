"""What was asked: the words come from the sweeps and from what the best runs' folders say."""

import msgspec

from truestrength.launcher.report.page.asked import MOST_HOSTS, asked
from truestrength.launcher.report.page.facts import Facts
from truestrength.trainer.contract.files import write_json, write_text
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.provenance import Provenance


def words(sweeps, tmp_path):
    outputs = OutputsRoot(tmp_path)
    return dict(asked(Facts(sweeps, [s.spec.batch_id for s in sweeps], None, {}, "", outputs, outputs.sweeps)))


def record(sweep, tmp_path, **changes):
    """What the folder of a sweep's best run says of its origin."""
    best = max(sweep.trials, key=lambda trial: trial.value)
    known = {
        "run_id": best.run_id, "state": "complete", "batch_id": best.batch_id, "slot": best.slot, "attempt": 1,
        "started_at": "2026-01-01T12:00:00", "seed": 7, "data_fingerprint": "f", "git_commit": "abcdef0123456789",
        "git_dirty": True, "image": "truestrength:1.0", "image_digest": "sha256:12", "host": "node-1", "pid": 1,
        "job_id": "7_0", "device": "cpu/bf16", "threads": 1, "versions": {"truestrength": "0.1.0"},
    }  # fmt: skip
    path = OutputsRoot(tmp_path).sweep(best.batch_id).run(best.run_id).provenance
    write_json(path, Provenance(**known | changes))


def test_the_best_runs_folders_say_which_code_and_image(build, tmp_path):
    sweep = build.sweep(build.spec(), [0.7, 0.8, 0.75])
    record(sweep, tmp_path)
    write_text(OutputsRoot(tmp_path).sweep(sweep.spec.batch_id).command, "truestrength sweep <b>\n")
    found = words([sweep], tmp_path)
    assert found == {
        "search": "1 sweep of 3 trials (phase1: optuna)",
        "command": "truestrength sweep <b>",
        "commit": "abcdef012345, with changes that are not committed (truestrength 0.1.0)",
        "image": "truestrength:1.0 (sha256:12)",
        "seasons": "validation 2021-22, 2022-23",
        "seeds": "7",
        "when": "2026-01-01 12:00 to 2026-01-01 12:00 UTC (0.9 minutes)",
        "where": "node-1 (3 attempts); cpu/bf16",
    }


def test_what_is_not_known_is_left_out(build, tmp_path):
    assert list(words([build.sweep(build.spec(), [])], tmp_path)) == ["search", "seeds"]


def test_of_many_hosts_the_first_are_named(build, tmp_path):
    spec = build.spec(n_trials=12)
    trials = tuple(build.trial(spec, i, 0.8, 25 + i, host=f"node-{i:02}") for i in range(12))
    found = words([msgspec.structs.replace(build.sweep(spec, []), trials=trials)], tmp_path)
    assert found["where"].count("node-") == MOST_HOSTS
    assert found["where"].endswith("and 4 more")
