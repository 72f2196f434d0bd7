"""`/quotas`: every bucket, what waits for it, and its requests against what is permitted."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from worker.bootstrap import Runtime
from worker.ledger import calls, standings
from worker.ledger.calls import SLOT_SECONDS, SLOTS, Calls
from worker.ledger.standings import MOST_READY
from worker.web import plots
from worker.web.doorman import Caller, Doorman
from worker.web.pages import visitors
from worker.web.pages.rendering import page

EVERY = 2.0  # seconds
ASSUMED = "assumed"


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    Visitor = Annotated[Caller, Depends(visitors.visitor(doorman))]  # noqa: N806 - a type

    @routes.get("/quotas")
    def look(request: Request, caller: Visitor) -> Response:
        made = calls.recent(now.ledger)
        nominal = {(spec.seller, spec.operation): spec.rate for spec in now.ledger.routes.all()}
        found = []
        for quota in standings.quotas(now.ledger):
            of = (quota["seller"], quota["operation"])
            found.append(_told(quota, made.get(of) or Calls(), nominal.get(of)))
        return page(
            request,
            caller,
            "quotas.html",
            every=EVERY,
            quotas=sorted(found, key=_place),
            size=(plots.WIDTH, plots.HEIGHT),
            minutes=SLOTS * SLOT_SECONDS / 60,
            most=MOST_READY,
        )

    return routes


def _place(quota: Mapping[str, Any]) -> tuple[int, str, str]:
    """What is held back first, then what is in use."""
    in_use = bool(quota["requests"] or quota["ready"])
    place = 0 if quota["closed_for"] else 1 if in_use else 2
    return place, quota["seller"], quota["operation"]


def _told(quota: Mapping[str, Any], made: Calls, nominal: float | None) -> dict[str, Any]:
    """A bucket with its plot, in requests a second; the line is what it permits in the long run."""
    rate = quota["restore_rate"]
    rates = [count / SLOT_SECONDS for count in made.slots]
    top = plots.top_of(rates, [rate * 1.25], least=rate * 1.25)
    busy = [count for count in made.slots if count]
    return {
        **quota,
        "nominal": rate if nominal is None else nominal,
        "is_configured": nominal is not None,
        "assumed": quota["source"] == ASSUMED,
        "drained_in": quota["ready"] / (quota["learned_rate"] or rate) if quota["ready"] else None,
        "requests": sum(made.slots),
        "throttles_per_success": made.throttles_per_success,
        "plot": plots.area(rates, top) if busy else "",
        "permitted": plots.height(rate, top),
        "filled": round(100 * min(1.0, quota["tokens"] / quota["capacity"]), 1),
    }
