import os
from pathlib import Path

import msgspec
import pytest

from truestrength.launcher.report.reading import MadeFrom, Summary, read_file
from truestrength.trainer.contract.files import write_json


def summary(attempts: int) -> dict[str, object]:
    return {"made_from": MadeFrom(attempts, None)}


def test_a_file_that_is_as_it_was_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, summary(3))
    assert read_file(path, Summary) is read_file(path, Summary)


def test_a_new_file_is_read_whatever_its_time(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, summary(3))
    assert read_file(path, Summary) == Summary(MadeFrom(3, None))
    before = path.stat()
    write_json(path, summary(4))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_file(path, Summary) == Summary(MadeFrom(4, None))


@pytest.mark.parametrize("damage", [b"{", b"", None])
def test_one_that_is_damaged_or_gone_is_none_until_it_is_there_again(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "summary.json"
    write_json(path, summary(3))
    assert read_file(path, Summary)
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert read_file(path, Summary) is None
    write_json(path, summary(3))
    assert read_file(path, Summary)


def test_the_same_file_as_something_else(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, summary(3))

    class Other(msgspec.Struct):
        made_from: dict[str, object]

    assert isinstance(read_file(path, Summary), Summary)
    assert isinstance(read_file(path, Other), Other)
