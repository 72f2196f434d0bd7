"""A process follows its configuration: each change whole, or not at all."""

import os

import pytest

from worker import bootstrap, rereading
from worker.errors import BadInput

SECOND = """
[sellers.second]
provider = "seller_center"
endpoint = "http://127.0.0.1:9"
user_id = "second@example.com"
api_key = { file = "KEY" }
"""


@pytest.fixture
def path(configured, provider, monkeypatch):
    monkeypatch.setattr(rereading, "EVERY", 0.0)
    path = configured(provider.url)
    bootstrap.runtime()
    return path


@pytest.fixture
def key(tmp_path):
    """The file of the second seller's key, which is not there yet."""
    return tmp_path / "second.key"


def change(path, text):
    """Write a file that has been still for a while."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns - 10**10))


def with_second(path, key):
    change(path, path.read_text() + SECOND.replace("KEY", str(key)))


def quota(capacity):
    now = bootstrap.runtime()
    (spec,) = (s for s in now.sellers.of_seller("acme") if s.operation == "ConfirmOrderReference")
    assert spec.capacity == capacity
    return spec


def test_a_new_seller_is_known_to_whoever_has_the_objects_already(path, key):
    now = bootstrap.runtime()
    change(key, "not-a-real-key")
    with_second(path, key)
    assert "second" in bootstrap.runtime().sellers
    assert "second" in now.ledger.routes.sellers()
    assert now.producers.request("cancel", ("4711", "second"), {"reason": "x"}).seller == "second"


def test_a_seller_that_is_gone_is_refused_at_the_door_and_its_calls_end(path, key):
    change(key, "not-a-real-key")
    before = path.read_text()
    with_second(path, key)
    provider = bootstrap.runtime().sellers["second"]
    change(path, before)
    now = bootstrap.runtime()
    with pytest.raises(BadInput, match="'second' is not configured"):
        now.producers.request("cancel", ("4711", "second"), {"reason": "x"})
    assert now.sellers["second"] is provider  # for the call that is under way
    assert now.sellers.of_seller("second") == ()


def test_a_changed_quota_is_of_a_later_reading(path):
    before = quota(1000.0)
    change(path, path.read_text().replace("capacity = 1000.0", "capacity = 7"))
    assert quota(7.0).read_at > before.read_at


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[sellers", "line 1"),
        ("[worker]\npatience = 'soon'\n", "worker.patience"),
        ("[sellers.acme]\nprovider = 'nobody'\n", "nobody"),
        ("", "no seller"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing_and_is_told_once(path, caplog, text, mistake):
    good = path.read_text()
    change(path, text)
    for _ in range(3):
        quota(1000.0)
    told = [record.getMessage() for record in caplog.records if "is refused" in record.message]
    assert len(told) == 1
    assert mistake in told[0]
    change(path, good.replace("capacity = 1000.0", "capacity = 7"))
    quota(7.0)


def test_a_seller_whose_key_is_missing_is_refused_until_the_key_is_there(path, key, caplog):
    with_second(path, key)
    assert "second" not in bootstrap.runtime().sellers
    assert "does not exist" in caplog.text
    change(key, "not-a-real-key")
    assert "second" in bootstrap.runtime().sellers


def test_what_a_process_is_built_on_stays_and_is_named(path, caplog):
    was = bootstrap.runtime().settings
    text = path.read_text().replace("ledger.db", "other.db")
    change(path, text + "\n[retry]\nevery = '1m'\nsince = '1h'\nat_most = 1\n")
    now = bootstrap.runtime()
    assert now.settings.ledger == was.ledger
    assert "ledger.url" in caplog.text
    assert 60.0 in bootstrap.sweeps(now).every().values()


def test_a_file_that_is_being_written_is_left_alone(path):
    path.write_text(path.read_text().replace("capacity = 1000.0", "capacity = 7"))
    quota(1000.0)  # somebody may not have written all of it
    quota(7.0)  # it has stood still from one look to the next
