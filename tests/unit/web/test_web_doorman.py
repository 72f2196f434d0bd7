"""Who may ask what: tokens, scopes, rates."""

import pytest

from worker.ledger import tokens
from worker.web.rates import Rates

ASKED = {
    "read": [("GET", "/v1/jobs"), ("GET", "/v1/jobs/x"), ("GET", "/v1/orders/acme/x")],
    "enqueue": [("POST", "/v1/jobs")],
    "operate": [
        ("POST", "/v1/jobs/x/retry"),
        ("POST", "/v1/jobs/x/withdraw"),
        ("POST", "/v1/orders/acme/x/keep"),
    ],
}
EVERY = [(scope, *asked) for scope, each in ASKED.items() for asked in each]


@pytest.mark.parametrize(("scope", "method", "path"), EVERY)
def test_without_a_token_nothing_is_answered(web, scope, method, path):
    answer = web.client().request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("scope", "method", "path"), EVERY)
def test_a_token_without_the_scope_is_told_which_it_needs(web, scope, method, path):
    others = [each for each in ASKED if each != scope]
    answer = web.client(web.token(*others)).request(method, path)
    assert answer.status_code == 403
    assert f"needs the scope {scope}" in answer.json()["detail"]


def test_a_token_that_is_none_any_more_is_refused(web):
    secret, other = web.token("read", name="a"), web.token("read", name="b", expires_in=1e-9)
    client = web.client(secret)
    assert client.get("/v1/jobs").status_code == 200
    tokens.revoke(web.ledger.database, "a")
    for ended in (secret, other, "ow_made-up", "", "\u20ac", "x" * 10_000):
        headers = {"Authorization": f"Bearer {ended}".encode()}
        assert web.client().get("/v1/jobs", headers=headers).status_code == 401


@pytest.mark.parametrize("header", ["Basic eDp5", "Bearer", "bearer  ", "Token x", "ow_x"])
def test_a_header_that_is_no_bearers_is_none(web, header):
    answer = web.client().get("/v1/jobs", headers={"Authorization": header})
    assert answer.status_code == 401


def test_whoever_tries_many_tokens_has_to_wait_and_others_have_not(web):
    client = web.client()
    codes = [
        client.get("/v1/jobs", headers={"Authorization": f"Bearer ow_{number}"}).status_code
        for number in range(40)
    ]
    assert codes[0] == 401
    assert codes[-1] == 429
    right = web.token("read")
    assert web.client(right, client=("10.0.0.1", 1)).get("/v1/jobs").status_code == 200
    assert web.client(right).get("/v1/jobs").headers["retry-after"]


def test_one_token_may_ask_so_often_and_no_other_is_held_up(web, monkeypatch):
    monkeypatch.setenv("ORDER_WORKER_WEB__BURST", "3")
    monkeypatch.setenv("ORDER_WORKER_WEB__REQUESTS_PER_SECOND", "0.001")
    from worker.settings import load
    from worker.web.application import application

    limited = load().web
    assert (limited.burst, limited.requests_per_second) == (3.0, 0.001)
    object.__setattr__(web.now.settings, "web", limited)
    web.app = application(web.now)
    busy, calm = web.client(web.token("read", name="a")), web.client(web.token("read", name="b"))
    assert [busy.get("/v1/jobs").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert int(busy.get("/v1/jobs").headers["retry-after"]) > 900
    assert calm.get("/v1/jobs").status_code == 200


def test_a_rate_is_a_burst_and_then_so_many_a_second():
    clock = [0.0]
    rates = Rates(2.0, 0.5, lambda: clock[0])
    assert [rates.take("a") for _ in range(3)] == [0, 0, 2]
    assert rates.take("b") == 0
    clock[0] = 2.0
    assert [rates.take("a") for _ in range(2)] == [0, 2]


def test_health_needs_no_token(web):
    client = web.client()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_readiness_is_that_of_the_ledger(web, tmp_path):
    client = web.client()
    web.ledger.database.engine.dispose()
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    (tmp_path / "ledger.db").write_bytes(b"this is no database" * 100)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert client.get("/healthz").status_code == 200
    assert client.get("/v1/jobs", headers={"Authorization": "Bearer x"}).status_code == 503


def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere(web, till):
    for answer in (till.get("/v1/jobs"), till.get("/nowhere"), till.get("/healthz")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
