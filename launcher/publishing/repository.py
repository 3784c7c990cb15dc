"""A git repository as `publish` uses it: it commits named files and nothing else, and refuses where that is not safe.

Surprising: `git commit -- PATH` takes what lies in the work tree, knows no path that git has not heard of, and runs the
user's hooks, which may refuse. Whatever fails leaves the index as it was.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from truestrength.trainer.contract.errors import UserError

IN_BETWEEN = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
"""What lies in git's folder while something is not finished."""
PUSH_PATIENCE_S = 300.0


class Commit(NamedTuple):
    """What was committed."""

    name: str
    """Short."""
    files: int
    """That it changed."""


@dataclass(frozen=True)
class Repository:
    """A work tree of git."""

    top: Path
    """Its uppermost folder."""

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """The repository that a folder lies in.

        Raises:
            UserError: it lies in none, or there is no git.
        """
        try:
            found = _run(folder, "rev-parse", "--show-toplevel")
        except FileNotFoundError:
            raise UserError("git is not installed, or not on PATH") from None
        if found.returncode:
            raise UserError(f"{folder}: is in no git repository: {_last_line(found)}")
        return cls(Path(found.stdout.rstrip("\n")))

    def branch(self) -> str:
        """The branch that is checked out.

        Raises:
            UserError: none is, or the index is not as the last commit left it, or something is not finished.
        """
        head = self._git("symbolic-ref", "--quiet", "--short", "HEAD")
        if head.returncode:
            raise UserError(f"{self.top}: HEAD is detached: check out a branch first (`git switch BRANCH`)")
        self._refuse_conflicts()
        staged = self._git("diff", "--cached", "--name-only").stdout.splitlines()
        if staged:
            raise UserError(
                f"{self.top}: the index is not clean ({_some(staged)}): commit that first, or take it out with "
                "`git restore --staged .`"
            )
        return head.stdout.strip()

    def _refuse_conflicts(self) -> None:
        conflicts = self._git("diff", "--name-only", "--diff-filter=U").stdout.splitlines()
        if conflicts:
            raise UserError(f"{self.top}: there are conflicts ({_some(conflicts)}): resolve and commit them first")
        folder = Path(self.top, self._git("rev-parse", "--absolute-git-dir").stdout.strip())
        for name, what in IN_BETWEEN.items():
            if (folder / name).exists():
                raise UserError(f"{self.top}: {what} is not finished: finish or abort it first")

    def changed(self, path: Path) -> bool:
        """Whether a file that git knows differs from the last commit."""
        return bool(self._git("diff", "--name-only", "HEAD", "--", str(path)).stdout.strip())

    def commit(self, files: Sequence[Path], message: str) -> Commit | None:
        """Commit just these files, ignored ones too.

        Returns:
            None where nothing has changed.

        Raises:
            UserError: git or a hook refused. The index is as before.
        """
        words = [os.fsencode(path.resolve()) for path in files]  # git knows its folder by no link
        listed = ("--pathspec-from-file=-", "--pathspec-file-nul")
        try:
            self._must("add", "--force", *listed, given=b"\0".join(words))
            changed = self._git("diff", "--cached", "--name-only", "-z").stdout.count("\0")
            if not changed:
                return None
            self._must("commit", "--quiet", "--message", message)
        except UserError:
            self._git("reset", "--quiet")
            raise
        return Commit(self._git("rev-parse", "--short", "HEAD").stdout.strip(), changed)

    def push(self, branch: str) -> str:
        """Push a branch where it belongs, or to the only remote there is.

        Returns:
            Where to.

        Raises:
            UserError: there is no place to push to, or the remote refused; the commit stays.
        """
        remote = self._own_remote(branch)
        words = ["push", "--quiet"]
        if not remote:
            remotes = self._git("remote").stdout.split()
            if len(remotes) != 1:
                known = f"there are {', '.join(remotes)}" if remotes else "there is no remote"
                raise UserError(f"nothing to push {branch} to: {known}. `git push -u REMOTE {branch}` chooses one")
            remote = remotes[0]
            words += ["--set-upstream", remote, branch]
        pushed = self._git(*words, patience_s=PUSH_PATIENCE_S)
        if pushed.returncode:
            raise UserError(_why_not_pushed(pushed, remote, branch))
        return f"{remote} {branch}"

    def remote_url(self, branch: str) -> str | None:
        """The address of the remote that a branch belongs to; None where it belongs to none yet."""
        remote = self._own_remote(branch)
        found = self._git("remote", "get-url", remote) if remote else None
        return found.stdout.strip() if found and not found.returncode else None

    def _own_remote(self, branch: str) -> str:
        return self._git("config", f"branch.{branch}.remote").stdout.strip()

    def _must(self, *words: str, given: bytes | None = None) -> None:
        done = self._git(*words, given=given)
        if done.returncode:
            raise UserError(f"`git {words[0]}` refused, and nothing was committed: {_said(done)}")

    def _git(
        self, *words: str, given: bytes | None = None, patience_s: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        return _run(self.top, *words, given=given, patience_s=patience_s)


def _run(
    folder: Path, *words: str, given: bytes | None = None, patience_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """One command of git, which asks nothing and takes paths as they are."""
    # Inside a hook of another repository these name that one.
    environment = {name: value for name, value in os.environ.items() if name not in {"GIT_DIR", "GIT_INDEX_FILE"}}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C.UTF-8"}
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, env=environment, input=given or b"", timeout=patience_s
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"`git {words[0]}` has not ended within {patience_s:.0f} s") from None
    said, complained = (os.fsdecode(text) for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(command, done.returncode, said, complained)


def _why_not_pushed(pushed: subprocess.CompletedProcess[str], remote: str, branch: str) -> str:
    if "[rejected]" in pushed.stderr:
        return (
            f"{remote} has commits of {branch} that are not here, so it refused; yours stays. "
            f"`git pull --rebase {remote} {branch}`, then the same command again"
        )
    return f"{remote} refused, and your commit stays: {_said(pushed)}"


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").replace("\n", "; ")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["git did not say why"])[-1]


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
