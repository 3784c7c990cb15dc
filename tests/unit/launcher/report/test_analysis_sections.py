"""The report: each section is there, each number is its source's, and what is missing or lost is said."""

import re
from pathlib import Path

import msgspec
import pytest

from truestrength.launcher.report.analysis import about_data, report
from truestrength.launcher.report.markdown import number, section, signed, table
from truestrength.launcher.report.sections.course import time_section
from truestrength.launcher.report.sections.headline import training_adds, verdict
from truestrength.launcher.report.sections.objectives import objective_section, target_section
from truestrength.launcher.report.sections.parameters import rolling_section
from truestrength.launcher.report.sections.slices import slice_section, stack_section
from truestrength.launcher.report.trials import Importances, best_of_target, comparisons, rankers
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import BASELINES, Gain
from truestrength.trainer.contract.words import Objective, Phase, Target

ROOT = OutputsRoot(Path("outputs4"))


def make_report(sweeps, planned=None, figures=None):
    names = planned or [sweep.spec.batch_id for sweep in sweeps]
    return report(sweeps, names, figures or {}, ROOT, about_data(sweeps))


def make_details(sweeps):
    """What only the pages have."""
    objectives = (objective_section(objective, sweeps, {}) for objective in Objective)
    others = (target_section, stack_section, time_section)
    pictured = (rolling_section, slice_section)
    return section([*objectives, *(one(sweeps) for one in others), *(one(sweeps, {}) for one in pictured)])


def part(text, title):
    """One section: from its heading to the next of the same or a higher level."""
    level = title.split()[0]
    start = text.index(title)
    end = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(text, start + len(title))
    return text[start : end.start() if end else None]


