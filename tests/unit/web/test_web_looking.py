"""`GET /v1/…` and the deeds: jobs, orders, pages, retry, withdraw, keep."""

import pytest

from worker.ledger import queries

ORDER = "S01-1234567-123456"


@pytest.fixture
def asked(till):
    """Seven jobs, the oldest first."""
    words = [
        {"task": "confirm", "seller": "acme", "order_id": f"{ORDER}{number}"} for number in range(6)
    ]
    words.append({"task": "cancel", "seller": "mall", "order_id": "77", "reason": "SHORTAGE"})
    return till.post("/v1/jobs", json=words).json()


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def test_pages_follow_one_another_without_a_gap(till, asked):
    found, before = [], None
    while before or not found:
        page = till.get("/v1/jobs", params={"limit": 3, **({"before": before} if before else {})})
        found += ids(page)
        before = page.json()["next"]
    assert found == [job["id"] for job in reversed(asked)]


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({"seller": "mall"}, [6]),
        ({"task": "cancel"}, [6]),
        ({"order_id": f"{ORDER}2"}, [2]),
        ({"state": ["waiting", "failed"], "limit": 2}, [6, 5]),
        ({"state": "failed"}, []),
        ({"waiting_for": "turn", "seller": "mall"}, [6]),
        ({"since": "1h", "seller": "mall"}, [6]),
        ({"until": "1h"}, []),
        ({"needs_attention": "true"}, []),
    ],
)
def test_jobs_are_found_by_each_filter(till, asked, params, places):
    assert ids(till.get("/v1/jobs", params=params)) == [asked[place]["id"] for place in places]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"state": "cancelled"}, "state[0]"),
        ({"sate": "failed"}, "sate"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"before": "made-up"}, "before"),
        ({"before": ""}, "before"),
        ({"since": "yesterday"}, "since"),
        ({"until": "-1h"}, "until"),
        ({"waiting_for": "godot"}, "waiting_for[0]"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_and_not_passed_over(till, asked, params, field):
    answer = till.get("/v1/jobs", params=params)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_job_is_told_by_its_id_and_an_unknown_one_is_not_there(web, till, asked):
    job = till.get(f"/v1/jobs/{asked[0]['id']}").json()
    assert job == queries.of_ids(web.ledger, [asked[0]["id"]])[0]
    for name in ("made-up", "<b>", "%00", "x" * 5000):
        answer = till.get(f"/v1/jobs/{name}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_order_has_its_jobs_and_who_kept_it(till, asked):
    path = f"/v1/orders/acme/{ORDER}0"
    kept = till.post(f"{path}/keep", json={"why": "a phone call"})
    assert kept.json() == {
        "seller": "acme",
        "order_id": f"{ORDER}0",
        "kept": True,
        "changed": True,
    }
    assert till.post(f"{path}/keep").json()["changed"] is False
    order = till.get(path).json()
    assert [job["id"] for job in order["jobs"]] == [asked[0]["id"]]
    assert order["kept_by"] == "till"
    assert [(each["to"], each["actor"], each["why"]) for each in order["done"]] == [
        ("kept", "till", "a phone call")
    ]
    released = till.post(f"{path}/keep", json={"kept": False})
    assert (released.json()["kept"], released.json()["changed"]) == (False, True)
    assert till.get(path).json()["kept_at"] is None


def test_an_order_of_another_seller_is_another(till, asked):
    assert till.get(f"/v1/orders/mall/{ORDER}0").status_code == 404
    assert till.get("/v1/orders/mall/77").status_code == 200
    assert till.post("/v1/orders/nobody/77/keep").status_code == 422
    assert till.post("/v1/orders/acme/%3Cb%3E/keep").status_code == 422


def test_a_job_is_withdrawn_once_under_the_tokens_name(till, asked):
    path = f"/v1/jobs/{asked[0]['id']}/withdraw"
    job = till.post(path, json={"why": "a mistake"}).json()
    last = job["transitions"][-1]
    assert (job["state"], last["actor"], last["why"]) == ("withdrawn", "till", "a mistake")
    again = till.post(path)
    assert (again.status_code, again.json()) == (200, job)


def test_what_cannot_be_retried_is_left_alone_and_says_why(till, asked):
    answer = till.post(f"/v1/jobs/{asked[0]['id']}/retry")
    assert answer.status_code == 409
    assert "it is still open" in answer.json()["detail"]
    assert till.post("/v1/jobs/made-up/retry").status_code == 404
    assert till.post("/v1/jobs/made-up/withdraw").status_code == 404


@pytest.mark.parametrize("why", ["x" * 501, "a\x1bb", "\0"])
def test_a_why_is_short_plain_text(till, asked, why):
    answer = till.post(f"/v1/jobs/{asked[0]['id']}/withdraw", json={"why": why})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "why")
    assert till.get(f"/v1/jobs/{asked[0]['id']}").json()["state"] == "waiting"
