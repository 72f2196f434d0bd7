"""What is refused over HTTP: `application/problem+json` (RFC 9457), a sentence for each fault."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from worker.errors import BadInput, LedgerUnavailable

MEDIA_TYPE = "application/problem+json"
LEDGER_RETRY = 5  # seconds after which a ledger that is away is worth another try
RULES = {"missing": "is not given.", "extra_forbidden": "is no word of this request; leave it out."}


class Fault(BaseModel):
    """One thing to change."""

    field: str = Field(description="A word of the request; where it is one of a list, [n].word.")
    message: str = Field(description="What is wrong with it, and the rule.")


class ProblemDocument(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None


class Problem(Exception):
    """Raised to answer a request with a problem document; `more` are members of it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def document(self) -> dict[str, Any]:
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> JSONResponse:
        return JSONResponse(self.document(), self.status, self.headers, media_type=MEDIA_TYPE)


def of_input(*errors: BadInput, **more: Any) -> Problem:
    """One answer for all that is wrong with a request."""
    faults = [{"field": error.field, "message": error.message} for error in errors]
    detail = " ".join(str(error) for error in errors)
    return Problem(422, detail, errors=faults, **more)


def of_error(error: Exception) -> Problem:
    """The answer to what a request has raised; of a bug, that it is one and no more."""
    match error:
        case Problem():
            return error
        case BadInput():
            return of_input(error)
        case RequestValidationError():
            return of_input(*map(_fault, error.errors()))
        case LedgerUnavailable():
            return Problem(503, str(error), headers={"Retry-After": str(LEDGER_RETRY)})
        case HTTPException(status_code=400):  # FastAPI's, of a body that it cannot parse at all
            return of_input(BadInput("body", "is not JSON in UTF-8."))
        case HTTPException():
            headers = dict(error.headers or {})
            return Problem(error.status_code, f"{error.detail}.", headers=headers)
    return Problem(500, "This is a fault of order-worker's; its log has the details.")


def _fault(found: Mapping[str, Any]) -> BadInput:
    """In the words of a request, what pydantic says; never the value, which may be anything."""
    kind, message = found["type"], found["msg"]
    field = _path(found["loc"])
    if kind == "json_invalid":
        return BadInput("body", "is not JSON.")
    return BadInput(field, RULES.get(kind) or f"{message[:1].lower()}{message[1:]}.")


def _path(loc: Sequence[object]) -> str:
    """`("body", "many", 3, "seller")` as `[3].seller`."""
    path = ""
    for part in loc[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in ("one", "many"):
            path += f".{part}" if path else str(part)
    return path or str(loc[0])


RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that has ended."},
    403: {"description": "The token has not the scope."},
    404: {"description": "There is no such job or order."},
    409: {"description": "The job is in a state in which this cannot be done to it."},
    413: {"description": "The body is too large."},
    422: {"description": "Bad input; `errors` has a sentence for each fault."},
    429: {"description": "Too many requests; `Retry-After` says when to go on."},
    503: {"description": "The ledger is away."},
}
ALWAYS = (401, 403, 422, 429, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the refusals that any request may meet, and these."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return {
        status: {**RESPONSES[status], "content": {MEDIA_TYPE: schema}}
        for status in sorted({*ALWAYS, *statuses})
    }
