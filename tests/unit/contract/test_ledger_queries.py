"""The file of statements and the code that uses them fit together."""

import hashlib
import re

import pytest

from tests.support.places import REPOSITORY
from truestrength.trainer.contract.ledger.queries import migrations, newest_version, query
from truestrength.trainer.contract.ledger.registration import differences

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


RELEASED = {
    # `git show 983ef9c:trainer/contract/ledger/schema.sql`
    3: "15133ba13de47ae2a77e1967af2fda8c01d864c55c689817b4b847c226ec87f7",
}


def test_a_released_file_of_the_schema_is_never_changed():
    """Databases of that version are as it was: what is to be another way goes into a new file."""
    found = {number: hashlib.sha256(text.encode()).hexdigest() for number, text in migrations().items()}
    assert {number: found[number] for number in RELEASED} == RELEASED
    assert list(found) == list(range(min(RELEASED), newest_version() + 1)), "no number is left out"


def test_every_file_that_is_no_code_goes_into_the_wheel():
    """setuptools takes a package's files, and knows a package by its `__init__.py`."""
    found = [path for package in ("trainer", "launcher") for path in (REPOSITORY / package).rglob("*.sql")]
    assert len(found) > newest_version() - min(RELEASED) + 1
    assert [path for path in found if not (path.parent / "__init__.py").exists()] == []


def test_differences_name_what_came_and_went():
    old = {"space": {"a": {"low": 1}, "b": 2}, "same": [1, 2]}
    new = {"space": {"a": {"low": 3}, "c": None}, "same": [1, 2]}
    assert differences(old, new) == ["space.a.low: 1 -> 3", "space.b: 2 -> nothing", "space.c: nothing -> None"]
