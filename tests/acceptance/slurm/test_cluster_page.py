"""docs/cluster.md on a real SLURM: one sweep to its end, all of Phase I submitted, cancelled, submitted again."""

import pytest

from tests.support.papers import Command, Shell, follow, steps
from tests.support.places import REPOSITORY
from tests.support.reader import clone, environment

PAGE = REPOSITORY / "docs" / "cluster.md"
LOGIN_NODE = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']
"""It knows the nodes by name, as they know each other."""


@pytest.fixture
def shell(slurm, tmp_path):
    folder, hosts = clone(tmp_path), slurm.folder / "etc" / "hosts"
    opened = Shell(folder, {**environment(tmp_path), "SLURM_CONF": str(slurm.conf)}, [*LOGIN_NODE, str(hosts)])
    yield opened
    slurm.clear()


def test_a_reader_follows_the_page_about_clusters(shell):
    follow(PAGE, shell, {})
    first = (shell.folder / "outputs4" / "sweeps" / "first" / "sweep_results.csv").read_text()
    assert first.count(",complete,") == 2
    assert sum("slurm" in step.text for step in steps(PAGE) if isinstance(step, Command)) >= 5
