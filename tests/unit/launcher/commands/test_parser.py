"""The launcher's command line: the flags that the plan names, mistakes answered by what is allowed, nothing touched."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import gpus
from tests.support.leagues import stub_league
from tests.support.places import CONFIG, REPOSITORY
from truestrength.launcher.commands.parser import parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Method, Objective, Phase, Target

ONE_GPU = "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0)\n"
NO_NUMBERS = ("0", "nan", "inf", "1e999", "soon", "0x10", "1e-400")
SLOW = ("torch", "optuna", "submitit", "sqlalchemy", "vl_convert", "psycopg2", "polars", "rich", "numpy")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # as a machine without a GPU
    stub_league(tmp_path / "league")
    depth = "{max_depth: {type: int, low: 3, high: 5}}"
    spaces = f"search_spaces: {{phase1: {depth}, rolling: {depth}}}\n"
    plans = f"plans: {json.dumps(yaml.safe_load(CONFIG.read_text())['plans'])}\n"
    (tmp_path / "c.yaml").write_text(f"paths: {{data: league}}\n{spaces}{plans}")
    return tmp_path


def launcher(*words):
    return command_line.main(parser(), words)


def test_the_commands_of_the_plan_parse():
    command = """
        sweep --method optuna --n-trials 12 --n-jobs 4 --no-run-explain --objective spearman
        --listmle-target final_rank --phase phase1 --batch-id phase1_spearman_final_rank
        --config config/outputs4_phase1.yaml --executor local --set training.seed=1 --set training.n_folds=4 --dry-run
    """
    words = command.split()
    args = parser().parse_args(words)
    assert (args.method, args.objective, args.phase) == (Method.OPTUNA, Objective.SPEARMAN, Phase.PHASE1)
    assert (args.listmle_target, args.batch_id) == (Target.FINAL_RANK, "phase1_spearman_final_rank")
    assert (args.n_trials, args.n_jobs, args.run_explain, args.dry_run) == (12, 4, False, True)
    assert args.set == ["training.seed=1", "training.n_folds=4"]


def test_phase1_is_the_plan_of_that_name():
    args = parser().parse_args(["phase1"])
    assert (args.plan, args.executor, args.run_explain) == ("phase1", "local", None)
    assert args.config == Path("config/outputs4_phase1.yaml")
    named = vars(parser().parse_args(["run", "phase1"]))
    assert named.keys() == vars(args).keys()
    assert all(value == vars(args)[name] for name, value in named.items() if name != "handler")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sweep --n-trails 3", "unknown argument '--n-trails': did you mean '--n-trials'? Allowed: --batch-id"),
        ("sweep --n-tri 3", "unknown argument '--n-tri': did you mean '--n-trials'?"),
        ("sweep --objective spearmn", "'spearmn': did you mean 'spearman'? Allowed: spearman, ndcg4, ndcg16"),
        ("sweep --method tpe", "'tpe': Allowed: grid, random, optuna, halving"),
        ("sweep --listmle-target rank", "Allowed: final_rank, playoff_outcome"),
        ("sweep --executor slrum", "'slrum': did you mean 'slurm'? Allowed: local, slurm, debug"),
        ("sweep --n-trials 0", "'0': expected a whole number, at least 1"),
        ("sweep --n-jobs two", "'two': expected a whole number, at least 1"),
        *((f"run p --max-minutes {text}", f"{text!r}: expected a number above 0") for text in NO_NUMBERS),
        *((f"phase1 --goal {text}", f"{text!r}: expected a number above 0") for text in NO_NUMBERS),
        ("sweep --repeats 0", "'0': expected a whole number, at least 1"),
        ("sweep --repeats 1001", "'1001': expected at most 1000"),
        ("sweep --prior a,,b", "'a,,b': expected names with commas between them"),
        ("phase1 --objective spearman", "unknown argument '--objective'"),
        ("phase1 extra", "unknown argument 'extra'"),
        ("swep", "'swep': did you mean 'sweep'? Allowed: sweep, run, phase1, plan"),
        ("", "the following arguments are required: COMMAND"),
        ("logs", "the following arguments are required: BATCH"),
        ("cancel", "one of the arguments BATCH --all is required"),
        ("cancel a --all", "not allowed with argument BATCH"),
        ("logs a --worker x", "--worker: invalid int value: 'x'"),
    ],
)
def test_a_mistyped_command_is_answered_by_what_is_allowed(words, expected, capsys):
    with pytest.raises(SystemExit) as stopped:
        launcher(*words.split())
    assert stopped.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("plan --config no.yaml", "no.yaml: cannot be read: No such file or directory. Found there: c.yaml"),
        ("plan --config c.yaml --set training.seed=x", "--set training.seed=x: training.seed: Expected `int`"),
        ("plan --config c.yaml --set paths.data=nowhere", "nowhere: no league here"),
        ("phase1 --config c.yaml --set paths.data=nowhere", "trainer data demo --into nowhere"),
        (
            "phase1 --config c.yaml --set training.listmle_target=final_rank",
            "--set training.listmle_target=final_rank: c.yaml: plans.phase1[0] says itself what it is in each sweep",
        ),
        (
            "phase1 --config c.yaml --set inference.run_id=30",
            "inference.run_id: 30: the runs of a sweep take their ids",
        ),
        ("run phase1 --config c.yaml --prior a+b", "--prior 'a+b': letters, digits"),
        ("plan --config c.yaml --prior a --method random", "--prior a: goes with --method optuna and a sampler that"),
        ('sweep --config c.yaml --set first=[{"max_depth":9}]', "first[0]: max_depth: is never 9: it is a whole"),
        ("sweep --config c.yaml --batch-id a/b", "--batch-id 'a/b': letters, digits"),
        ("sweep --config c.yaml --phase phse1", "no search_spaces.phse1: did you mean 'phase1'? Allowed: phase1, r"),
        ("sweep --config c.yaml --phase full", "--phase full: the config has no `sweep` lists"),
        ("status", "no database here yet"),
        ("logs a", "no database here yet"),
        ("cancel a", "no database here yet"),
        ("retry a", "no database here yet"),
    ],
)
def test_a_users_mistake_is_one_message_and_touches_nothing(words, expected, project, capsys):
    before = sorted(project.rglob("*"))
    assert launcher(*words.split()) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert expected in said.err
    assert said.out == ""
    assert sorted(project.rglob("*")) == before


def test_a_mistake_in_a_plan_is_found_before_the_demo_league_is_made(project, capsys):
    (project / "c.yaml").write_text("plans: {mine: [{grid: {objective: [spearmn]}}]}\nsweep: {max_depth: [3]}\n")
    for words in (["run", "mine"], ["run", "other"], ["sweep", "--phase", "rolling"]):
        assert launcher(*words, "--config", "c.yaml") == 2
        assert "error: " in capsys.readouterr().err
        assert not (project / "data").exists()


def test_no_share_reaches_the_workers_command(project, capsys):
    launcher("phase1", "--config", "c.yaml", "--dry-run", "--no-share")
    assert "--no-share" in capsys.readouterr().out.splitlines()[-1]
    launcher("phase1", "--config", "c.yaml", "--dry-run")
    assert "--no-share" not in capsys.readouterr().out


@pytest.mark.parametrize("command", ["plan", "phase1 --dry-run", "sweep --dry-run --batch-id mine"])
def test_printing_a_plan_touches_nothing(command, project, capsys):
    before = sorted(project.rglob("*"))
    assert launcher(*command.split(), "--config", "c.yaml") == 0
    out = capsys.readouterr().out
    assert "mine" in out if "mine" in command else "phase1_rolling_spearman_playoff_outcome" in out
    assert ("-m trainer work --batch-id" in out) is ("--dry-run" in command)
    assert sorted(project.rglob("*")) == before


def test_a_sweep_takes_its_target_from_the_config_unless_it_is_named(project, capsys):
    launcher("sweep", "--config", "c.yaml", "--dry-run", "--set", "training.listmle_target=playoff_outcome")
    assert "phase1_spearman_playoff_outcome" in capsys.readouterr().out
    launcher("sweep", "--config", "c.yaml", "--dry-run", "--listmle-target", "final_rank")
    assert "phase1_spearman_final_rank" in capsys.readouterr().out


def test_help_needs_nothing_slow():
    code = f"""
