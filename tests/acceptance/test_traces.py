"""The trace of the request that asked for a job goes on to each call of its provider."""

import json
import re

import httpx2
import pytest
from celery_shop import BROKERS
from collectors import Collector, attributes, exporting_to
from opentelemetry.sdk.trace import TracerProvider
from processes import SECRETS, until

from worker.domain.jobs import Task
from worker.ledger.acceptance import Terms
from worker.producers import new_id


@pytest.fixture
def collector():
    with Collector() as one:
        yield one
        one.shutdown()


def start(shop, collector, *args):
    return shop.start_worker(*args, **exporting_to(collector))


def ask(shop, order_id):
    """As a shop's web request does, within its span; the trace's id and the span's."""
    now = shop.ledger()
    with TracerProvider().get_tracer("a shop").start_as_current_span("checkout") as span:
        request = now.producers.request(Task.CONFIRM, (order_id,), {"seller": "acme"})
        now.producers.accept(request, Terms(new_id(), "producer", may_publish=False))
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def test_it_goes_on_through_its_waits(shop, sandbox, collector):
    shop.configuration(amazon_quota=(1.0, 2.0), worker__patience="1ms")
    worker = start(shop, collector)
    asked = [ask(shop, f"S01-0000000-000000{number}") for number in range(3)]
    sandbox.add_fault(match={"operation": "ConfirmOrderReference"}, answer={"status": 500}, times=1)

    def done(trace_id):
        spans = collector.of_trace(trace_id)
        return any(attributes(each).get("state") == "succeeded" for each in spans)

    until(lambda: all(done(trace_id) for trace_id, _ in asked))
    outcomes = []
    for trace_id, checkout in asked:
        spans = collector.of_trace(trace_id)
        runs = {each.span_id: each for each in spans if each.name == "confirm"}
        assert {each.parent_span_id.hex() for each in runs.values()} == {checkout}
        calls = [each for each in spans if each.span_id not in runs]
        assert {each.parent_span_id for each in calls} <= set(runs)
        assert len(runs) >= 2  # the confirm, and its details after a wait
        outcomes += [attributes(each)["outcome"] for each in calls]
        log = shop.log_of(worker).splitlines()
        lines = [json.loads(line) for line in log if line.startswith("{")]
        told = [line["event"] for line in lines if line.get("trace_id") == trace_id]
        assert {"attempt", "job"} <= set(told)
    assert "unknown" in outcomes
    services = {each.value.string_value for named, _ in collector.spans for each in named}
    assert "order-worker" in services
    whole = b"".join(collector.bodies).decode(errors="replace")
    for secret in [*SECRETS.values(), "Jane Doe", "Sample Street", "555-0100"]:
        assert secret not in whole


def test_it_comes_in_over_http(shop, collector):
    shop.ledger()
    token = shop.order_worker("token", "till", "--scopes", "enqueue").stdout.splitlines()[-1]
    process = shop.start("worker", "web", "--port", "0", **exporting_to(collector))
    start(shop, collector)
    url = until(lambda: re.search(r"http://\S+:\d+", shop.log_of(process)))[0]
    trace_id, checkout = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{trace_id}-{checkout}-01"}
    words = {"task": "confirm", "seller": "acme", "order_id": "S01-0000000-0000001"}
    assert httpx2.post(f"{url}/v1/jobs", json=words, headers=headers).status_code == 202

    def spans():
        found = {each.name: each for each in collector.of_trace(trace_id)}
        return found if {"POST /v1/jobs", "confirm", "ConfirmOrderReference"} <= set(found) else {}

    found = until(spans)
    request, run = found["POST /v1/jobs"], found["confirm"]
    assert request.parent_span_id.hex() == checkout
    every = [(each.name, each.span_id.hex()) for each in collector.of_trace(trace_id)]
    assert run.parent_span_id == request.span_id, every
    assert found["ConfirmOrderReference"].trace_id.hex() == trace_id


@pytest.mark.usefixtures("brokers_alone")
def test_it_goes_on_in_the_children_of_a_pool(shop, collector):
    shop.configuration(broker__url=BROKERS["redis"])
    worker = start(shop, collector, "--pool", "prefork")
    trace_id, _ = ask(shop, "S01-0000000-0000001")
    calls = until(
        lambda: [each for each in collector.of_trace(trace_id) if each.name.startswith("Confirm")]
    )
    assert attributes(calls[0])["outcome"] == "applied"
    worker.terminate()
    worker.wait(20)
