"""`POST /v1/…/retry`, `/withdraw`, `/keep`: under the token's name."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse

from worker.bootstrap import Runtime
from worker.web import deeds
from worker.web.doorman import Caller, Doorman
from worker.web.looking import job
from worker.web.places import OrderNamed
from worker.web.problems import Problem, documented
from worker.web.words import Job, Keep, Kept, Why

OF_JOB: dict[str, Any] = {"response_model": Job, "responses": documented(404, 409, 413)}


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter()
    Operator = Annotated[Caller, Depends(doorman.needs("operate"))]  # noqa: N806 - a type

    @routes.post("/v1/jobs/{job_id:path}/retry", **OF_JOB)
    def retry_job(
        caller: Operator, job_id: str, words: Annotated[Why | None, Body()] = None
    ) -> JSONResponse:
        """Try a failed job again: the same job, its history kept."""
        refusal = deeds.retry(now, job_id, caller.name, (words or Why()).why)
        return _told(now, job_id, refusal)

    @routes.post("/v1/jobs/{job_id:path}/withdraw", **OF_JOB)
    def withdraw_job(
        caller: Operator, job_id: str, words: Annotated[Why | None, Body()] = None
    ) -> JSONResponse:
        """Take a job back that has had no effect."""
        refusal = deeds.withdraw(now, job_id, caller.name, (words or Why()).why)
        return _told(now, job_id, refusal)

    @routes.post(
        "/v1/orders/{seller}/{order_id:path}/keep",
        response_model=Kept,
        responses=documented(404, 413),
    )
    def keep_order(
        caller: Operator,
        order: OrderNamed,
        words: Annotated[Keep | None, Body()] = None,
    ) -> JSONResponse:
        """Keep an order from the sweeps of stale ones, or release it."""
        seller, order_id = order
        asked = words or Keep()
        changed = deeds.keep(now, *order, caller.name, asked.why, kept=asked.kept)
        told = {"seller": seller, "order_id": order_id, "kept": asked.kept, "changed": changed}
        return JSONResponse(told)

    return routes


def _told(now: Runtime, job_id: str, refusal: str | None) -> JSONResponse:
    if refusal is not None:
        raise Problem(409, f"The job is left as it is: {refusal}.")
    return JSONResponse(job(now.ledger, job_id))