def tables(text):
    """Every table of a text as a list of rows (dicts by header)."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        lines = [[cell.strip().strip("*") for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        found.append([dict(zip(lines[0], line, strict=True)) for line in lines[2:]])
    return found


def test_every_section_is_there_in_order(phase1):
    headings = re.findall(r"^## (.*)$", make_report(phase1), re.MULTILINE)
    assert [heading.split(":")[0] for heading in headings] == [
        "Best run for `final_rank`", "Best run for `playoff_outcome`", "What is there", "Best settings",
        "Parameter importances", "Trials that failed", "Repeating a run by hand", "More", "Terms",
    ]  # fmt: skip


def test_the_same_trials_give_the_same_text(phase1):
    assert make_report(phase1) == make_report(phase1)


def test_the_headline_has_the_best_runs_numbers(phase1):
    text = make_report(phase1)
    for target in Target:
        best = best_of_target(phase1, target)
        [rows] = tables(part(text, f"## Best run for `{target}`: {best.run}"))
        found = {c.objective: c for c in comparisons(rankers(best.metrics))}
        for row, objective in zip(rows, Objective, strict=True):
            assert row["stack"] == number(best.metrics.objectives.of(objective))
            assert row["its value"] == number(found[objective].baseline_value)
            assert row["gain"] == signed(found[objective].gain)


def test_a_model_that_loses_to_the_standings_looks_like_it(build):
    text = make_report(build.phase1(3, skill=0.6))
    assert text.count("**LOSES to a baseline on all 6 objectives**") == 2
    assert "**beats every baseline" not in text
    for objective in Objective:
        details = part(make_details(build.phase1(3, skill=0.6)), f"## Objective {objective}\n")
        assert details.count("**LOSES** to the best baseline, blend") == 2


def test_a_mixed_verdict_names_what_is_lost(build):
    metrics = build.metrics(0.9)
    weak = msgspec.structs.replace(metrics.models["stack"], ndcg4=0.1, rank_rmse=9.0)
    said = verdict(comparisons(rankers(msgspec.structs.replace(metrics, models={"stack": weak}))))
    assert said == "beats every baseline on 4 of 6 objectives and LOSES on ndcg4 (to blend), rank_rmse (to blend)"


def gained(metrics, low, high, **other):
    """The same run with its gains over the ranking without training."""
    mean = Gain(mean=(low + high) / 2, low=low, high=high)
    return msgspec.structs.replace(metrics, gains={"expected": dict.fromkeys(Objective, mean) | other})


def test_what_training_adds_is_said_beside_the_verdict(build):
    nothing = gained(build.metrics(0.9), -0.0012, 0.0018)
    assert training_adds("On the validation seasons", nothing, Objective.SPEARMAN) == (
        "On the validation seasons training adds +0.0003 spearman (95 % interval -0.0012 to +0.0018) to `expected`, "
        "the ranking that nothing is trained for: **nothing measurable, by none of 6 objectives**."
    )
    some = gained(build.metrics(0.9), -0.002, 0.001, ndcg4=Gain(mean=0.02, low=0.01, high=0.03))
    assert training_adds("There", some, Objective.SPEARMAN).endswith("**measurably better by ndcg4**.")
    mixed = gained(build.metrics(0.9), 0.001, 0.002, rank_rmse=Gain(mean=-0.2, low=-0.3, high=-0.1))
    assert "by spearman, ndcg4, ndcg16, ndcg20, playoff_spearman and WORSE by rank_rmse**." in training_adds(
        "x", mixed, Objective.SPEARMAN
    )
    assert training_adds("x", msgspec.structs.replace(nothing, gains={}), Objective.SPEARMAN) == ""


def test_what_training_adds_is_on_the_first_screen(build):
    sweep = build.sweep(build.spec(), [0.8])
    [trial] = sweep.trials
    known = msgspec.structs.replace(trial, metrics=gained(trial.metrics, -0.001, 0.001))
    text = make_report([msgspec.structs.replace(sweep, trials=(known,))])
    assert "On the validation seasons training adds 0.0000 spearman" in part(text, "## Best run for `final_rank`")


def test_a_model_that_adds_nothing_to_the_stack_is_named(build):
    sweep = build.sweep(build.spec(), [0.8])
    [trial] = sweep.trials
    without = {"model_a": trial.metrics.models["stack"], "model_b": build.metrics(0.5).models["stack"]}
    idle = msgspec.structs.replace(trial, metrics=msgspec.structs.replace(trial.metrics, stack_without=without))
    text = make_details([msgspec.structs.replace(sweep, trials=(idle,))])
    assert "**Adds nothing to the stack**, by any objective: model_a.\n" in text


def with_holdout(sweeps, run_id, metrics):
    return [
        msgspec.structs.replace(
            sweep,
            trials=tuple(
                msgspec.structs.replace(t, holdout=metrics) if t.run_id == run_id else t for t in sweep.trials
            ),
        )
        for sweep in sweeps
    ]


def test_the_held_out_season_is_shown_for_the_best_run(build):
    sweeps = build.phase1(2, skill=0.9)
    best = best_of_target(sweeps, Target.FINAL_RANK)
    held_out = build.metrics(0.7, seasons=("2023-24",))
    text = make_report(with_holdout(sweeps, best.run_id, held_out))
    mine = part(text, f"## Best run for `final_rank`: {best.run}")
    assert "**beats every baseline on all 6 objectives**" in mine
    assert "On the held-out season (2023-24) it **LOSES to a baseline on all 6 objectives**." in mine
    rows = tables(mine)[1]
    assert [row["stack"] for row in rows] == [number(held_out.objectives.of(objective)) for objective in Objective]
    assert "The held-out season has not been read yet" in part(text, "## Best run for `playoff_outcome`")
    commands = part(text, "## Repeating a run by hand")
    other = best_of_target(sweeps, Target.PLAYOFF_OUTCOME)
    assert commands.count("truestrength holdout") == 1
    assert f"-m truestrength holdout --run outputs4/sweeps/{other.batch_id}/{other.run}\n" in commands


def test_gains_that_may_be_chance_are_counted(build):
    sweeps = build.phase1(2, skill=0.9)
    best = best_of_target(sweeps, Target.FINAL_RANK)
    sure, unsure = Gain(0.01, 0.002, 0.02), Gain(0.01, -0.0002, 0.02)
    gains = {name: {**dict.fromkeys(map(str, Objective), sure), "ndcg4": unsure} for name in BASELINES}
    held_out = msgspec.structs.replace(build.metrics(0.95, seasons=("2023-24",)), gains=gains)
    mine = part(make_report(with_holdout(sweeps, best.run_id, held_out)), "## Best run for `final_rank`")
    said = "it **beats every baseline on all 6 objectives** (of the gains, 1 may be chance: the 95 % interval"
    assert said in mine
    assert "-0.000 to +0.020" in mine


def test_a_holdout_of_another_run_is_not_taken_for_the_best_ones(build):
    sweeps = build.phase1(2, skill=0.9)
    best = best_of_target(sweeps, Target.FINAL_RANK)
    other = next(t for s in sweeps for t in s.trials if s.spec.target is Target.FINAL_RANK and t is not best)
    mine = part(make_report(with_holdout(sweeps, other.run_id, build.metrics(0.95))), "## Best run for `final_rank`")
    assert f"read for another run, the best one then: {other.run} beats every baseline" in mine
    assert len(tables(mine)) == 1


def test_what_is_missing_is_said(build):
    sweeps = build.phase1(3)
    planned = [sweep.spec.batch_id for sweep in sweeps]
    half = msgspec.structs.replace(sweeps[0], standing="stopped", trials=sweeps[0].trials[:2])
    text = make_report([half], planned)
    assert "**Incomplete: 0 of 13 sweeps are complete** so far, 2 trials in all." in text
    [rows] = tables(part(text, "## What is there"))
    assert [row["state"] for row in rows] == ["stopped", *["-"] * 12]
    assert (rows[0]["trials"], rows[0]["of"]) == ("2", "3")
    assert rows[0]["over the best baseline"].startswith("blend ")
    assert "No complete trial yet." in part(text, "## Best run for `playoff_outcome`")
    details = make_details([half])
    assert "The rolling sweep has no complete trial yet." in details
    assert "No sweep of this objective has a complete trial yet." in part(details, "## Objective ndcg4")


def test_nothing_at_all_is_still_a_report(build):
    for sweeps in ([], [build.sweep(build.spec(), [])]):
        text = make_report(sweeps, ["phase1_spearman_final_rank"])
        assert "**Incomplete: 0 of 1 sweeps are complete**" in text
        assert "None: every attempt completed." in text


def test_a_complete_plan_says_so(phase1):
    assert "All 13 sweeps are complete: 39 trials." in make_report(phase1)


def test_an_objectives_section_has_parameters_and_metrics_beside_all_baselines(phase1):
    text = part(make_details(phase1), "## Objective rank_rmse")
    parameters, *metrics = tables(text)
    own = [sweep for sweep in phase1 if sweep.spec.objective is Objective.RANK_RMSE]
    assert len(own) == len(metrics) == 2
    for sweep, rows in zip(own, metrics, strict=True):
        best = min(sweep.trials, key=lambda trial: trial.value)
        column = {row["best run of the sweep"]: row[sweep.spec.batch_id] for row in parameters}
        assert column["run"] == best.run
        assert column["max_depth"] == str(best.parameters["max_depth"])
        assert column["learning_rate"] == number(best.parameters["learning_rate"])
        assert column["rolling_windows"] == "[10, 30]"
        for row, (name, scores) in zip(rows, rankers(best.metrics).items(), strict=True):
            assert row["ranker"] == {"expected": "expected (without training)"}.get(name, name)
            assert [row[objective] for objective in Objective] == [number(scores.of(o)) for o in Objective]


def test_the_better_run_of_another_sweep_is_named(build):
    sweeps = [
        build.sweep(build.spec(Objective.SPEARMAN), [0.80], first_run=25),
        build.sweep(build.spec(Objective.NDCG4), [0.90], first_run=30),
    ]
    text = make_details(sweeps)
    assert "better still by spearman: run_030 of `phase1_ndcg4_final_rank`, 0.900." in text
    assert "better still by ndcg4" not in text


def test_the_targets_are_compared_by_their_gains(build):
    sweeps = [
        build.sweep(build.spec(Objective.SPEARMAN), [0.80, 0.85], first_run=25),
        build.sweep(build.spec(Objective.SPEARMAN, Target.PLAYOFF_OUTCOME), [0.70], first_run=30),
    ]
    [rows] = tables(part(make_details(sweeps), "## final_rank against playoff_outcome"))
    assert rows[0]["final_rank: best"] == "0.850 (run_026)"
    assert (rows[0]["final_rank: gain"], rows[0]["playoff_outcome: gain"]) == ("+0.020", "-0.130")
    assert (rows[5]["final_rank: gain"], rows[5]["playoff_outcome: gain"]) == ("+0.240", "-1.560")


def test_the_rolling_table_has_a_row_per_choice_of_windows(build):
    spec = build.spec(Objective.SPEARMAN, Target.PLAYOFF_OUTCOME, Phase.ROLLING)
    sweep = build.sweep(spec, [0.80, 0.84, 0.82])
    for trial, windows in zip(sweep.trials, ([10], [15, 30], [15, 30]), strict=True):
        trial.parameters["rolling_windows"] = windows
    fixed = build.sweep(build.spec(Objective.SPEARMAN, Target.PLAYOFF_OUTCOME), [0.81], first_run=40)
    [rows] = tables(part(make_details([fixed, sweep]), "## Rolling windows"))
    assert [list(row.values()) for row in rows] == [
        [spec.batch_id, "[10]", "1", "0.800", "0.800", "run_025"],
        [spec.batch_id, "[15, 30]", "2", "0.840", "0.830", "run_026"],
        [fixed.spec.batch_id, "[10, 30]", "1", "0.810", "0.810", "run_040"],
    ]


def test_slices_show_every_ranker_by_third_and_conference(phase1):
    best = best_of_target(phase1, Target.FINAL_RANK)
    text = part(make_details(phase1), "## By third of the season and by conference")
    rows = {row["spearman"]: row for row in tables(text)[0]}
    assert list(rows["elo"]) == ["spearman", "all", "early", "middle", "late", "East", "West"]
    assert rows["elo"]["late"] == number(best.metrics.by_third["late"]["elo"].spearman)
    assert rows["stack"]["West"] == number(best.metrics.by_conference["West"]["stack"].spearman)
    assert "early" in re.search(r"Objectives on which the stack beats every baseline: (.*)", text).group(1)


def test_what_a_model_is_worth_is_positive_when_it_helps(phase1):
    text = part(make_details(phase1), "## What each model is worth in the stack")
    rows = {row["model"]: row for row in tables(text)[0]}
    assert (rows["model_a"]["weight"], rows["model_a"]["worth in spearman"]) == ("0.500", "+0.020")
    assert (rows["model_a"]["worth in rank_rmse"], rows["model_c"]["worth in rank_rmse"]) == ("+0.240", "-0.036")


def test_time_and_cache_hits_are_summed(phase1):
    sweeps, stages = tables(part(make_details(phase1), "## Time and stored work"))
    assert sweeps[0] == {
        "sweep": "phase1_spearman_final_rank", "attempts": "3", "wall min": "0.9", "trial seconds (sum)": "33.0",
        "median trial s": "11.0", "store hits": "18", "store misses": "3",
    }  # fmt: skip
    by_stage = {row["stage"]: row for row in stages}
    assert by_stage["model_a"] == {
        "stage": "model_a", "seconds (sum)": "136.5", "hits": "195", "misses": "39", "share of hits": "0.833",
    }  # fmt: skip
    assert by_stage["stack"]["hits"] == "-"


def test_failures_are_listed_with_their_reasons(build):
    spec = build.spec(n_trials=3)
    sweep = build.sweep(spec, [0.8])
    trials = (
        *sweep.trials,
        build.failed(spec, 1, 26, "NaN | loss\n in epoch 3"),
        build.failed(spec, 2, None, "lost", "dead"),
    )
    text = part(make_report([msgspec.structs.replace(sweep, trials=trials)]), "## Trials that failed")
    assert re.search(r"\| run_026 +\| failed +\| NaN \\\| loss in epoch 3 +\| node-2 +\|", text)
    assert re.search(r"\| - +\| dead +\| lost +\|", text)


def test_an_unreadable_run_is_named_and_spoils_nothing(build):
    spec = build.spec(n_trials=2)
    trials = (build.trial(spec, 0, 0.9, 25, metrics=None), build.trial(spec, 1, 0.8, 26))
    text = make_report([msgspec.structs.replace(build.sweep(spec, []), trials=trials)])
    assert "run_025 is best, but its `metrics.json` cannot be read." in text
    assert "- `phase1_spearman_final_rank` run_025" in part(text, "## Trials that failed")


def test_importances_that_are_not_known_have_a_reason(build):
    known = build.sweep(build.spec(Objective.SPEARMAN), [0.8])
    reason = Importances(batch_id="x", reason="1 complete trials; at least 4 are needed")
    without = msgspec.structs.replace(build.sweep(build.spec(Objective.NDCG4), [0.8]), importances=reason)
    unwritten = msgspec.structs.replace(build.sweep(build.spec(Objective.NDCG16), [0.8]), importances=None)
    text = part(make_report([known, without, unwritten]), "## Parameter importances")
    [rows] = tables(text)
    assert [row["max_depth"] for row in rows] == ["0.750"]
    assert "- `phase1_ndcg4_final_rank`: 1 complete trials; at least 4 are needed" in text
    assert "- `phase1_ndcg16_final_rank`: not written yet" in text


def test_the_command_that_repeats_the_best_run(phase1):
    best = best_of_target(phase1, Target.FINAL_RANK)
    command = f"-m truestrength train --no-share --config outputs4/sweeps/{best.batch_id}/{best.run}/config.yaml"
    assert command in part(make_report(phase1), "## Repeating a run by hand")


def test_pictures_are_shown_where_there_are_some(phase1):
    figures = {"trials_spearman": "figures/trials_spearman.svg", "thirds": "figures/thirds.svg"}
    text = make_report(phase1, figures=figures)
    assert re.findall(r"!\[.+\]\((.+)\)", text) == ["figures/trials_spearman.svg", "figures/thirds.svg"]


def test_sweeps_of_different_data_are_told_apart(build):
    one, other = build.sweep(build.spec(), []), build.sweep(build.spec(Objective.NDCG4), [])
    other = msgspec.structs.replace(other, spec=msgspec.structs.replace(other.spec, data_fingerprint="a" * 64))
    assert "do not compare" not in about_data([one, one])
    assert "do not compare" in about_data([one, other])


@pytest.mark.parametrize("text_columns", [1, 2])
def test_tables_are_aligned_as_plain_text(text_columns):
    lines = table(["a", "much longer", "c"], [["1", "2", "3"], ["wide cell", "-", "0.123"]], text_columns).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [lines[1].split()[place].startswith(":") for place in (1, 3, 5)] == [True, text_columns == 2, False]


def test_empty_blocks_leave_no_gap():
    assert section(["a", "", "b"]) == "a\n\nb"


def test_the_best_settings_of_every_sweep_are_in_git(phase1):
    text = part(make_report(phase1), "## Best settings")
    found = {}
    for rows in tables(text):
        for sweep in rows[0].keys() - {"best run of the sweep"}:
            found[sweep] = {row["best run of the sweep"]: row[sweep] for row in rows}
    for sweep in phase1:
        better = min if sweep.spec.objective is Objective.RANK_RMSE else max
        best = better(sweep.trials, key=lambda trial: trial.value)
        assert found[sweep.spec.batch_id]["run"] == best.run
        assert found[sweep.spec.batch_id]["max_depth"] == str(best.parameters["max_depth"])


def test_the_report_is_short_enough_for_git(phase1):
    assert len(make_report(phase1).splitlines()) < 250
