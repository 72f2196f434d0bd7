"""OpenTelemetry, where it is installed: the trace of whoever asked goes on with the job.

A job keeps the W3C trace context (https://www.w3.org/TR/trace-context/) of the call that has
recorded it, so that each run is a span of that trace, however long it has waited, and each call of
the provider a span of its run. Without the library nothing is lost: the context is kept from a
message's headers all the same, and its trace id stands in the log.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

OURS = "order-worker"  # the name of the tracer
LIBRARY = "opentelemetry.trace"
PARENT, STATE = "traceparent", "tracestate"
# Version 00 and what later ones have to begin with; all zeros are no trace and no span.
FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
LONGEST_STATE = 512  # characters, which have to be passed on


def current() -> dict[str, str] | None:
    """The context of the span that this call is made in; None if there is none.

    Who has a span has loaded the library: a producer that has none does not load it for us.
    """
    if LIBRARY not in sys.modules:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return of_headers(headers)


def of_headers(headers: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The context that a message, a request or a row carries; None for what is none."""
    headers = headers or {}
    parent, state = headers.get(PARENT), headers.get(STATE)
    if not isinstance(parent, str) or not FORM.match(parent):
        return None
    if not isinstance(state, str) or not 0 < len(state) <= LONGEST_STATE:
        return {PARENT: parent[:55]}
    return {PARENT: parent[:55], STATE: state}


def ids(context: Mapping[str, str] | None) -> dict[str, str]:
    """What a log line says of the present trace, or of a context's where there is none."""
    return of_context(current() or context)


def of_context(context: Mapping[str, str] | None) -> dict[str, str]:
    """What a log line says of the trace of a context."""
    found = of_headers(context)
    return {"trace_id": found[PARENT].split("-")[1]} if found else {}


@contextmanager
def span(
    name: str, kind: str, context: Mapping[str, str] | None = None, **attributes: Any
) -> Iterator[None]:
    """A span of the trace of `context`, or else of the present span. `kind` is OpenTelemetry's
    word: CONSUMER around a run of a job, CLIENT around a call of its provider.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        yield
        return
    known = of_headers(context)
    above = TraceContextTextMapPropagator().extract(known) if known else None
    with trace.get_tracer(OURS).start_as_current_span(
        name,
        above,
        trace.SpanKind[kind],
        record_exception=False,  # its words may hold what no trace may
        set_status_on_exception=False,
    ):
        tell(**attributes)
        yield


def tell(**attributes: Any) -> None:
    """Give attributes to the present span, if there is one; None says nothing."""
    if LIBRARY in sys.modules:
        from opentelemetry import trace

        for name, value in attributes.items():
            if value is not None:
                trace.get_current_span().set_attribute(f"order_worker.{name}", value)
