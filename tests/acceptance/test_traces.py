"""The trace of the request that asked for a job goes on to each call of its provider."""

import gzip
import http.server
import json
import threading

import pytest
from celery_shop import BROKERS
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from processes import SECRETS, until

from worker.domain.jobs import Task
from worker.ledger.acceptance import Terms
from worker.producers import new_id


class Collector(http.server.ThreadingHTTPServer):
    """Takes spans in by OTLP over HTTP, as a collector of OpenTelemetry does."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Intake)
        self.bodies = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def spans(self):
        """All spans as (service, span)."""
        return [
            (resource.resource.attributes, span)
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def of_trace(self, trace_id):
        return [span for _, span in self.spans if span.trace_id.hex() == trace_id]


class Intake(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        zipped = self.headers.get("Content-Encoding") == "gzip"
        self.server.bodies.append(gzip.decompress(body) if zipped else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def collector():
    with Collector() as one:
        yield one
        one.shutdown()


def attributes(span):
    return {
        each.key.removeprefix("order_worker."): each.value.string_value or each.value.int_value
        for each in span.attributes
    }


def start(shop, collector, *args):
    where = f"http://127.0.0.1:{collector.server_port}"
    return shop.start_worker(
        *args, OTEL_EXPORTER_OTLP_ENDPOINT=where, OTEL_BSP_SCHEDULE_DELAY="200"
    )


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
