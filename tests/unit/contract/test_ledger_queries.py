"""The file of statements and the code that uses them fit together."""

import re

import pytest

from tests.support.places import REPOSITORY
from trainer.contract.ledger.queries import query, schema
from trainer.contract.ledger.registration import differences

LEDGER = REPOSITORY / "trainer" / "contract" / "ledger"
NAMES = re.findall(r"^-- name: (\w+)$", (LEDGER / "queries.sql").read_text(), flags=re.MULTILINE)


def test_names_are_unique():
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_is_used(name):
    code = "".join(path.read_text() for path in LEDGER.glob("*.py"))
    assert f'"{name}"' in code
    assert query(name)


def test_a_statement_that_is_not_there_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        query("nothing")


def test_every_statement_of_the_schema_can_be_repeated():
    for statement in schema():
        code = re.sub(r"--.*", "", statement).strip()
        assert re.match(r"(CREATE (SCHEMA|TABLE|INDEX) IF NOT EXISTS|ALTER TABLE .* ADD COLUMN IF NOT EXISTS)", code)


def test_differences_name_what_came_and_went():
    old = {"space": {"a": {"low": 1}, "b": 2}, "same": [1, 2]}
    new = {"space": {"a": {"low": 3}, "c": None}, "same": [1, 2]}
    assert differences(old, new) == ["space.a.low: 1 -> 3", "space.b: 2 -> nothing", "space.c: nothing -> None"]
