"""`/metrics`, read by the parser of prometheus-client, against a ledger that has worked."""

import json
import re
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.steps import APPLIED, THROTTLED, hold, settle
from worker.domain.jobs import Task
from worker.errors import LedgerUnavailable
from worker.ledger.acceptance import Terms
from worker.web import measures

CONFIG = Path(__file__).parents[3] / "config"
ORDER = "S01-1234567-123456"
CONFIRMS = ("ConfirmOrderReference", "acme")


def scraped(client, **headers):
    """Each sample by its name and its labels' values, sorted."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def local(web):
    """A scraper on this machine, without a token, that has scraped once."""
    with TestClient(web.app, "http://testserver", client=("127.0.0.1", 50000)) as client:
        scraped(client)
        yield client


def ask(till, number):
    words = {"task": "confirm", "seller": "acme", "order_id": f"{ORDER}{number}"}
    answer = till.post("/v1/jobs", json=words)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def test_counters_follow_what_happens(web, till, local):
    first, second = ask(till, 1), ask(till, 2)
    settle(web.ledger, hold(web.ledger, first), APPLIED, lookup_after_confirm=False)
    settle(web.ledger, hold(web.ledger, second), THROTTLED)
    for _ in range(2):  # nothing is counted twice
        found = scraped(local)
        assert found["order_worker_jobs_accepted_total", "acme", "confirm"] == 2
        assert found["order_worker_jobs_finished_total", "acme", "confirm", "succeeded"] == 1
        assert found["order_worker_attempts_total", *CONFIRMS, "applied"] == 1
        assert found["order_worker_attempts_total", *CONFIRMS, "throttled"] == 1
        assert found["order_worker_attempt_duration_seconds_count", *CONFIRMS] == 2
        assert found["order_worker_attempt_duration_seconds_bucket", "+Inf", *CONFIRMS] == 2


def test_counters_begin_at_nought_so_that_the_first_of_a_kind_is_an_increase(local):
    found = scraped(local)
    assert found["order_worker_jobs_accepted_total", "acme", "cancel"] == 0
    assert found["order_worker_jobs_finished_total", "acme", "confirm", "rejected"] == 0
    assert found["order_worker_attempts_total", *CONFIRMS, "unknown"] == 0
    assert found["order_worker_lease_recoveries_total", "acme"] == 0


def test_gauges_say_how_things_stand(web, till, local):
    hold(web.ledger, ask(till, 1))
    ask(till, 2)
    found = scraped(local)
    assert found["order_worker_jobs_running",] == 1
    assert found["order_worker_jobs_waiting", "turn"] == 1
    assert found["order_worker_workers",] == 1
    assert found["order_worker_jobs_in_doubt",] == 0
    assert found["order_worker_oldest_waiting_job_age_seconds",] > 0
    assert found["order_worker_oldest_ready_job_age_seconds",] > 0
    assert found["order_worker_bucket_in_flight", *CONFIRMS] == 1
    assert found["order_worker_bucket_ready_jobs", *CONFIRMS] == 1
    capacity = found["order_worker_bucket_capacity_tokens", *CONFIRMS]
    assert capacity - 1 <= found["order_worker_bucket_tokens", *CONFIRMS] <= capacity
    nominal = found["order_worker_bucket_nominal_tokens_per_second", *CONFIRMS]
    assert found["order_worker_bucket_tokens_per_second", *CONFIRMS] == nominal
    utilised = found["order_worker_bucket_utilisation_ratio", *CONFIRMS]
    assert utilised == pytest.approx(1 / (60 * nominal))


def test_a_seller_that_nobody_has_configured_makes_no_label(web, local):
    terms = Terms(job_id="odd", actor="message", may_publish=False)
    web.now.producers.accept_foreign(Task.CONFIRM, ("x",), {"seller": "z" * 99}, terms)
    found = scraped(local)
    assert found["order_worker_jobs_accepted_total", measures.ELSE, "confirm"] == 1
    assert not [name for name in found if "z" * 99 in name]


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("10.0.0.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.7"}),
        ("nowhere", {}),
    ],
)
def test_from_elsewhere_it_needs_a_token_with_the_scope(web, address, headers):
    with TestClient(web.app, "http://testserver", client=(address, 50000)) as client:
        assert client.get("/metrics", headers=headers).status_code == 401
        wrong = {"Authorization": f"Bearer {web.token('enqueue')}"}
        assert client.get("/metrics", headers=headers | wrong).status_code == 403
        right = {"Authorization": f"Bearer {web.token('read')}"}
        assert scraped(client, **headers, **right)


def test_while_the_ledger_is_away_the_scrape_fails(local, monkeypatch):
    def away(*_words):
        raise LedgerUnavailable("The ledger cannot be reached.")

    monkeypatch.setattr(measures.overview, "look", away)
    assert local.get("/metrics").status_code == 503


def test_openmetrics_is_spoken_to_who_asks_for_it(local):
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = local.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
def test_what_is_shipped_asks_for_metrics_that_there_are(web, till, local, name):
    settle(web.ledger, hold(web.ledger, ask(till, 1)), THROTTLED)
    there = {sample[0] for sample in scraped(local)}
    families = {each.name for each in measures.Measures(web.now).collect()}
    text = (CONFIG / name).read_text(encoding="utf-8")
    assert (json.loads if name.endswith("json") else yaml.safe_load)(text)
    asked = set(re.findall(r"order_worker_\w+", text))
    assert {name for name in asked - there if name.removesuffix("_total") not in families} == set()
