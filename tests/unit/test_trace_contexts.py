"""The trace context that a job keeps, with and without OpenTelemetry."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider

from worker import traces

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"

# Of https://www.w3.org/TR/trace-context/, 3.2.2 and 3.3.
NONE = [
    {},
    {"traceparent": None},
    {"traceparent": 7},
    {"traceparent": ""},
    {"traceparent": f"ff-{TRACE}-{SPAN}-01"},
    {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
    {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
    {"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"},
    {"traceparent": f"00-{TRACE}-{SPAN}"},
    {"traceparent": f"\n00-{TRACE}-{SPAN}-01"},
    {"tracestate": "a=b"},
]


@pytest.mark.parametrize("headers", NONE)
def test_what_is_no_trace_context_is_passed_over(headers):
    assert traces.of_headers(headers) is None


def test_a_context_is_kept_with_its_state():
    context = {"traceparent": PARENT, "tracestate": "congo=t61rcWkgMzE"}
    assert traces.of_headers({**context, "other": "words"}) == context
    assert traces.ids(context) == {"trace_id": TRACE}


@pytest.mark.parametrize("state", [None, 3, "", "x" * 513])
def test_a_state_that_need_not_be_passed_on_is_left_out(state):
    assert traces.of_headers({"traceparent": PARENT, "tracestate": state}) == {
        "traceparent": PARENT
    }


def test_of_a_later_version_only_what_is_known_is_kept():
    assert traces.of_headers({"traceparent": f"01{PARENT[2:]}-more-of-it"}) == {
        "traceparent": f"01{PARENT[2:]}"
    }


def test_the_present_span_is_the_context():
    assert traces.current() is None
    tracer = TracerProvider().get_tracer("a shop")
    with tracer.start_as_current_span("checkout") as span:
        found = traces.current()
    assert found["traceparent"].split("-")[1:3] == [
        f"{span.get_span_context().trace_id:032x}",
        f"{span.get_span_context().span_id:016x}",
    ]


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from worker import traces
with traces.span("confirm", "CONSUMER", {"traceparent": "%s"}, seller="acme"):
    traces.tell(outcome="applied")
print(traces.current(), traces.ids({"traceparent": "%s"}))
"""


def test_without_the_library_there_are_no_spans_and_the_trace_is_told_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT % (PARENT, PARENT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"None {{'trace_id': '{TRACE}'}}\n", done.stderr


def test_a_producer_without_spans_does_not_load_the_library():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, worker.app; print('opentelemetry' in sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("context", [*NONE, {"traceparent": [PARENT]}, None])
def test_a_row_that_was_edited_by_hand_makes_a_trace_of_its_own(context):
    assert traces.ids(context) == {}
    with traces.span("confirm", "CONSUMER", context):
        traces.tell(outcome="applied")
