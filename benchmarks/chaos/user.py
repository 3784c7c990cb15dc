"""The user of a round: repeats his command until it says that all is done, and starts a server that is down.

Whatever ends with an exit code that no fault accounts for is a finding.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.chaos.family import Family
from benchmarks.chaos.project import Project, launcher
from truestrength.trainer.contract.errors import UserError

COMMAND_S = 120.0
AT_WORK = re.compile(r"^sweep \d+ of", re.MULTILINE)
"""What a launcher says once it watches its workers."""


@dataclass
class User:
    """One round's."""

    project: Project
    family: Family
    commands: Sequence[Sequence[str]]
    findings: list[str] = field(default_factory=list)
    """What was not as it should be."""
    codes: list[int] = field(default_factory=list)
    """Of every launcher that has ended."""
    _place: int = 0
    """Of the command that he is at."""
    _process: subprocess.Popen[bytes] | None = None
    _expected: set[int] = field(default_factory=lambda: {0})
    _timers: list[threading.Timer] = field(default_factory=list)

    @property
    def _log(self) -> str:
        return f"launcher_{len(self.codes)}.log"

    @property
    def last(self) -> bool:
        """Whether he is at the last of his commands, which is the one that faults strike."""
        return self._place == len(self.commands) - 1

    def expect(self, codes: Iterable[int] | None) -> None:
        """A fault may end the launcher that runs now with one of these; the first to say so is right."""
        if codes is not None:
            self._expected = set(codes) if self._expected == {0} else self._expected | set(codes)

    def go_on(self) -> bool:
        """Start what is to be run next, unless something runs. Returns False when all is done."""
        if self._process is not None:
            if (code := self._process.poll()) is None:
                return True
            self._judge(code)
            if code == 0:
                self._place += 1
        if self._place == len(self.commands) or self.findings:
            return False
        self._process = self.family.start(self.commands[self._place], self.project.folder / self._log)
        return True

    def _judge(self, code: int) -> None:
        if code not in self._expected:
            wanted = ", ".join(map(str, sorted(self._expected)))
            self.findings.append(f"a launcher ended with {code}, expected {wanted}: {self.said()[-3000:]}")
        self.codes.append(code)
        self._expected, self._process = {0}, None

    def running(self) -> bool:
        """Whether a launcher runs."""
        return self._process is not None and self._process.poll() is None

    def at_work(self) -> int | None:
        """The pid of the launcher, once it watches its workers; None while it does not."""
        process = self._process
        if process is None or process.poll() is not None or not AT_WORK.search(self.said()):
            return None
        return process.pid

    def said(self) -> str:
        """By the launcher that runs, or has ended last."""
        with suppress(FileNotFoundError):
            return (self.project.folder / self._log).read_text(errors="replace")
        return ""

    def said_by_workers(self) -> str:
        """All of it, in all sweeps."""
        logs = sorted(self.project.outputs.sweeps.glob("*/jobs/*/*_log.*"))
        return "\n".join(log.read_text(errors="replace") for log in logs)

    def start_server(self) -> None:
        """Start the embedded server again."""
        self.command("db", "up")

    def stop_server(self) -> None:
        """Stop it, if it runs."""
        self.command("db", "down")

    def command(self, *words: str) -> None:
        """Run a command of the launcher's to its end."""
        log = self.project.folder / "commands.log"
        done = self.family.start(launcher(*words), log)
        try:
            code = done.wait(COMMAND_S)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            said = log.read_text(errors="replace")[-1000:]
            self.findings.append(f"`launcher {' '.join(words)}` ended with {code}: {said}")

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something beside the round."""
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def wait_for_later(self) -> None:
        """Until all of that has happened.

        Raises:
            UserError: it does not end.
        """
        for timer in self._timers:
            timer.join(COMMAND_S + 30)
            if timer.is_alive():
                raise UserError("what should follow a fault does not end")
