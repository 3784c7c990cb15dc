"""The parts of the papers that are made from the code are as the code is."""

import re

import pytest

from tests.support.reference import DOCS, MADE, MARK, anew


@pytest.mark.parametrize("name", MADE)
def test_a_made_paper_is_current(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text.count(MARK) == 1
    assert text == anew(DOCS / name), "`python -m tests.support.reference` writes it anew"


def test_every_key_has_a_meaning_and_a_value():
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*?) \|$", MADE["configuration.md"](), re.MULTILINE)
    assert len(rows) > 70
    assert [key for key, value, _, meaning in rows if not value or not meaning] == []


def test_every_command_is_there():
    text = MADE["commands.md"]()
    names = re.findall(r"^## `truestrength (.*)`$", text, re.MULTILINE)
    assert {"phase1", "status", "db backup", "train", "data import", "cache ls"} <= set(names)
    assert len(names) == len(set(names))
