"""`/login` by token, `/logout`."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from worker.bootstrap import Runtime
from worker.ledger import sessions
from worker.web.doorman import SESSION, Caller, Doorman
from worker.web.pages import visitors
from worker.web.pages.rendering import page
from worker.web.pages.visitors import Filled


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    database = now.ledger.database
    Visitor = Annotated[Caller, Depends(visitors.visitor(doorman))]  # noqa: N806 - a type

    @routes.get("/login")
    def door(request: Request) -> Response:
        target = visitors.local(request.query_params.get("next", "/"))
        return page(request, None, "login.html", target=target, wrong=False)

    @routes.post("/login")
    def log_in(request: Request, form: Filled) -> Response:
        visitors.check_origin(request, None, form)
        target = visitors.local(form.get("next", "/"))
        token = doorman.known(request, form.get("token", "").strip())
        if token is None:
            return page(request, None, "login.html", status=401, target=target, wrong=True)
        response = RedirectResponse(target, 303)
        visitors.enter(request, response, sessions.begin(database, token))
        return response

    @routes.post("/logout")
    def log_out(request: Request, caller: Visitor, form: Filled) -> Response:
        visitors.check_origin(request, caller, form)
        if caller.session is not None:
            sessions.end(database, caller.session)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(SESSION)
        return response

    return routes
