"""Where a browser finds what was pushed."""

import pytest

from truestrength.launcher.publishing.link import web_address

ADDRESS = "https://git.example.org/ann/sweeps/tree/main/outputs4/sweeps"


@pytest.mark.parametrize(
    "remote",
    [
        "https://git.example.org/ann/sweeps.git",
        "https://ann:hunter2@git.example.org/ann/sweeps.git/",
        "https://ghp_123@git.example.org/ann/sweeps",
        "git@git.example.org:ann/sweeps.git",
        "git.example.org:/ann/sweeps.git",
        "ssh://git@git.example.org:2222/ann/sweeps.git",
    ],
)
def test_every_way_to_name_a_remote_leads_to_the_same_address(remote: str) -> None:
    assert web_address(remote, "main", "outputs4/sweeps") == ADDRESS


@pytest.mark.parametrize(
    "remote", ["/srv/git/sweeps.git", "../sweeps.git", "file:///srv/sweeps.git", "C:\\git\\sweeps", "work:ann/sweeps"]
)
def test_what_no_browser_opens_has_none(remote: str) -> None:
    assert web_address(remote, "main", "outputs4/sweeps") is None


def test_odd_signs_are_quoted() -> None:
    found = web_address("git@git.example.org:ann/sweeps.git", "ann/new #2", "my outputs/sweeps")
    assert found == "https://git.example.org/ann/sweeps/tree/ann/new%20%232/my%20outputs/sweeps"
