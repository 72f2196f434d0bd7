"""`order-worker web` as a process of its own, beside a worker."""

import re
import signal

import httpx2
import pytest
from processes import until

ORDER = "S01-1234567-1234567"
CONFIRM = {"task": "confirm", "seller": "acme", "order_id": ORDER}


@pytest.fixture
def token(shop):
    shop.ledger()
    return shop.order_worker("token", "till", "--scopes", "read,enqueue").stdout.splitlines()[-1]


def started(shop, *args, **env):
    process = shop.start("worker", "web", *args, **env)
    listens = until(lambda: re.search(r"http://\S+:\d+", shop.log_of(process)))
    return process, listens[0]


def test_a_job_that_came_over_http_is_confirmed_by_a_worker(shop, sandbox, token):
    shop.start_worker()
    process, url = started(shop, "--port", "0")
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        job = client.post("/v1/jobs", json=CONFIRM).json()
        done = until(
            lambda: (
                (found := client.get(f"/v1/jobs/{job['id']}", params={"details": "1"}).json())[
                    "state"
                ]
                == "succeeded"
                and found
            )
        )
        assert done["receipt"]["details"]
        again = client.get(f"/v1/jobs/{job['id']}").json()
        assert "details" not in again["receipt"]
        shown = [each for each in again["transitions"] if each["to"] == "shown"]
        assert {(each["subject"], each["actor"]) for each in shown} == {("details", "till")}
    assert sandbox.order(ORDER)["accepted"]["ConfirmOrderReference"] == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert token not in shop.log_of(process)


def test_the_port_is_the_platforms_and_one_that_is_taken_is_said(shop, token):
    _, url = started(shop, PORT="0")
    assert httpx2.get(f"{url}/v1/jobs").status_code == 401
    port = url.rpartition(":")[2]
    refused = shop.order_worker("web", "--port", port)
    assert refused.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
