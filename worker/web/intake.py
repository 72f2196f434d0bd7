"""`POST /v1/jobs`: what a producer does with `delay`, over HTTP; a job goes on with the trace of
the request (https://www.w3.org/TR/trace-context/).

A list is checked as a whole before any of it is recorded. What only the ledger can refuse, a key
that belongs to another request, is said beside the ids of the jobs that were recorded: asking
again for all of them finds those by their keys.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse
from starlette.requests import Request as HttpRequest

from worker import broker, traces
from worker.app import app as celery
from worker.bootstrap import Runtime
from worker.domain.jobs import Request, Task
from worker.errors import BadInput
from worker.ledger import queries
from worker.ledger.acceptance import Accepted, Terms
from worker.producers import new_id
from worker.web.doorman import Caller, Doorman
from worker.web.problems import documented, of_input
from worker.web.words import Job, JobWords, OneOrMany

ACCEPTED = {"model": Job | list[Job], "description": "Recorded, or found by its key."}
KEY_OF_ONE = "is one job's, and this is a list: give each job its own key."
TWO_KEYS = "is not the key in the body; leave one of them out."


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/jobs", status_code=202, responses={202: ACCEPTED, **documented(413)})
    def ask_for_jobs(
        request: HttpRequest,
        words: OneOrMany,
        caller: Annotated[Caller, Depends(doorman.needs("enqueue"))],
        idempotency_key: Annotated[str | None, Header(description="The job's key.")] = None,
    ) -> JSONResponse:
        """Ask for a job, or for a list of them; asking twice gives the same job."""
        given = words if isinstance(words, list) else [words]
        listed = _keyed(given, idempotency_key, is_list=isinstance(words, list))
        context = traces.of_headers(request.headers)
        with traces.span("POST /v1/jobs", "SERVER", context, actor=caller.name):
            ids = _record(now, listed, caller.name, traces.current() or context)
        told = queries.of_ids(now.ledger, ids)
        return JSONResponse(told if isinstance(words, list) else told[0], 202)

    return routes


def _keyed(listed: Sequence[JobWords], key: str | None, *, is_list: bool) -> Sequence[JobWords]:
    """With the header's key. Raises BadInput where it does not fit."""
    if key is None:
        return listed
    if is_list:
        raise BadInput("Idempotency-Key", KEY_OF_ONE)
    if listed[0].key not in (None, key):
        raise BadInput("Idempotency-Key", TWO_KEYS)
    return [listed[0].model_copy(update={"key": key})]


def _record(
    now: Runtime, listed: Sequence[JobWords], actor: str, trace: dict[str, str] | None
) -> list[str]:
    """The ids of the jobs that answer. Raises Problem with all that is wrong, LedgerUnavailable."""
    checked = [_request(now, place, words) for place, words in enumerate(listed)]
    _refuse([each for each in checked if isinstance(each, BadInput)], len(listed))
    requests = [each for each in checked if isinstance(each, Request)]
    published = broker.reaches_a_worker(celery.conf.broker_url)
    terms = [
        Terms(
            job_id=new_id(),
            actor=actor,
            new_id=True,
            again=words.again,
            may_publish=published,
            trace=trace,
        )
        for words in listed
    ]
    answers = now.producers.accept_each(list(zip(requests, terms, strict=True)))
    refused: list[BadInput] = []
    ids: list[str] = []
    for place, (request, accepted) in enumerate(zip(requests, answers, strict=True)):
        if isinstance(accepted, BadInput):
            refused.append(_placed(accepted, place))
            continue
        _publish(accepted, request)
        ids.append(accepted.job_id)
    _refuse(refused, len(listed), accepted=ids)
    return ids


def _request(now: Runtime, place: int, words: JobWords) -> Request | BadInput:
    given: dict[str, Any] = words.model_dump(exclude={"task", "again"}, exclude_none=True)
    try:
        return now.producers.request(Task(words.task), (), given)
    except BadInput as error:
        return _placed(error, place)


def _publish(accepted: Accepted, request: Request) -> None:
    """The first of a bucket may run now; a dispatcher finds all others in their turn."""
    if accepted.runs_now:
        celery.tasks[f"worker.{request.task}"].announce(accepted.job_id, request)


def _placed(error: BadInput, place: int) -> BadInput:
    return BadInput(f"[{place}].{error.field}", error.message)


def _refuse(errors: list[BadInput], asked: int, **more: Any) -> None:
    """Raise Problem if there is an error; the one of a single job has no place in a list."""
    if not errors:
        return
    if asked == 1:
        errors = [BadInput(errors[0].field.removeprefix("[0]."), errors[0].message)]
    raise of_input(*errors, **more)
