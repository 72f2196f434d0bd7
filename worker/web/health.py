"""`/healthz`: the process answers. `/readyz`: so does its ledger. Without a token."""

from typing import Any

from fastapi import APIRouter

from worker.bootstrap import Runtime
from worker.ledger import upgrade
from worker.web.problems import MEDIA_TYPE

AWAY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "The ledger is away, or has another schema.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}


def router(now: Runtime) -> APIRouter:
    routes = APIRouter()

    @routes.get("/healthz")
    async def is_alive() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", responses=AWAY)
    def is_ready() -> dict[str, str]:
        """Raises LedgerUnavailable, whose sentence is for those who may ask more."""
        upgrade.ensure(now.ledger.database)
        return {"status": "ok"}

    return routes
