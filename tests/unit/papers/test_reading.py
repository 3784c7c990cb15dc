"""The reader of the papers notices what is wrong in one: the tests that follow them can fail."""

import os

import pytest

from tests.support.papers import Shell, blocks, follow, inline, matches


@pytest.fixture
def read(tmp_path):
    """Follow a paper of these lines."""

    def following(*lines, exempt=(), without=()):
        paper = tmp_path / "paper.md"
        paper.write_text("\n".join(lines), encoding="utf-8")
        follow(paper, Shell(tmp_path, os.environ), dict.fromkeys(exempt, ""), dict.fromkeys(without, ""))

    return following


def test_folder_variables_and_files_stay_from_command_to_command(read, tmp_path):
    read(
        "```yaml a.yaml", "x: 1", "```", "```sh", "mkdir in && cd in   # into it", "export WORD='a b'", "```",
        "```console", "$ cat ../a.yaml", "x: 7", '$ echo "$WORD" \\', "    c; pwd", "a b c", "…/in", "```",
    )  # fmt: skip
    assert (tmp_path / "in").is_dir()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("```sh", "echo out; false", "```"), r"paper.md:2: echo out; false: exit code 1\nout"),
        (("```console", "$ echo a", "b", "```"), r"paper.md:2: echo a: says\na\n\nnot\nb"),
        (("```console", "$ echo a", "a", "b", "```"), "paper.md:2"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(read, lines, said):
    with pytest.raises(AssertionError, match=said):
        read(*lines)


def test_what_is_exempt_is_not_run_and_words_can_be_left_out(read, tmp_path):
    read("```sh", "touch one   # not here", "touch two --no-such", "```", exempt=["touch one"], without=["--no-such"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paper.md", "two"]


def test_ctrl_c_stops_what_says_so(read):
    waiting = "import time; print(1, flush=True); time.sleep(100)"
    ended = "import sys; sys.excepthook = lambda *_: sys.exit(130)"
    read("```sh", f"python3 -c '{ended}; {waiting}'   # until Ctrl-C", "```")
    with pytest.raises(AssertionError, match="exit code 3"):
        read("```sh", f"python3 -c '{ended.replace('130', '3')}; {waiting}'   # until Ctrl-C", "```")


def test_an_output_may_differ_in_numbers_and_blanks_only():
    assert matches("run_1  0.5\n…\nend 3a4b5c6", "run_22 7.25\nx\ny\nend 1234567")
    assert matches("…\nend", "end\n")
    assert not matches("run_1 0.5", "run_1 0.5 more")
    assert not matches("a\n…\nc", "a\nb")


def test_code_in_cells_and_sentences_is_found_and_blocks_are_not(tmp_path):
    paper = tmp_path / "paper.md"
    paper.write_text("`a b`\n\n| x |\n| --- |\n| `c` |\n\n```text\n`d`\n```\n", encoding="utf-8")
    assert inline(paper) == ["a b", "c"]
    assert [(block.kind, block.line) for block in blocks(paper)] == [("text", 8)]
