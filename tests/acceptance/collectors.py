"""A collector of spans, as OpenTelemetry's exporters reach one."""

import gzip
import http.server
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


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


def attributes(span):
    return {
        each.key.removeprefix("order_worker."): each.value.string_value or each.value.int_value
        for each in span.attributes
    }


def exporting_to(collector):
    """What a process' environment says of where its spans go."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
