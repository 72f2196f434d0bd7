"""`/jobs`, each view a link; `/jobs/ID` and `/orders/SELLER/ORDER_ID`, with what can be done."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from worker.bootstrap import Runtime
from worker.domain.jobs import FINAL, State, Task, WaitingFor
from worker.domain.remedies import to_do
from worker.errors import BadInput
from worker.web import deeds, looking, timeline
from worker.web.doorman import Caller, Doorman
from worker.web.pages import visitors
from worker.web.pages.rendering import page
from worker.web.pages.visitors import Filled
from worker.web.places import OrderNamed
from worker.web.words import Which

OPEN_EVERY, DONE_EVERY = 2.0, 10.0  # seconds
DONE = {
    "retry": "The job is tried again.",
    "withdraw": "The job is withdrawn.",
    "keep": "The order is kept: no sweep cancels it.",
    "release": "The sweeps may have the order again.",
}
FOR_SOMEBODY = ("rejected", "failed")
CHOICES = {"state": list(State), "task": list(Task), "waiting_for": list(WaitingFor)}
LISTS = ("state", "waiting_for")


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    Visitor = Annotated[Caller, Depends(visitors.visitor(doorman))]  # noqa: N806 - types
    Operator = Annotated[Caller, Depends(visitors.visitor(doorman, "operate"))]  # noqa: N806

    @routes.get("/jobs")
    def list_jobs(request: Request, caller: Visitor) -> Response:
        which = _which(request)
        found, following = looking.page_of(now, which)
        told = [{**job, "to_do": _to_do(job)} for job in found]
        shown = which.model_dump(mode="json", exclude_defaults=True)
        return page(
            request,
            caller,
            "jobs.html",
            every=0.0 if which.before else OPEN_EVERY,
            jobs=told,
            following=following,
            asked=shown,
            choices=CHOICES,
            sellers=list(now.sellers),
        )

    @routes.get("/jobs/{job_id:path}")
    def show_job(request: Request, caller: Visitor, job_id: str) -> Response:
        return _job(request, caller, looking.job(now.ledger, job_id))

    @routes.post("/jobs/{job_id:path}/details")
    def show_details(request: Request, caller: Visitor, job_id: str, form: Filled) -> Response:
        """A form, so that nothing but a person asks: it is recorded who did."""
        visitors.check_origin(request, caller, form)
        job = looking.job(now.ledger, job_id, details_for=caller.name)
        return _job(request, caller, job, with_details=True)

    @routes.post("/jobs/{job_id:path}/{deed}")
    def act(request: Request, caller: Operator, job_id: str, deed: str, form: Filled) -> Response:
        visitors.check_origin(request, caller, form)
        do = {"retry": deeds.retry, "withdraw": deeds.withdraw}.get(deed)
        if do is None:
            raise deeds.unknown(f"{job_id}/{deed}")
        refusal = do(now, job_id, caller.name, form.get("why", ""))
        if refusal is None:
            return RedirectResponse(f"/jobs/{quote(job_id, safe='')}?done={deed}", 303)
        job = looking.job(now.ledger, job_id)
        return _job(request, caller, job, refusal=refusal, status=409)

    @routes.get("/orders/{seller}/{order_id:path}")
    def show_order(request: Request, caller: Visitor, named: OrderNamed) -> Response:
        order = looking.order(now.ledger, *named)
        done = DONE.get(request.query_params.get("done", ""), "")
        return page(request, caller, "order.html", every=OPEN_EVERY, order=order, done=done)

    @routes.post("/orders/{seller}/{order_id:path}/{deed}")
    def keep(
        request: Request, caller: Operator, named: OrderNamed, deed: str, form: Filled
    ) -> Response:
        visitors.check_origin(request, caller, form)
        if deed not in ("keep", "release"):
            raise deeds.unknown(f"{named[1]}/{deed}")
        seller, order_id = named
        deeds.keep(now, *named, caller.name, form.get("why", ""), kept=deed == "keep")
        path = f"/orders/{quote(seller, safe='')}/{quote(order_id, safe='/')}"
        return RedirectResponse(f"{path}?done={deed}", 303)

    return routes


def _which(request: Request) -> Which:
    """The filters of a form, whose empty fields do not matter. Raises BadInput."""
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if value.strip():
            given[name] = [*given.get(name, []), value] if name in LISTS else value.strip()
    try:
        return Which.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(str(first["loc"][0]), f"{first['msg']}.") from None


def _job(
    request: Request,
    caller: Caller,
    job: Mapping[str, Any],
    *,
    refusal: str = "",
    with_details: bool = False,
    status: int = 200,
) -> Response:
    is_final = job["state"] in FINAL
    every = DONE_EVERY if is_final else OPEN_EVERY
    return page(
        request,
        caller,
        "job.html",
        status=status,
        # What was shown to somebody who asked is not asked for again by a script.
        every=0.0 if with_details or refusal else every,
        job=job,
        events=timeline.events(job),
        receipt=timeline.receipt(job),
        next_step=timeline.next_step(job),
        is_final=is_final,
        to_do=_to_do(job),
        refusal=refusal,
        with_details=with_details,
        done=DONE.get(request.query_params.get("done", ""), ""),
        retryable=job["state"] == State.FAILED,
        withdrawable=job["state"] == State.WAITING and job["effect"] == "none",
    )


def _to_do(job: Mapping[str, Any]) -> str:
    """What somebody has to do about a job; nothing, where nobody has to."""
    waits = job["waiting_for"] in (WaitingFor.BUYER, WaitingFor.CREDENTIALS)
    if job["state"] in FOR_SOMEBODY or waits:
        return to_do(job["error"], job["waiting_for"])
    return ""