import sys
from truestrength.launcher.commands.parser import parser
for words in ([], ["sweep"], ["phase1"], ["plan"], ["status"], ["logs"], ["cancel"], ["retry"], ["db"], ["db", "up"]):
    try:
        parser().parse_args([*words, "--help"])
    except SystemExit as stopped:
        assert stopped.code == 0
print([name for name in {SLOW} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stderr.strip() == "[]"
    assert "db" in done.stdout


def test_the_database_commands_have_help_of_their_own(capsys):
    with pytest.raises(SystemExit) as stopped:
        launcher("db", "--help")
    assert stopped.value.code == 0
    assert "up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--batch-id", ""], "--batch-id ''"),
        (["--batch-id", "figures"], "choose another name"),
        (["--cluster", "my_cluster.yaml", "--dry-run"], "--cluster my_cluster.yaml: needs --executor slurm"),
        (["--set", "paths.outputs=50%acc"], "50%acc: submitit replaces %j, %t, %A and %a"),
        (["--n-trials", "100001"], "1 to 100000 are possible"),
        (["--set", "training.device=cuda"], "training.device: cuda is not available on this machine. Use auto or cpu"),
        (["--executor", "debug", "--set", "training.device=cuda"], "training.device: cuda is not available"),
        (["--set", "training.device=cpu", "--set", "training.amp=fp16"], "training.amp: fp16 needs CUDA"),
        (["--set", "training.n_folds=9"], "training.n_folds: 9 folds of whole seasons need 9 training seasons"),
    ],
)
def test_what_no_worker_could_run_is_refused_by_the_launcher(words, expected, project, capsys):
    before = sorted(project.rglob("*"))
    assert launcher("sweep", "--config", "c.yaml", *words) == 2
    assert expected in capsys.readouterr().err
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    "given",
    [
        ("--n-jobs 2 --workers-per-gpu 2", "", None, "2 workers a GPU: this machine has no GPU"),
        ("--n-jobs 5 --workers-per-gpu 2", gpus.LISTED, None, "5 workers: 1 GPU and 2 MIG slices have room for 4"),
        ("--n-jobs 3 --workers-per-gpu 1", gpus.LISTED, 5000.0, "1 worker on MIG-2: one has taken 5000 MB of a GPU"),
        ("--n-jobs 4 --workers-per-gpu 4", ONE_GPU, 9700.0, "4 workers on 0: one has taken 9700 MB of a GPU"),
        ("--n-jobs 4 --workers-per-gpu 4 --dry-run", ONE_GPU, None, None),
        (
            "--executor slurm --cluster c.yaml --workers-per-gpu 2",
            ONE_GPU,
            None,
            "it is workers_per_gpu in the profile",
        ),
    ],
    ids=["no GPU", "no room", "a small slice", "no memory", "room for all", "SLURM"],
)
def test_workers_that_share_gpus(given, project, monkeypatch, capsys):
    words, listed, peak_mb, expected = given
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    gpus.smi(project, monkeypatch, listed=listed)
    if peak_mb:
        gpus.run_that_took(OutputsRoot(project / "outputs4"), peak_mb)
    code = launcher("sweep", "--config", "c.yaml", *words.split())
    assert code == (2 if expected else 0)
    assert (expected or "") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("profile", "more", "expected"),
    [
        ("timeout_min: 60", ["--set", "paths.outputs=a\\b"], "a backslash or a line break"),
        ("timeout_min: 60\nshared_folder: 'x\\y'", [], "a backslash or a line break"),
        ("timeout_min: 60\nsetup: ['if true; then', 'fi']", [], "setup[0]: 'if true; then' is no whole shell command"),
        ('timeout_min: 60\nsetup: ["echo \'a"]', [], "lines that belong together are one entry"),
    ],
)
def test_what_no_job_on_slurm_could_do_is_refused(profile, more, expected, project, capsys):
    (project / "cluster.yaml").write_text(profile)
    words = ["--executor", "slurm", "--cluster", "cluster.yaml", "--dry-run", *more]
    assert launcher("sweep", "--config", "c.yaml", *words) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("finish no/such.json", "no/such.json: No such file or directory: expected the plan of a SLURM job"),
        ("worker no/such.json --batch-id a", "no/such.json: No such file or directory"),
        ("finish no/such.json --tries 3", "--tries and --closed are of one sweep: they need --batch-id"),
        ("finish no/such.json --batch-id a --left b", "--again and --left are of the plan's last job"),
    ],
)
def test_the_commands_of_jobs_explain_what_they_are_given(words, expected, project, capsys):
    assert launcher(*words.split()) == 2
    assert expected in capsys.readouterr().err


def test_the_commands_of_jobs_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        launcher("--help")
    shown = capsys.readouterr().out
    assert "in a SLURM array: one worker of a sweep" in shown
    assert "in SLURM, after an array" in shown
