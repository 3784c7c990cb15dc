"""A task in a thread, while its maker does something else. Nobody waits for it when the maker is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(threading.Thread, Generic[T]):
    """Begins at once."""

    def __init__(self, task: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._task = task
        self._found: list[T] = []
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        """The thread's."""
        try:
            self._found.append(self._task())
        except Exception as error:
            self._error = error

    def result(self) -> T:
        """Wait for the task.

        Raises:
            Exception: what the task raised.
        """
        self.join()
        if self._error is not None:
            raise self._error
        return self._found[0]
