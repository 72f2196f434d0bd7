import json
import logging

import pytest
from click.testing import CliRunner

from worker import bootstrap, tasks
from worker.cli import program
from worker.ledger import upgrade
from worker.ledger.database import Database


class Shop:
    """The command line in this process, on a ledger of its own; nobody works on the jobs."""

    def __init__(self, directory):
        self.directory = directory
        self.runner = CliRunner()

    def run(self, *args, stdin=None):
        return self.runner.invoke(program, args, input=stdin, prog_name="order-worker")

    def told(self, *args):
        """What a command prints with --json."""
        result = self.run(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def asks(self, *args):
        """The id of the job that one `confirm` or `cancel` made."""
        (job,) = self.told(*args)
        return job["id"]

    def file(self, content, name="requests.csv"):
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    @property
    def ledger(self):
        return bootstrap.runtime().ledger


@pytest.fixture
def shop(configured, tmp_path, monkeypatch):
    configured()
    upgrade.ensure(Database(f"sqlite:///{tmp_path}/ledger.db"))  # as on every day but the first
    monkeypatch.setattr(tasks, "publishing", tasks.broker.Publishing())
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Shop(tmp_path)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("worker.broker").setLevel(logging.NOTSET)
