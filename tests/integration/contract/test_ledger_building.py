"""Who builds what: one living builder per key, by a lock in a real PostgreSQL."""

import time

from truestrength.trainer.contract.ledger import Ledger, connection


def test_one_builder_per_key(ledger, database_url):
    with Ledger(database_url) as other:
        with ledger.building("batches-1") as mine, other.building("batches-1") as theirs:
            assert (mine, theirs) == (True, False)
            with ledger.building("batches-1") as again, other.building("batches-2") as another:
                assert (again, another) == (False, True)
        with other.building("batches-1") as theirs:
            assert theirs


def test_a_builder_that_dies_frees_its_key(ledger, database_url):
    dead = Ledger(database_url)
    with dead, dead.building("batches-1") as first:
        assert first
        dead.close()
        with ledger.building("batches-1") as mine:
            assert mine


def test_a_builder_that_is_frozen_loses_its_key(ledger, database_url):
    frozen = Ledger(database_url)
    with frozen.building("batches-1") as first:
        assert first
        with ledger.building("batches-1", silent_s=60) as mine:
            assert not mine
        time.sleep(1)
        with ledger.building("batches-1", silent_s=0.5) as mine:
            assert not mine  # its session is ended; whoever asks next has the key
        deadline = time.monotonic() + 10
        while not _builds(ledger, "batches-1"):
            assert time.monotonic() < deadline
    # Awake again it connects anew, and has let go of what was not its own any more.
    with ledger.building("batches-1") as mine, frozen.building("batches-1") as again:
        assert (mine, again) == (True, False)
    with frozen.building("batches-1") as again:
        assert again
    frozen.close()


def test_a_builder_that_gives_signs_of_life_keeps_its_key(ledger, database_url):
    with Ledger(database_url) as builder, builder.building("batches-1", silent_s=3):
        for _ in range(6):
            time.sleep(0.6)
            with ledger.building("batches-1", silent_s=3) as mine:
                assert not mine
        assert not _builds(ledger, "batches-1")


def _builds(ledger, key):
    with ledger.building(key) as mine:
        return mine


def test_giving_back_does_not_wait_for_a_server_that_is_away(database_url, monkeypatch):
    waits = []

    def patiently(task, url, patience_s):
        waits.append(patience_s)
        return real(task, url, min(patience_s, 1.0))

    real = connection.patiently
    with Ledger(database_url) as ledger, ledger.building("batches-1") as first, ledger.building("batches-2") as second:
        assert first
        assert second
        ledger.close()
        ledger.connection.url = "postgresql://nobody@127.0.0.1:1/nothing"
        monkeypatch.setattr(connection, "patiently", patiently)
    assert waits == [0, 0]
