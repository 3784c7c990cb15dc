#!/usr/bin/env bash
# pytest 9.2.0 with pytest-xdist 3.8.0: --dist loadgroup keeps no group together, and says nothing.
#
# One would swear that tests of one xdist_group run in one process, whatever the versions: pip finds no conflict, the
# option is taken, all tests pass. With pytest 9.1.1 they do. xdist hands the group on by writing it into a private
# field of each item, and pytest 9.2.0 has its node ids elsewhere (pytest-xdist's issue 1386), so the tests are dealt
# out one by one: what shares a port, a server or a folder in its group runs twice at a time.
# A scheduler of one's own (the hook pytest_xdist_make_scheduler) still works, and so does --dist loadfile.
# Exits 0 while that is so, and 1 when it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cat > "$place/test_group.py" <<'PY'
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("one_server")


@pytest.mark.parametrize("number", range(12))
def test_of_the_group(number):
    Path(os.environ["SEEN"], f"{os.getpid()}").touch()
PY
processes() { # how many processes ran the tests of the one group, under a version of pytest
    python3 -m venv "$place/$1"
    "$place/$1/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0 >/dev/null 2>&1
    mkdir "$place/seen_$1"
    SEEN="$place/seen_$1" "$place/$1/bin/python" -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider "$place" >/dev/null 2>&1
    find "$place/seen_$1" -type f | wc -l
}
before=$(processes 9.1.1)
after=$(processes 9.2.0)
echo "pytest-xdist 3.8.0, one group of 12 tests: pytest 9.1.1 ran it in $before process, pytest 9.2.0 in $after"
[ "$before" = 1 ] && [ "$after" = 2 ]
