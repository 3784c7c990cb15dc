"""The trial of every system in `benchmarks.orchestration`: it notes the time and is done. Imports nothing foreign."""

import os
import struct
import time

SPACE = {
    "model_a_epochs": (14, 26),
    "max_depth": (3, 5),
    "n_estimators_xgb": (200, 300),
    "n_estimators_rf": (150, 230),
    "min_samples_leaf": (4, 6),
}
LEARNING_RATE = (0.06, 0.10)


def null_trial(learning_rate: float, marks: str) -> float:
    """Write the time into the file of marks, which many processes append to, and return the value."""
    handle = os.open(marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(handle, struct.pack("d", time.time()))
    os.close(handle)
    return learning_rate
