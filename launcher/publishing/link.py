"""Where a browser finds a folder of a repository."""

from __future__ import annotations

import re
from urllib.parse import quote

_HTTP = re.compile(r"^(https?://)(?:[^@/]*@)?([^/]+)/(.+)$")
_SSH = re.compile(r"^ssh://(?:[^@/]*@)?([^:/]+)(?::\d+)?/(.+)$")
_SCP = re.compile(r"^(?:[^@/]+@)?([^:/]+\.[^:/]+):(?!//)(.+)$")


def web_address(remote: str, branch: str, folder: str) -> str | None:
    """The address of a folder, as GitHub and GitLab have it, without the user or password that may be in a remote's.

    None where the remote is no such host, as a folder.

    >>> web_address("git@github.com:ann/sweeps.git", "main", "outputs4/sweeps")
    'https://github.com/ann/sweeps/tree/main/outputs4/sweeps'
    """
    if found := _HTTP.match(remote):
        base = f"{found[1]}{found[2]}/{found[3]}"
    elif found := _SSH.match(remote) or _SCP.match(remote):
        base = f"https://{found[1]}/{found[2].lstrip('/')}"
    else:
        return None
    return f"{base.rstrip('/').removesuffix('.git')}/tree/{quote(branch)}/{quote(folder)}"
