"""The OpenAPI document is what the application does. schemathesis asks as it says and otherwise."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

# A schema cannot say what a seller's provider takes for an order, nor which ids there are.
NOT_OURS = ("positive_data_acceptance", "max_response_time")
EXAMPLES = 15
ORDER = {"seller": "acme", "order_id": "S01-1234567-1234567"}
JOB = {"task": "confirm", **ORDER}


@pytest.fixture
def schema(web):
    document = schemathesis.openapi.from_asgi("/v1/openapi.json", web.app)
    document.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return document


@pytest.fixture
def headers(web):
    return {"Authorization": f"Bearer {web.token('read', 'enqueue', 'operate')}"}


def test_whatever_is_asked_the_answer_is_documented_and_no_fault_of_ours(schema, headers):
    checks = [check for check in CHECKS.get_all() if check.__name__ not in NOT_OURS]
    asked = set()

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def asks(case):
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=checks, headers=headers)
            asked.add(case.operation.label)

        asks()
    assert len(asked) == 9


def test_what_is_answered_to_a_good_request_has_the_documented_form(schema, headers, till):
    job_id = till.post("/v1/jobs", json=JOB).json()["id"]
    of_job = {"path_parameters": {"job_id": job_id}}
    script = [
        ("/v1/jobs", "POST", {"body": JOB}, 202),
        ("/v1/jobs", "POST", {"body": [JOB, JOB]}, 202),
        ("/v1/jobs", "GET", {"query": {"state": "waiting"}}, 200),
        ("/v1/jobs/{job_id}", "GET", of_job, 200),
        ("/v1/jobs/{job_id}/retry", "POST", of_job, 409),
        ("/v1/jobs/{job_id}/withdraw", "POST", of_job, 200),
        ("/v1/jobs/{job_id}", "GET", of_job, 200),
        ("/v1/orders/{seller}/{order_id}/keep", "POST", {"path_parameters": ORDER}, 200),
        ("/v1/orders/{seller}/{order_id}", "GET", {"path_parameters": ORDER}, 200),
    ]
    for path, method, words, status in script:
        more = {"media_type": "application/json"} if "body" in words else {}
        case = schema[path][method].Case(**words, **more)
        answer = case.call(headers=headers)
        assert answer.status_code == status, answer.text
        case.operation.validate_response(answer)
