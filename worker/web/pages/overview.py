"""`/`: in ten seconds, whether orders are being confirmed and what needs a person."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from worker.bootstrap import Runtime
from worker.domain.jobs import State
from worker.ledger import attendance, overview
from worker.ledger.minutes import MINUTE, Minute
from worker.ledger.portraits import time
from worker.web import looking, plots
from worker.web.doorman import Caller, Doorman
from worker.web.pages import visitors
from worker.web.pages.rendering import page
from worker.web.tallies import RANGES, Range, Tallies
from worker.web.words import Which

EVERY = 2.0  # seconds
LISTED = 6  # jobs that need a person
ENDINGS = (State.SUCCEEDED, State.REJECTED, State.FAILED, State.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Plots:
    """Of one range: curves as paths, their tops, and the numbers of now for those who read."""

    accepted: str
    finished: str
    troubled: str
    rate_top: float
    accepted_now: float
    finished_now: float
    usual: str
    slow: str
    seconds_top: float
    usual_now: float | None
    slow_now: float | None
    begins: str
    ends: str
    is_whole: bool


def router(now: Runtime, doorman: Doorman, tallies: Tallies) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    Visitor = Annotated[Caller, Depends(visitors.visitor(doorman))]  # noqa: N806 - a type

    @routes.get("/")
    def look(request: Request, caller: Visitor) -> Response:
        wanted = RANGES.get(request.query_params.get("range", ""), RANGES["hour"])
        seen = overview.look(now.ledger)
        attention, more = looking.page_of(now, Which(needs_attention=True, limit=LISTED))
        hour = Minute()
        for step in tallies.series(RANGES["hour"], seen.now):
            hour.add(step)
        return page(
            request,
            caller,
            "overview.html",
            every=EVERY,
            seen=seen,
            most=overview.MOST,
            waiting=sum(seen.waiting.values()),
            attention=attention,
            more=more is not None,
            no_worker=attendance.nobody_works(now.ledger, now.sellers),
            endings={str(state): hour.ended.get(state, 0) for state in ENDINGS},
            plots=_plots(tallies, wanted, seen.now),
            wanted=wanted.name,
            ranges=list(RANGES),
            size=(plots.WIDTH, plots.HEIGHT),
        )

    return routes


def _plots(tallies: Tallies, wanted: Range, now: float) -> Plots:
    series = tallies.series(wanted, now)
    last = int(now / MINUTE) // wanted.minutes * wanted.minutes * MINUTE
    begins = last - (wanted.steps - 1) * wanted.minutes * MINUTE
    # The last step is not over: what it has so far came within fewer minutes.
    minutes = [float(wanted.minutes)] * (wanted.steps - 1) + [max(0.5, (now - last) / MINUTE)]
    known = [begins + place * wanted.minutes * MINUTE for place in range(wanted.steps)]
    read = [
        tallies.begins is not None and at + wanted.minutes * MINUTE > tallies.begins for at in known
    ]

    def rates(counts: list[int]) -> list[float | None]:
        each = zip(counts, minutes, read, strict=True)
        return [count / length if is_read else None for count, length, is_read in each]

    accepted = rates([step.accepted for step in series])
    finished = rates([step.finished for step in series])
    troubled = rates(
        [step.ended.get(State.REJECTED, 0) + step.ended.get(State.FAILED, 0) for step in series]
    )
    usual = [step.quantile(0.5) for step in series]
    slow = [step.quantile(0.95) for step in series]
    rate_top, seconds_top = plots.top_of(accepted, finished), plots.top_of(usual, slow, least=0.1)
    return Plots(
        accepted=plots.line(accepted, rate_top),
        finished=plots.area(finished, rate_top),
        troubled=plots.area(troubled, rate_top) if any(troubled) else "",
        rate_top=rate_top,
        accepted_now=_latest(accepted) or 0.0,
        finished_now=_latest(finished) or 0.0,
        usual=plots.line(usual, seconds_top),
        slow=plots.line(slow, seconds_top),
        seconds_top=seconds_top,
        usual_now=_latest(usual),
        slow_now=_latest(slow),
        begins=str(time(begins)),
        ends=str(time(now)),
        is_whole=all(read),
    )


def _latest(values: list[Any]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)
