"""Tells the study of a sweep, and is stuck before it writes: `python study_teller.py BATCH`.

It waits until there is a result to be told of, prints `has read`, and stays.
"""

import signal
import sys
import time

from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.ledger import Ledger, study, telling

BATCH_ID = sys.argv[1]


def stay(*_said: object) -> bool:
    """In the place of the statement that writes."""
    print("has read", flush=True)
    signal.pause()
    return False


telling._directly = stay  # the moment in which it is killed
with Ledger(database_url()) as ledger:
    while ledger.progress(BATCH_ID).reported == 0 or ledger.progress(BATCH_ID).running > 1:
        time.sleep(0.05)
    study.tell(ledger.connection, ledger.spec(BATCH_ID))
