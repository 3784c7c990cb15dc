"""Each row of `docs/real_files.md` has a test, in `tests/integration/trainer/real_files`."""

import re

from tests.support.places import REPOSITORY

TABLE = REPOSITORY / "docs" / "real_files.md"
TESTS = REPOSITORY / "tests" / "integration" / "trainer" / "real_files"


def test_every_row_of_the_table_is_tested() -> None:
    cells = [line.split("|")[1].strip() for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    rows = [cell for cell in cells if cell not in ("row", "---")]
    sources = [path.read_text() for path in TESTS.glob("test_*.py")]
    tested = {name for source in sources for name in re.findall(r'row\("([^"]+)"\)', source)}
    assert len(rows) == len(set(rows)) > 30
    assert tested == set(rows)
