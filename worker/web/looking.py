"""`GET /v1/…`: jobs and orders, as `jobs --json` and `show --json` have them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from worker.bootstrap import Runtime
from worker.domain.retries import Schedule
from worker.errors import BadInput
from worker.ledger import orders, queries
from worker.ledger.filters import Filters
from worker.ledger.ledger import Ledger
from worker.ledger.portraits import Portrait
from worker.settings.values import seconds
from worker.web.deeds import unknown
from worker.web.doorman import Caller, Doorman
from worker.web.places import OrderNamed
from worker.web.problems import Problem, documented
from worker.web.words import Job, Order, Page, Which


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter()
    Reader = Annotated[Caller, Depends(doorman.needs("read"))]  # noqa: N806 - a type

    @routes.get("/v1/jobs", response_model=Page, responses=documented())
    def list_jobs(caller: Reader, which: Annotated[Which, Query()]) -> JSONResponse:  # noqa: ARG001
        """Jobs, the newest first, without buyers' details."""
        found, following = page_of(now, which)
        return JSONResponse({"jobs": found, "next": following})

    @routes.get("/v1/jobs/{job_id:path}", response_model=Job, responses=documented(404))
    def show_job(
        caller: Reader,
        job_id: str,
        details: Annotated[bool, Query(description="With the buyer's; recorded.")] = False,
    ) -> JSONResponse:
        """A job with its history."""
        return JSONResponse(job(now.ledger, job_id, details_for=caller.name if details else None))

    @routes.get(
        "/v1/orders/{seller}/{order_id:path}", response_model=Order, responses=documented(404)
    )
    def show_order(caller: Reader, named: OrderNamed) -> JSONResponse:  # noqa: ARG001
        """An order and its jobs."""
        return JSONResponse(order(now.ledger, *named))

    return routes


def page_of(now: Runtime, which: Which) -> tuple[list[Portrait], str | None]:
    """The jobs of a page, and what the next one begins behind. Raises BadInput."""
    if which.before is not None and queries.id_of(now.ledger, which.before) != which.before:
        raise BadInput("before", "is no job of this ledger: begin with the first page.")
    section = now.settings.retry
    filters = Filters(
        states=which.state,
        seller=which.seller,
        task=which.task,
        order_id=which.order_id,
        before=which.before,
        needs_attention=which.needs_attention,
        schedule=Schedule(section.since, section.at_most) if section else None,
        waiting_for=which.waiting_for,
        since=_seconds("since", which.since),
        until=_seconds("until", which.until),
    )
    found = list(queries.find(now.ledger, filters, which.limit + 1))
    page = found[: which.limit]
    return page, page[-1]["id"] if len(found) > len(page) else None


def job(ledger: Ledger, job_id: str, *, details_for: str | None = None) -> Portrait:
    """The job, with the buyer's details if it is told for whom. Raises Problem (404)."""
    found = queries.id_of(ledger, job_id)
    if found is None:
        raise unknown(job_id)
    if details_for is not None:
        orders.disclose(ledger, found, actor=details_for)
    for portrait in queries.of_ids(ledger, [found], details=details_for is not None):
        return portrait
    raise unknown(job_id)  # forgotten between the two


def order(ledger: Ledger, seller: str, order_id: str) -> Portrait:
    """Raises Problem (404)."""
    found = orders.find(ledger, seller, order_id)
    if found is None:
        sentence = f"The ledger knows no order {order_id:.100} of {seller:.100}."
        raise Problem(404, sentence)
    return found


def _seconds(field: str, value: str | None) -> float | None:
    try:
        return None if value is None else seconds(value)
    except ValueError as error:
        raise BadInput(field, f"{error}.") from None
