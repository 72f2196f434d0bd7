"""`make example-…`: everything that a shop needs, by one command."""

import os
import signal
import subprocess
import sys

import pytest
from sites import free_port, listens

from examples import start
from tests.acceptance.processes import WAIT, until


@pytest.fixture
def opened(tmp_path):
    """Starts a shop as a terminal would, in a process group of its own."""
    processes = []

    def starting(*arguments):
        processes.append(
            subprocess.Popen(
                [sys.executable, start.__file__, *arguments],
                env={**os.environ, "TMPDIR": str(tmp_path)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )
        return processes[-1]

    yield starting
    for process in processes:
        process.stderr.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_it_opens_a_shop_with_all_behind_it_and_ctrl_c_leaves_nothing(opened, tmp_path):
    ports = free_port(), free_port()
    process = opened("flask", *map(str, ports))
    until(lambda: all(map(listens, ports)))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(WAIT) == 0
    assert not any(map(listens, ports))
    assert list(tmp_path.iterdir()) == []


def test_a_shop_that_there_is_none_of_is_asked_for_again(opened):
    process = opened("rails")
    assert process.wait(WAIT) == 1
    assert process.stderr.read() == b"Which shop? One of flask, fastapi, django.\n"
