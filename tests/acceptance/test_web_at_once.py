"""Two people press the same button at the same moment, on each database."""

import re
from functools import partial

import httpx2
import pytest
from processes import until

from tests.conformance.steps import REFUSED, at_once, hold, settle
from worker.domain.jobs import Task
from worker.ledger import queries
from worker.ledger.acceptance import Terms
from worker.producers import new_id
from worker.web.doorman import SESSION

ROUNDS = 8
WHO = ("ann", "bob")


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request, shop):
    """The web of a shop with failed jobs, whose ids it has, and two operators."""
    if request.param == "postgresql":
        shop.environ["ORDER_WORKER_LEDGER__URL"] = request.getfixturevalue("postgresql")
    shop.now = shop.ledger()
    shop.failed = [fail(shop.now, number) for number in range(ROUNDS)]
    shop.tokens = {
        name: shop.order_worker("token", name, "--scopes", "read,operate").stdout.splitlines()[-1]
        for name in WHO
    }
    web = shop.start("worker", "web", "--port", "0")
    shop.url = until(lambda: re.search(r"http://\S+:\d+", shop.log_of(web)))[0]
    return shop


def fail(now, number):
    words = ((f"S01-9000000-{number:07}",), {"seller": "acme"})
    request = now.producers.request(Task.CONFIRM, *words)
    terms = Terms(new_id(), "producer", may_publish=False)
    job_id = now.producers.accept(request, terms).job_id
    settle(now.ledger, hold(now.ledger, job_id), REFUSED, max_attempts=1)
    return job_id


def retries(site, job_id):
    (job,) = queries.of_ids(site.now.ledger, [job_id])
    return [each["actor"] for each in job["transitions"] if each["from"] == "failed"]


def test_one_of_two_programs_retries_a_job_and_the_other_is_told_why_not(site):
    headers = [{"Authorization": f"Bearer {site.tokens[name]}"} for name in WHO]
    clients = [httpx2.Client(base_url=site.url, headers=each) for each in headers]
    for job_id in site.failed:
        presses = [partial(each.post, f"/v1/jobs/{job_id}/retry") for each in clients]
        answers = at_once(presses)
        assert sorted(each.status_code for each in answers) == [200, 409]
        (winner,) = (name for name, each in zip(WHO, answers, strict=True) if each.is_success)
        assert retries(site, job_id) == [winner]
        (refused,) = (each.json() for each in answers if each.is_error)
        assert "it is still open" in refused["detail"]
    for each in clients:
        each.close()


def test_one_of_two_people_retries_a_job_and_the_other_sees_why_not(site):
    browsers = [httpx2.Client(base_url=site.url) for _ in WHO]
    for name, browser in zip(WHO, browsers, strict=True):
        browser.post("/login", data={"token": site.tokens[name]})
        assert SESSION in browser.cookies
    for job_id in site.failed:
        presses = [
            partial(each.post, f"/jobs/{job_id}/retry", data=csrf(each.get(f"/jobs/{job_id}")))
            for each in browsers
        ]
        answers = at_once(presses)
        assert sorted(each.status_code for each in answers) == [303, 409]
        (winner,) = (name for name, each in zip(WHO, answers, strict=True) if not each.is_error)
        assert retries(site, job_id) == [winner]
        (refused,) = (each for each in answers if each.is_error)
        assert "The job is left as it is: it is still open" in refused.text
    for each in browsers:
        each.close()


def csrf(page):
    return {"csrf": re.search(r'name="csrf" value="([^"]+)"', page.text)[1], "why": "at once"}
