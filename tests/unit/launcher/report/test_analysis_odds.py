"""Championship odds and the ceiling in the report: what is won and lost, how little it rests on, and the plot."""

import msgspec
import pytest

from truestrength.launcher.report.figures.contents import ReliabilityPanel, ReliabilityPlot, figure_data
from truestrength.launcher.report.figures.reliability import reliability_chart
from truestrength.launcher.report.sections.ceiling import ceiling_section, share_closed
from truestrength.launcher.report.sections.odds import odds_section
from truestrength.launcher.report.trials import best_of_target, comparisons, rankers
from truestrength.trainer.contract.words import Objective, Target


def changed(sweeps, holdout=None, **fields):
    """The sweeps with other metrics in every trial."""
    return [
        msgspec.structs.replace(
            sweep,
            trials=tuple(
                msgspec.structs.replace(t, metrics=msgspec.structs.replace(t.metrics, **fields), holdout=holdout)
                for t in sweep.trials
            ),
        )
        for sweep in sweeps
    ]


def rows(text, first):
    """The rows of the table whose first header is `first`, as lists of cells."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    start = next(i for i, line in enumerate(lines) if line[0] == first)
    found = []
    for line in lines[start + 2 :]:
        if set(line[0]) <= {":", "-"} or len(line) != len(lines[start]):
            break
        found.append(line)
    return found


class TestOdds:
    def test_scores_stand_beside_naive_odds(self, phase1):
        text = odds_section(phase1, {})
        assert text.count("the odds **beat all naive odds by Brier score and beat all naive odds by log loss**.") == 2
        stack, uniform, elo = rows(text, "validation")[:3]
        assert stack[:5] == ["stack", "0.800", "1.900", number(1 - 0.8 / 0.96), "0.100"]
        assert stack[5:] == ["0.850", "0.800", "0.750", "1.900", "1.900", "1.900"]
        assert (uniform[0], uniform[1], elo[0], elo[2]) == ("uniform", "0.960", "elo", "2.400")

    def test_how_little_it_rests_on_is_said(self, phase1):
        text = odds_section(phase1, {})
        assert "**There is one champion a season.**" in text
        assert "On the validation seasons (2021-22, 2022-23; 2 champions)" in text

    def test_a_loss_looks_like_one(self, build):
        lost = changed(build.phase1(1), title_odds=build.odds(brier=0.93, log_loss=2.4))
        said = "the odds **LOSE by Brier score to elo and LOSE by log loss to elo**."
        assert odds_section(lost, {}).count(said) == 2
        lost = changed(build.phase1(1), title_odds=build.odds(brier=0.97, log_loss=2.0))
        said = "the odds **LOSE by Brier score to uniform, elo and beat all naive odds by log loss**."
        assert odds_section(lost, {}).count(said) == 2

    def test_reliability_has_counts(self, phase1):
        text = odds_section(phase1, {})
        table = rows(text, "probability")
        assert table[0] == ["0 to 0.01", "5000", "48", "0.002", "0.000"]
        assert table[2] == ["0.3 to 0.5", "25", "3", "0.320", "0.240"]

    def test_the_held_out_season_follows(self, build):
        held_out = build.metrics(0.7, seasons=("2023-24",))
        text = odds_section(changed(build.phase1(1), holdout=held_out), {"title_odds": "figures/title_odds.svg"})
        assert text.count("On the held out season (2023-24; 1 champion) the odds") == 2
        assert text.endswith("![reliability of the championship odds](figures/title_odds.svg)")

    def test_without_odds_the_section_says_so(self, build):
        for sweeps in ([], changed(build.phase1(1), title_odds=None)):
            assert odds_section(sweeps, {}) == "## Championship odds\n\nNo complete trial with odds yet."


class TestReliabilityPlot:
    def test_points_are_the_bins_on_square_root_axes(self, build):
        odds = build.odds()
        plot = dict(figure_data(changed(build.phase1(1), holdout=build.metrics(0.7))))["title_odds"]
        assert [panel.validation for panel in plot.panels] == [odds.reliability] * 2
        layers = reliability_chart(plot)["hconcat"][0]["layer"]
        assert layers[0]["encoding"]["color"]["scale"]["domain"] == [
            "perfectly reliable",
            "validation (2 champions)",
            "held-out season",
        ]
        points = [row for row in layers[2]["data"]["values"] if row["series"] == "validation (2 champions)"]
        assert [row["predicted"] for row in points] == [one.predicted for one in odds.reliability]
        assert [row["observed"] for row in points] == [one.observed for one in odds.reliability]
        assert [row["teams"] for row in layers[3]["data"]["values"]] == [48, 17, 3]
        assert layers[0]["encoding"]["x"]["axis"]["values"][-1] == 0.5

    def test_all_in_one_bin_and_no_held_out_season(self, build):
        panel = ReliabilityPanel("x", build.odds().reliability[:1], (), 1)
        [chart] = reliability_chart(ReliabilityPlot((panel,)))["hconcat"]
        assert {row["series"] for row in chart["layer"][2]["data"]["values"]} == {"validation (1 champion)"}

    def test_there_is_none_without_odds(self, build):
        assert "title_odds" not in dict(figure_data(changed(build.phase1(1), title_odds=None)))


class TestCeiling:
    def sweeps(self, build, **held_out):
        """The stack at 0.84 (late: 0.924), the blend at 0.83, the ceilings at 0.70 and 0.88."""
        ceilings = {"true_strength": build.scores(0.70), "true_outlook": build.scores(0.88)}
        thirds = {third: {"true_outlook": build.scores(s)} for third, s in (("early", 0.60), ("late", 0.95))}
        sweeps = [build.sweep(build.spec(), [0.84])]
        return changed(sweeps, ceilings=ceilings, ceilings_by_third=thirds, **held_out)

    def test_the_share_of_the_way_is_from_the_best_baseline(self, build):
        text = ceiling_section(self.sweeps(build))
        spearman = rows(text, "objective")[0]
        assert spearman == ["spearman", "blend", "0.830", "0.840", "0.700", "0.880", "20 %"]
        assert rows(text, "objective")[5][-1] == "20 %"  # rank_rmse: the other way round
        early, late = rows(text, "closed, by third of the season")[0][1:]
        # Early: blend 0.581, stack 0.588, ceiling 0.60; late: 0.913, 0.924, 0.95.
        assert (early, late) == ("37 %", "30 %")

    def test_a_ceiling_below_the_best_baseline_closes_nothing(self, build):
        low = {"true_strength": build.scores(0.8)}
        text = ceiling_section(changed([build.sweep(build.spec(), [0.84])], ceilings=low))
        assert rows(text, "objective")[0][-1] == "-"

    def test_it_is_no_baseline(self, build):
        [sweep] = self.sweeps(build)
        metrics = best_of_target([sweep], Target.FINAL_RANK).metrics
        assert not set(metrics.ceilings) & set(rankers(metrics))
        assert all(found.beats for found in comparisons(rankers(metrics)))

    def test_a_real_league_has_no_such_section(self, phase1):
        assert ceiling_section(phase1) == ""
        assert ceiling_section([]) == ""

    def test_the_held_out_season_has_its_own_table(self, build):
        held_out = msgspec.structs.replace(
            build.metrics(0.8, seasons=("2023-24",)), ceilings={"true_outlook": build.scores(0.9)}
        )
        text = ceiling_section(self.sweeps(build, holdout=held_out))
        assert "### `final_rank`, run_025, held out (2023-24)" in text

    @pytest.mark.parametrize(
        ("stack", "baseline", "ceiling", "objective", "expected"),
        [
            (0.85, 0.8, 0.9, Objective.SPEARMAN, 0.5),
            (0.75, 0.8, 0.9, Objective.SPEARMAN, -0.5),
            (3.0, 4.0, 2.0, Objective.RANK_RMSE, 0.5),
            (0.85, 0.8, 0.8, Objective.SPEARMAN, None),
        ],
    )
    def test_share(self, stack, baseline, ceiling, objective, expected):
        found = share_closed(stack, baseline, ceiling, objective)
        assert found == (None if expected is None else pytest.approx(expected))


def number(value):
    return f"{value:.3f}"
