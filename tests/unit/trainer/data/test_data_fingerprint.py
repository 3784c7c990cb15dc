"""The fingerprint follows the content of the tables and nothing else."""

from pathlib import Path

import polars as pl
import pytest

from truestrength.trainer.data.fingerprint import fingerprint

TABLE = pl.DataFrame({"n": [1, 2, None], "s": ["ab", "c", None], "b": [True, False, None], "f": [0.5, None, 1.5]})

OTHERS = {
    "a value": TABLE.with_columns(n=pl.Series([1, 3, None])),
    "a null for a zero": TABLE.with_columns(pl.col("n").fill_null(0)),
    "a null for an empty text": TABLE.with_columns(pl.col("s").fill_null("")),
    "a null for False": TABLE.with_columns(pl.col("b").fill_null(value=False)),
    "the border between two texts": TABLE.with_columns(s=pl.Series(["a", "bc", None])),
    "the order of rows": TABLE.reverse(),
    "the order of columns": TABLE.select("s", "n", "b", "f"),
    "a name": TABLE.rename({"n": "m"}),
    "a type": TABLE.with_columns(pl.col("n").cast(pl.Int32)),
    "fewer rows": TABLE[:2],
}


@pytest.mark.parametrize("change", OTHERS)
def test_another_content_has_another_fingerprint(change: str) -> None:
    assert fingerprint(OTHERS[change]) != fingerprint(TABLE)


def test_the_border_between_two_tables_counts() -> None:
    assert fingerprint(TABLE[:1], TABLE[1:]) != fingerprint(TABLE[:2], TABLE[2:])


@pytest.mark.parametrize("compression", ["zstd", "uncompressed", "snappy"])
def test_the_way_of_storing_does_not_count(compression: str, tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "t", compression=compression, row_group_size=1)
    assert fingerprint(pl.read_parquet(tmp_path / "t")) == fingerprint(TABLE)


def test_pieces_in_memory_do_not_count() -> None:
    assert fingerprint(pl.concat([TABLE[:1], TABLE[1:]], rechunk=False)) == fingerprint(TABLE)


def test_it_stays_the_same_for_ever() -> None:
    """Caches are named by it: a change of the algorithm must be meant."""
    assert fingerprint(TABLE) == "1cd4c62b97df8305f947899d015aff8052e5f5a83b1dbcfad43e7e593613e80d"
