"""What an error of a run is called in the ledger, in its folder and in the report.

Surprising: running out of memory has many names. PyTorch has a class for CUDA's and a RuntimeError for the CPU's,
NumPy and Python a MemoryError that may say nothing, and XGBoost an error with the words of C++.
"""

from __future__ import annotations

import errno
import re

_WORDS = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|bad_alloc|bad allocation", re.IGNORECASE
)
_ADVICE = "smaller models, fewer lists or fewer workers at once (--n-jobs) need less"


def described(error: BaseException) -> str:
    """An error in one line, what it is first.

    >>> described(ValueError("no"))
    'ValueError: no'
    >>> described(MemoryError())
    'out of memory: MemoryError (smaller models, fewer lists or fewer workers at once (--n-jobs) need less)'
    """
    said = ": ".join(filter(None, (type(error).__name__, str(error).strip())))
    return f"out of memory: {said} ({_ADVICE})" if is_out_of_memory(error) else said


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory left, on whichever device."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):  # torch's, without importing it
        return True
    return isinstance(error, RuntimeError | ValueError) and bool(_WORDS.search(str(error)))
