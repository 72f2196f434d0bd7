"""Templates and assets: everything that a page shows is in this package, and escaped."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from worker.domain.telling import lasting
from worker.web import timeline
from worker.web.doorman import Caller
from worker.web.pages import visitors
from worker.web.problems import Problem

ASSETS = {
    "style.css": "text/css",
    "live.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
CONTENTS = {name: (files("worker.web") / "static" / name).read_bytes() for name in ASSETS}
VERSION = hashlib.sha256(b"".join(CONTENTS.values())).hexdigest()[:12]
A_YEAR = "public, max-age=31536000, immutable"
SHORT = 8  # characters of a job's id

environment = Environment(
    loader=PackageLoader("worker.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request,
    caller: Caller | None,
    template: str,
    *,
    status: int = 200,
    every: float = 0.0,
    **words: Any,
) -> HTMLResponse:
    """A page; `every` so many seconds a script looks for what has changed, 0: never."""
    shown = environment.get_template(template).render(
        path=request.url.path,
        caller=caller,
        csrf=visitors.csrf(caller) if caller else "",
        every=every,
        **words,
    )
    return HTMLResponse(shown, status)


def refused(request: Request, problem: Problem) -> Response:
    """A problem as a page; whoever is not known is led to the door."""
    if problem.status == visitors.UNKNOWN and request.method == "GET":
        return visitors.to_login(request)
    response = page(request, None, "problem.html", status=problem.status, problem=problem)
    response.headers.update(problem.headers)
    return response


def assets() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name}")
    async def asset(name: str) -> Response:
        if name not in ASSETS:
            raise HTTPException(404)
        headers = {"Cache-Control": A_YEAR}
        return Response(CONTENTS[name], media_type=ASSETS[name], headers=headers)

    return routes


def _clock(iso: str | None) -> str:
    """The time of day, in UTC."""
    return "" if iso is None else iso[11:19]


def _moment(iso: str | None) -> str:
    return "" if iso is None else iso[:19].replace("T", " ")


def _fine(iso: str) -> str:
    return iso[11:23]


def _query(words: Mapping[str, Any], **changed: Any) -> str:
    """A query string of what is not empty, with some of it changed."""
    merged = {**words, **changed}
    return urlencode({name: value for name, value in merged.items() if value not in (None, "", [])})


def _number(value: float) -> str:
    """`0.4`, `12`, `5 000`: three figures, thousands apart."""
    if value < 10 and value != int(value):  # noqa: PLR2004
        return f"{value:.2g}"
    return f"{value:,.0f}".replace(",", "\u2009")


def _flat(value: object, name: str = "") -> list[tuple[str, str]]:
    """Nested words as lines: `("address city", "Berlin")`."""
    if isinstance(value, Mapping):
        return [line for key, part in value.items() for line in _flat(part, f"{name} {key}")]
    if isinstance(value, list | tuple):
        return [line for part in value for line in _flat(part, name)]
    words = name.strip().replace("_", " ")
    if isinstance(value, bool):
        return [(words, "yes" if value else "no")]
    return [] if value in (None, "") else [(words, str(value))]


environment.globals["asset"] = lambda name: f"/static/{name}?{VERSION}"
environment.filters.update(
    clock=_clock,
    moment=_moment,
    fine=_fine,
    lasting=lasting,
    number=_number,
    flat=_flat,
    query=_query,
    segment=lambda text: quote(text, safe=""),
    path=lambda text: quote(text, safe="/"),
    short=lambda job_id: job_id[:SHORT],
    outcome=timeline.outcome,
    words=lambda text: str(text).replace("_", " "),
    seconds_until=lambda iso, now: max(0.0, datetime.fromisoformat(iso).timestamp() - now),
)
