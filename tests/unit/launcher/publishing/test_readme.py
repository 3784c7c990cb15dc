import pytest

from truestrength.launcher.publishing.readme import Asset, with_rows

ASSET = Asset("phase1_a", "outputs4/sweeps/phase1_a/", "12/12", "spearman 0.9000, run_030", "outputs4/report.md")
ROW = "| [phase1\\_a](outputs4/sweeps/phase1_a/) | 12/12 | spearman 0.9000, run_030 | [report](outputs4/report.md) |"
HEADER = "| Batch | Trials | Best | Report |\n| --- | --- | --- | --- |\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", f"\n## Report Assets\n\n{HEADER}{ROW}\n", id="no README"),
        pytest.param("# Mine\ntext\n", f"# Mine\ntext\n\n## Report Assets\n\n{HEADER}{ROW}\n", id="no section"),
        pytest.param(
            "# Mine\n## What it leaves: Report Assets\ntext\n",
            f"# Mine\n## What it leaves: Report Assets\n\n{HEADER}{ROW}\n\ntext\n",
            id="no table",
        ),
        pytest.param(
            f"## Report Assets\n\n{HEADER}| [b](b/) | 1/1 | x | y |\n\ntext | pipe\n",
            f"## Report Assets\n\n{HEADER}| [b](b/) | 1/1 | x | y |\n{ROW}\n\ntext | pipe\n",
            id="another row",
        ),
        pytest.param(
            f"## Report Assets\n{HEADER}| [phase1\\_a](outputs4/sweeps/phase1_a/) | 3/12 | old | |\n| last | | | |\n",
            f"## Report Assets\n{HEADER}{ROW}\n| last | | | |\n",
            id="its own row",
        ),
        pytest.param(
            "## Report Assets\n| Asset | What | | | |\n|---|---|---|---|---|\n## Next\n",
            f"## Report Assets\n| Asset | What | | | |\n|---|---|---|---|---|\n{ROW}  |\n## Next\n",
            id="a table with more columns",
        ),
        pytest.param(
            "## Report Assets\nAsset | What\n---|---\n",
            "## Report Assets\nAsset | What\n---|---\n| [phase1\\_a](outputs4/sweeps/phase1_a/) | 12/12, spearman "
            "0.9000, run_030, [report](outputs4/report.md) |\n",
            id="a table with two columns",
        ),
        pytest.param(
            "```\n# Report Assets\n```\n## Report Assets\n\n```\n# no heading\n```\n" + HEADER,
            "```\n# Report Assets\n```\n## Report Assets\n\n```\n# no heading\n```\n" + HEADER + ROW + "\n",
            id="headings in code are none",
        ),
    ],
)
def test_the_readme_gains_the_row(before: str, after: str) -> None:
    assert with_rows(before, [ASSET]) == after


def test_line_ends_stay_what_they_are() -> None:
    before = "# Mine\r\n## Report Assets\r\n\r\nlast"
    after = with_rows(before, [ASSET])
    assert after.startswith("# Mine\r\n## Report Assets\r\n\r\n| Batch ")
    assert after.count("\n") == after.count("\r\n")


def test_the_same_row_again_changes_nothing() -> None:
    once = with_rows("# Mine\n", [ASSET, ASSET._replace(batch_id="b", folder="b/")])
    assert with_rows(once, [ASSET]) == once


def test_a_name_cannot_divide_the_row() -> None:
    row = with_rows("", [ASSET._replace(batch_id="a|b](x)")]).splitlines()[-1]
    assert row.startswith("| [a\\|b\\](x)](outputs4/")
