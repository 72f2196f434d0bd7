import pytest
from fastapi.testclient import TestClient

from worker import bootstrap, tasks
from worker.ledger import tokens
from worker.web.application import application

SCOPES = ("read", "enqueue", "operate")


class Callers:
    """The web of a ledger, and who asks it."""

    def __init__(self):
        self.now = bootstrap.runtime()
        self.app = application(self.now)

    @property
    def ledger(self):
        return self.now.ledger

    def token(self, *scopes, name=None, **more):
        """The secret of a new token."""
        named = name or "-".join(scopes)
        return tokens.create(self.ledger.database, named, scopes, actor="tests", **more)

    def client(self, secret=None, base_url="http://testserver", **more):
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return TestClient(self.app, base_url, headers=headers, follow_redirects=False, **more)


@pytest.fixture
def sections():
    """What a test adds to the configuration."""
    return ""


@pytest.fixture
def web(configured, sections, monkeypatch):
    """The web of a new ledger; nobody works on its jobs."""
    with configured().open("a") as file:
        file.write(sections)
    monkeypatch.setattr(tasks, "publishing", tasks.broker.Publishing())
    return Callers()


@pytest.fixture
def till(web):
    """A caller with all scopes, whose token is called till."""
    with web.client(web.token(*SCOPES, name="till")) as client:
        yield client
