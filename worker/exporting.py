"""Where a worker's spans go: to the collector that OpenTelemetry's own variables name.

`OTEL_EXPORTER_OTLP_ENDPOINT` and the like are read by its library
(https://opentelemetry.io/docs/specs/otel/protocol/exporter/). Without one of them, or in a program
that has made arrangements of its own (`opentelemetry-instrument`), nothing is done here.
"""

import os
import sys

from worker import libraries, logs, traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "order-worker"  # unless OTEL_SERVICE_NAME says otherwise
FLUSH_SECONDS = 3.0  # a collector that is away must not keep a worker from leaving

log = logs.get("worker.exporting")


def begin() -> None:
    """Send this process' spans, and those of its children, in batches from a thread."""
    if not any(map(os.environ.get, ENDPOINTS)):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("no traces", error=libraries.sentence("Their export", str(error.name)))
        return
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: SERVICE}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def end() -> None:
    """Send what is left: a child of the prefork pool ends without a word to its libraries."""
    if traces.LIBRARY not in sys.modules:
        return  # nobody has made a span
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(timeout_millis=int(FLUSH_SECONDS * 1000))
