"""Who waits for a write to a file is told by the kernel."""

import sys

import pytest

from worker.ledger import writes

LATE = 5.0  # seconds


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "a.log"
    made.write_text("1")
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux'")
def test_a_write_is_told_once_and_reading_is_none(file):
    with writes.to(str(file)) as written:
        assert not written(0.0)
        file.read_text()
        assert not written(0.0)
        with file.open("a") as stream:
            stream.write("2")
        assert written(LATE)
        assert not written(0.0)


def test_where_there_is_no_such_file_one_has_to_look(tmp_path):
    with writes.to(str(tmp_path / "missing")) as written:
        assert written is None
