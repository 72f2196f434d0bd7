"""`POST /v1/jobs`: what is accepted, what is refused, and that asking twice is asking once."""

import json

import pytest

from worker.ledger import queries, withdrawals
from worker.ledger.filters import Filters
from worker.web import bounds

ORDER = "S01-1234567-1234567"
CONFIRM = {"task": "confirm", "seller": "acme", "order_id": ORDER}
CANCEL = {
    "task": "cancel",
    "seller": "mall",
    "order_id": "10937342",
    "reason": "SHORTAGE",
    "parent_order_id": "4711",
    "priority": 5,
}


def jobs(web):
    return list(queries.find(web.ledger, Filters(), 1000))


def problem(answer, status=422):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    return told


def test_a_job_is_accepted_and_told_as_show_tells_it(web, till):
    answer = till.post("/v1/jobs", json=CONFIRM)
    assert answer.status_code == 202
    job = answer.json()
    assert (job["state"], job["order_id"], job["priority"]) == ("waiting", ORDER, 0)
    assert job["transitions"][0]["actor"] == "till"
    assert job == queries.of_ids(web.ledger, [job["id"]])[0]


def test_all_words_reach_the_ledger(till):
    job = till.post("/v1/jobs", json=CANCEL).json()
    assert {word: job[word] for word in CANCEL} == CANCEL


def test_asking_twice_gives_the_same_job(web, till):
    first, second = (till.post("/v1/jobs", json=CONFIRM).json()["id"] for _ in range(2))
    assert first == second
    assert len(jobs(web)) == 1


def test_the_key_is_the_bodys_or_the_headers(web, till):
    keyed = till.post("/v1/jobs", json=CONFIRM, headers={"Idempotency-Key": "4711"})
    again = till.post("/v1/jobs", json={**CONFIRM, "key": "4711"})
    both = {"json": {**CONFIRM, "key": "4711"}, "headers": {"Idempotency-Key": "4711"}}
    assert keyed.json()["id"] == again.json()["id"] == till.post("/v1/jobs", **both).json()["id"]
    assert len(jobs(web)) == 1


def test_a_key_with_other_arguments_is_refused(web, till):
    first = till.post("/v1/jobs", json={**CONFIRM, "key": "4711"}).json()["id"]
    told = problem(till.post("/v1/jobs", json={**CONFIRM, "order_id": f"{ORDER}0", "key": "4711"}))
    assert told["errors"][0]["field"] == "key"
    assert first in told["detail"]
    assert "another order_id" in told["detail"]
    assert len(jobs(web)) == 1


def test_a_list_is_answered_by_a_list_in_its_order(till):
    asked = [{**CONFIRM, "order_id": f"S01-0000000-000000{number}"} for number in range(5)]
    answer = till.post("/v1/jobs", json=asked)
    assert answer.status_code == 202
    assert [job["order_id"] for job in answer.json()] == [words["order_id"] for words in asked]


def test_a_list_with_a_fault_is_refused_as_a_whole_and_each_fault_is_named(web, till):
    asked = [CONFIRM, {**CONFIRM, "seller": "nobody"}, {**CANCEL, "success_url": "x"}]
    told = problem(till.post("/v1/jobs", json=asked))
    assert [fault["field"] for fault in told["errors"]] == ["[1].seller", "[2].success_url"]
    assert jobs(web) == []


def test_what_only_the_ledger_can_refuse_is_told_beside_what_was_recorded(web, till):
    till.post("/v1/jobs", json={**CONFIRM, "key": "4711"})
    asked = [{**CONFIRM, "order_id": f"{ORDER}{n}", "key": k} for n, k in ((1, "a"), (2, "4711"))]
    told = problem(till.post("/v1/jobs", json=asked))
    assert [fault["field"] for fault in told["errors"]] == ["[1].key"]
    (recorded,) = told["accepted"]
    assert queries.of_ids(web.ledger, [recorded])[0]["order_id"] == f"{ORDER}1"


@pytest.mark.parametrize(
    ("words", "field", "said"),
    [
        ({**CONFIRM, "seller": "nobody"}, "seller", "'nobody' is not configured"),
        ({"task": "confirm", "seller": "acme"}, "order_id", "is not given"),
        ({**CONFIRM, "order_id": ""}, "order_id", "is empty"),
        ({**CONFIRM, "order_id": "<script>"}, "order_id", ""),
        ({**CONFIRM, "order_id": 17}, "order_id", "string"),
        ({**CONFIRM, "order_id": "a\0b"}, "order_id", "NUL"),
        ({**CONFIRM, "task": "ship"}, "task", "'confirm' or 'cancel'"),
        ({**CONFIRM, "reason": "x"}, "reason", "is for cancel only"),
        ({**CONFIRM, "colour": "red"}, "colour", "no word of this request"),
        ({**CONFIRM, "priority": 2**31}, "priority", "less than"),
        ({**CONFIRM, "priority": "1"}, "priority", "integer"),
        ({**CONFIRM, "priority": True}, "priority", "integer"),
        ({**CONFIRM, "key": ""}, "key", "at least 1"),
        ({**CONFIRM, "key": "x" * 256}, "key", "at most 255"),
        ([], "body", "at least 1"),
        ("confirm", "body", "valid dictionary"),
        (None, "body", ""),
        ([[]], "[0]", "valid dictionary"),
        ([CONFIRM] * 501, "body", "at most 500"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_for_its_word(web, till, words, field, said):
    told = problem(till.post("/v1/jobs", json=words))
    assert told["errors"][0]["field"] == field
    assert said in told["errors"][0]["message"]
    assert jobs(web) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"task": "confirm", "seller": "acme", "order_id": "\\ud800"}',
        b'{"priority": 1e999}',
        b"task=confirm",
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "text/plain", None])
def test_a_body_that_is_no_json_is_refused(web, till, body, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    problem(till.post("/v1/jobs", content=body, headers=headers))
    assert jobs(web) == []


def test_a_key_is_not_a_lists_nor_two_keys_one(web, till):
    headers = {"Idempotency-Key": "a"}
    problem(till.post("/v1/jobs", json=[CONFIRM], headers=headers))
    problem(till.post("/v1/jobs", json={**CONFIRM, "key": "b"}, headers=headers))
    problem(till.post("/v1/jobs", json=CONFIRM, headers={"Idempotency-Key": "x" * 300}))
    assert jobs(web) == []


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(web, till):
    large = json.dumps({**CONFIRM, "reason": "x" * bounds.LARGEST}).encode()
    problem(till.post("/v1/jobs", content=large), 413)
    problem(till.post("/v1/jobs", content=iter([large[:1000], large[1000:]])), 413)
    assert jobs(web) == []


def test_asking_anew_after_the_job_was_withdrawn_makes_another(web, till):
    first = till.post("/v1/jobs", json=CONFIRM).json()["id"]
    withdrawals.withdraw(web.ledger, first, "somebody", "no")
    assert till.post("/v1/jobs", json={**CONFIRM, "again": True}).json()["id"] != first
