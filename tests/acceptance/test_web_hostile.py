"""Whoever sends `order-worker web` what no honest client sends: each a clear answer, and everybody
else is served.
"""

import json
import re
import time
from contextlib import ExitStack

import httpx2
import pytest
from processes import both_providers, opened, until
from wires import wire_to

from worker.web.bounds import LARGEST
from worker.web.serving import MOST_CONNECTIONS

SECONDS = 1.0  # that a head may take, and a body
ORDER = {"task": "confirm", "seller": "acme", "order_id": "S01-8000000-0000001"}
BEGINNING = "GET /healthz HTTP/1.1\r\nHost: shop\r\n"
LAST = "GET /nowhere HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The web of a shop whose jobs nobody works on."""
    with both_providers() as sandbox, opened(tmp_path_factory.mktemp("web"), sandbox.url) as shop:
        shop.configuration(web__request_timeout=f"{SECONDS}s")
        shop.ledger()
        made = shop.order_worker("token", "till", "--scopes", "read,enqueue")
        shop.token = made.stdout.splitlines()[-1]
        shop.web = shop.start("worker", "web", "--port", "0")
        shop.url = until(lambda: re.search(r"http://\S+:\d+", shop.log_of(shop.web)))[0]
        yield shop
        assert serves(shop)
        assert "Traceback" not in shop.log_of(shop.web)


def serves(site):
    with httpx2.Client(base_url=site.url) as client:
        return client.get("/healthz").json() == {"status": "ok"}


def posting(site, length, *more):
    lines = [
        "POST /v1/jobs HTTP/1.1",
        "Host: shop",
        f"Authorization: Bearer {site.token}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""])


def status(answer):
    return int(answer.split(" ", 2)[1])


def problem(answer):
    """The document of an answer that says why it is none."""
    head, _, body = answer.partition("\r\n\r\n")
    assert "application/problem+json" in head.lower()
    return json.loads(body)


def test_a_head_that_drips_is_given_up(site):
    began = time.monotonic()
    with wire_to(site.url) as wire:
        wire.send(BEGINNING)
        told = problem(wire.drip("X-More: and more\r\n", every=0.1))
    assert told["status"] == 408
    assert "The head of the request was not here within 1 seconds." in told["detail"]
    assert SECONDS <= time.monotonic() - began < 4 * SECONDS


def test_a_head_that_drips_behind_an_answered_request_is_given_up_too(site):
    with wire_to(site.url) as wire:
        wire.send(BEGINNING + "\r\n" + BEGINNING)
        first, _, rest = wire.drip("X-More: and more\r\n", every=0.1).partition("HTTP/1.1 408")
    assert status(first) == 200
    assert "was not here" in rest


def test_who_says_nothing_is_told_nothing(site):
    with wire_to(site.url) as wire:
        assert wire.rest(5 * SECONDS) == ""


def test_a_body_that_drips_is_given_up_and_nothing_of_it_is_recorded(site):
    with wire_to(site.url) as wire:
        wire.send(posting(site, 5000))
        told = problem(wire.drip("[", every=0.1))
    assert (told["status"], told["title"]) == (408, "Request Timeout")
    assert recorded(site) == []


def recorded(site):
    with httpx2.Client(base_url=site.url) as client:
        headers = {"Authorization": f"Bearer {site.token}"}
        return [job["order_id"] for job in client.get("/v1/jobs", headers=headers).json()["jobs"]]


def test_who_holds_every_place_is_put_out_and_others_are_served(site):
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(wire_to(site.url)).send(BEGINNING)
        until(lambda: serves_now(site))
    assert serves(site)


def serves_now(site):
    try:
        return httpx2.get(f"{site.url}/healthz", timeout=2.0).status_code == 200
    except httpx2.HTTPError:
        return False


def test_a_body_that_is_too_large_is_refused_before_it_has_come(site):
    with wire_to(site.url) as wire:
        wire.send(posting(site, LARGEST + 1))
        assert problem(wire.rest())["status"] == 413
    with wire_to(site.url) as wire:
        chunk = f"{2**16:x}\r\n{'[' * 2**16}\r\n"
        wire.send(
            posting(site, 0, "Transfer-Encoding: chunked").replace("Content-Length: 0\r\n", "")
        )
        assert problem(wire.drip(chunk, every=0.001))["status"] == 413
    assert recorded(site) == []


MALFORMED = {
    "no HTTP": "hello\r\n\r\n",
    "another protocol": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a large header": f"{BEGINNING}X-Large: {'x' * 2**20}\r\n\r\n",
    "a large path": f"GET /{'x' * 2**20} HTTP/1.1\r\nHost: shop\r\n\r\n",
    "no host": "GET /healthz HTTP/1.1\r\n\r\n",
    "a NUL": f"{BEGINNING}X-Odd: a\0b\r\n\r\n",
    "two lengths": f"{BEGINNING}Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a negative length": f"{BEGINNING}Content-Length: -1\r\n\r\n",
    "a length in words": f"{BEGINNING}Content-Length: many\r\n\r\n",
}


@pytest.mark.parametrize("odd", MALFORMED)
def test_what_is_no_http_is_refused_and_the_connection_closed(site, odd):
    with wire_to(site.url) as wire:
        wire.send(MALFORMED[odd])
        answer = wire.rest()
    assert status(answer) == 400
    assert "connection: close" in answer.lower()


def test_a_request_within_another_ones_body_is_none(site):
    """Two lengths that disagree are how one request is smuggled in another."""
    hidden = f"GET /v1/jobs HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {site.token}\r\n\r\n"
    with wire_to(site.url) as wire:
        wire.send(posting(site, len(hidden), "Transfer-Encoding: chunked", "Connection: close"))
        wire.send(f"0\r\n\r\n{hidden}")
        answers = wire.rest(5)
    assert re.findall(r"HTTP/1\.1 (\d+)", answers) == ["422"]  # of a body that is empty


def test_requests_in_one_go_are_answered_in_their_order(site):
    body = json.dumps(ORDER)
    asks = f"{posting(site, len(body))}{body}"
    with wire_to(site.url) as wire:
        wire.send(f"{BEGINNING}\r\n{asks}{asks}{LAST}")
        answers = wire.rest()
    found = re.findall(r"HTTP/1\.1 (\d+)", answers)
    assert found == ["200", "202", "202", "404"]
    first, second = re.findall(r'"id":"([^"]+)"', answers)
    assert first == second
    assert recorded(site) == [ORDER["order_id"]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "order_worker_session=made-up"},
        {"Authorization": "Bearer ow_made-up"},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"},
        {"Host": "evil.example", "Origin": "https://evil.example"},
    ],
)
def test_nobody_is_somebody_else_by_saying_so(site, headers):
    with httpx2.Client(base_url=site.url, headers=headers) as client:
        assert client.get("/v1/jobs").status_code == 401
        page = client.get("/jobs/x")
        if "Authorization" not in headers:
            assert page.headers["location"] == "/login?next=%2Fjobs%2Fx"
    if "X-Forwarded-For" in headers:
        assert httpx2.get(f"{site.url}/metrics", headers=headers).status_code == 401
