"""Which errors are a disk's, wherever in a chain they stand, and what is said of them."""

import errno
import os

import pytest

from truestrength.trainer.contract import command_line, disks
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import replacing

KINDS = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "leaves this user no more room (quota)",
    errno.EROFS: "is read-only",
    errno.EIO: "has errors (input/output error)",
}


def failing(number, path=None):
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize("number", KINDS)
def test_every_kind_is_found_and_described(tmp_path, number):
    path = tmp_path / "not" / "there"
    found = disks.fault(failing(number, str(path)))
    said = str(disks.stopping(found, tmp_path))
    assert KINDS[number] in said
    assert str(path) in said
    assert said.startswith("the file system /")


def test_a_hidden_cause_is_found_and_other_errors_are_not():
    def hide():
        try:
            raise failing(errno.EIO)
        except OSError:
            raise DataError("league: cannot be read") from None

    with pytest.raises(DataError) as hidden:
        hide()
    assert disks.fault(hidden.value).errno == errno.EIO
    assert disks.fault(failing(errno.EACCES)) is None
    assert disks.fault(DataError("wrong column")) is None
    again = failing(errno.ENOENT)
    again.__context__ = again
    assert disks.fault(again) is None


def test_a_write_that_fails_says_where(tmp_path):
    def write():
        with replacing(tmp_path / "a") as temporary:
            temporary.write_bytes(b"")
            raise failing(errno.ENOSPC)

    with pytest.raises(OSError, match="No space left") as raised:
        write()
    assert raised.value.filename == str(tmp_path / "a")


def test_a_command_ends_without_a_traceback(tmp_path, capsys):
    parser = command_line.Parser()

    def handler(_):
        raise failing(errno.ENOSPC, str(tmp_path / "x"))

    parser.set_defaults(handler=handler)
    assert command_line.main(parser, []) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the file system ")
    assert f"{tmp_path / 'x'} could not be written or read" in said
