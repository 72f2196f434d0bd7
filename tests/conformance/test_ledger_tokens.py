import pytest

from worker.errors import BadInput
from worker.ledger import sessions, tokens


def test_a_token_opens_a_session_until_it_is_revoked(ledger):
    database = ledger.database
    secret = tokens.create(database, "till", ["operate", "read"], actor="operator")
    token = tokens.find(database, secret)
    assert (token.name, token.scopes, token.created_by) == ("till", {"read", "operate"}, "operator")
    assert tokens.find(database, f"{secret}x") is None
    session = sessions.begin(database, token)
    assert sessions.find(database, session) == token
    assert tokens.revoke(database, "till")
    assert not tokens.revoke(database, "till")
    assert sessions.find(database, session) is None
    assert tokens.find(database, secret) is None


def test_a_name_is_one_live_tokens(ledger):
    first = tokens.create(ledger.database, "till", ["read"], actor="operator")
    with pytest.raises(BadInput, match="revoke that one"):
        tokens.create(ledger.database, "till", ["read"], actor="operator")
    assert tokens.find(ledger.database, first)
    tokens.revoke(ledger.database, "till")
    second = tokens.create(ledger.database, "till", ["read"], actor="operator")
    assert [each.revoked_at is None for each in tokens.every(ledger.database)] == [False, True]
    assert tokens.find(ledger.database, second)


def test_a_session_can_be_ended_by_itself(ledger):
    tokens.create(ledger.database, "till", ["read"], actor="operator")
    (token,) = tokens.every(ledger.database)
    first, second = (sessions.begin(ledger.database, token) for _ in range(2))
    sessions.end(ledger.database, first)
    assert sessions.find(ledger.database, first) is None
    assert sessions.find(ledger.database, second) == token


def test_what_asks_with_odd_text_is_nobody(ledger):
    for odd in ("", "\0", "\ud800", "ow_", "x" * 100_000):
        assert tokens.find(ledger.database, odd) is None
        assert sessions.find(ledger.database, odd) is None
