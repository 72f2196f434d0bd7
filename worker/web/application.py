"""The web application: routes, refusals, bounds and headers, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from worker.bootstrap import Runtime
from worker.errors import OrderWorkerError
from worker.web import acting, health, intake, looking, metrics, problems
from worker.web.bounds import Bounds
from worker.web.doorman import Doorman
from worker.web.headers import SafeHeaders
from worker.web.pages import jobs, login, overview, quotas, rendering
from worker.web.rates import Rates
from worker.web.tallies import Tallies

DESCRIPTION = "Confirms and cancels orders at their payment providers, as fast as these permit."
FOR_PROGRAMS = ("/v1", "/healthz", "/readyz", "/metrics")
REFUSED = (RequestValidationError, HTTPException, OrderWorkerError, problems.Problem, Exception)


def application(now: Runtime) -> FastAPI:
    """The ASGI application of a configuration, on a ledger that is there."""
    web = now.settings.web
    doorman = Doorman(now.ledger.database, Rates(web.burst, web.requests_per_second))
    tallies = Tallies(now.ledger)

    @asynccontextmanager
    async def followed(_app: FastAPI) -> AsyncIterator[None]:
        tallies.start()
        yield
        tallies.stop()

    app = FastAPI(
        lifespan=followed,
        title="order-worker",
        version=version("order-worker"),
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in (
        intake.router(now, doorman),
        looking.router(now, doorman),
        acting.router(now, doorman),
        health.router(now),
        metrics.router(now, doorman),
        login.router(now, doorman),
        overview.router(now, doorman, tallies),
        jobs.router(now, doorman),
        quotas.router(now, doorman),
        rendering.assets(),
    ):
        app.include_router(router)
    for kind in REFUSED:
        app.add_exception_handler(kind, _refused)
    app.add_middleware(Bounds, seconds=web.request_timeout)
    app.add_middleware(SafeHeaders)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Programs are told in JSON, people by a page."""
    problem = problems.of_error(error)
    if request.url.path.startswith(FOR_PROGRAMS):
        return problem.response()
    return rendering.refused(request, problem)


def _document(app: FastAPI) -> dict[str, Any]:
    """With our refusals in the place of FastAPI's own."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = problems.ProblemDocument.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        schemas.update(problem.pop("$defs"))
        schemas["ProblemDocument"] = problem
        app.openapi_schema = document
    return app.openapi_schema
