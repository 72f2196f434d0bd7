"""A file system that is really full under each database: what was accepted is there afterwards.

It is one of some megabytes in memory, which only root may mount; skipped elsewhere.
"""

import errno
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conformance.steps import APPLIED, Quotas, accept, confirm, rows
from tests.conformance.test_ledger_lost_commits import POLICY, Provider, carry_out
from tests.servers import OwnPostgreSQL
from worker.errors import LedgerUnavailable
from worker.ledger import upgrade
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.verification import replay

SQLITE_MEGABYTES, POSTGRESQL_MEGABYTES = 2, 100
ENOUGH = 5000  # jobs: more than fit into what the ballast leaves


class Volume:
    """A file system, and ballast in it that leaves no room or some."""

    def __init__(self, path):
        self.path = path
        self._ballast = path / "ballast"

    def fill(self):
        """Take each block that is left."""
        with self._ballast.open("ab", buffering=0) as out:
            for size in (65536, 4096, 512, 1):
                try:
                    while out.write(bytes(size)) == size:
                        pass
                except OSError as error:
                    assert error.errno == errno.ENOSPC  # noqa: PT017 - it ends each size

    def make_room(self):
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def volume(request):
    """Not in pytest's own folders, which are closed to a server's account."""
    with TemporaryDirectory() as path:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"mode=755,size={request.param}M", "tmpfs", path],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"no file system of our own: {made.stderr.strip()}")
        try:
            yield Volume(Path(path))
        finally:
            subprocess.run(["umount", "--lazy", path], check=True)


def opened(url):
    database = Database(url)
    upgrade.upgrade(database)
    return Ledger(database, Quotas(), POLICY)


def accept_until_full(ledger, volume):
    """One while there is room, and as many as go into what is left of a page and of a log."""
    accepted = [accept(ledger, confirm(0)).job_id]
    volume.fill()
    with suppress(LedgerUnavailable):
        for number in range(1, ENOUGH):
            accepted.append(accept(ledger, confirm(number)).job_id)  # noqa: PERF401 - until it fails
    assert len(accepted) < ENOUGH
    return accepted


def is_in_order(ledger, accepted):
    assert [row.id for row in rows(ledger)] == accepted
    assert list(replay.findings(ledger)) == []
    provider = Provider(APPLIED)
    assert carry_out(ledger, accepted[0], provider).state == "succeeded"
    assert provider.asked == ["apply"]
    assert accept(ledger, confirm(ENOUGH)).created


@pytest.mark.parametrize("volume", [SQLITE_MEGABYTES], indirect=True)
def test_sqlite(volume):
    ledger = opened(f"sqlite:///{volume.path}/ledger.db")
    accepted = accept_until_full(ledger, volume)
    with pytest.raises(LedgerUnavailable, match=r"its disk is full\. Make room; nothing was"):
        accept(ledger, confirm(ENOUGH))
    assert [row.id for row in rows(ledger)] == accepted  # it can still be read
    volume.make_room()
    is_in_order(ledger, accepted)
    ledger.database.engine.dispose()


@pytest.mark.parametrize("volume", [POSTGRESQL_MEGABYTES], indirect=True)
def test_postgresql(volume):
    server = OwnPostgreSQL(volume.path)
    try:
        server.begin()
        ledger = opened(server.url)
        accepted = accept_until_full(ledger, volume)
        volume.make_room()
        server.kill()  # it may have ended by itself: it cannot go on without its log
        server.begin()
        ledger.database.engine.dispose()
        is_in_order(ledger, accepted)
        ledger.database.engine.dispose()
    finally:
        server.kill()
