"""Plain Celery behind the framework that we have: a job is published, and that is all."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.plain import confirm


class Words(BaseModel):
    """As ours, of a confirm."""

    task: str
    seller: str
    order_id: str


def application() -> FastAPI:
    """`uvicorn --factory benchmarks.peers.website:application`."""
    app = FastAPI()

    @app.post("/v1/jobs", status_code=202)
    def ask_for_jobs(words: Words | list[Words]) -> Any:
        listed = words if isinstance(words, list) else [words]
        return [{"id": confirm.delay(each.order_id, seller=each.seller).id} for each in listed]

    return app
