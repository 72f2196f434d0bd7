import fcntl
import tempfile
from pathlib import Path

import pytest
from processes import both_providers, opened

from tests.servers import database


@pytest.fixture
def sandbox():
    """Both providers, in the test's own process: look into it, add faults to it."""
    with both_providers() as running:
        yield running


@pytest.fixture
def shop(tmp_path, sandbox):
    """A configuration with the sellers acme (Amazon Pay) and mall (Seller Center), and the
    processes that a test starts with it; all of them are gone when the test ends.
    """
    with opened(tmp_path, sandbox.url) as shop:
        yield shop


@pytest.fixture(scope="module")
def brokers_alone():
    """There is one queue of ours on each broker: two files of tests at once, in processes of their
    own, would take each other's messages.
    """
    with (Path(tempfile.gettempdir()) / "order-worker-brokers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def postgresql():
    """The URL of an empty database on the server of this machine."""
    with database() as url:
        yield url
