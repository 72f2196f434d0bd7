"""Replies of the provider, made from the vectors' words, and the jobs they answer."""

import tomllib
from pathlib import Path

from worker.domain.jobs import Effect, Job, Request, State, Step, Task
from worker.providers.transport import HttpReply

VECTORS = Path(__file__).parents[3] / "vectors" / "amazon_pay"
NOW = 1_683_356_889.0  # 2023-05-06T07:08:09Z
DATE = "Sat, 06 May 2023 07:08:09 GMT"
REQUEST_ID = "11111111-2222-4333-8444-555555555555"


def vectors(name: str) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads((VECTORS / name).read_text())


def reply(status: int, body: str | bytes = b"", complete: bool = True, **headers: str) -> HttpReply:
    raw = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status, named, raw, complete)


def error(status: int, code: str, message: str = "", **headers: str) -> HttpReply:
    inside = f"<Code>{code}</Code><Message>{message}</Message>"
    return reply(status, f"<ErrorResponse><Error>{inside}</Error></ErrorResponse>", **headers)


def order(
    state: str, inside: str = "", order_id: str = "S01-1234567-1234567", more: str = ""
) -> str:
    return (
        '<GetOrderReferenceDetailsResponse xmlns="https://mws.amazonservices.com/schema/'
        'OffAmazonPayments/2013-01-01"><GetOrderReferenceDetailsResult><OrderReferenceDetails>'
        f"{more}<AmazonOrderReferenceId>{order_id}</AmazonOrderReferenceId>"
        f"<OrderReferenceStatus><State>{state}</State>{inside}</OrderReferenceStatus>"
        "</OrderReferenceDetails></GetOrderReferenceDetailsResult>"
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
        "</GetOrderReferenceDetailsResponse>"
    )


def job(
    task: Task,
    reason: str | None = None,
    sent_at: float | None = NOW,
    step: Step = Step.DOUBT,
    **request: str,
) -> Job:
    return Job(
        id="job",
        seq=1,
        request=Request(task, "acme", "S01-1234567-1234567", reason=reason, **request),
        state=State.RUNNING,
        step=step,
        effect=Effect.POSSIBLE,
        accepted_at=NOW,
        due_at=NOW,
        deadline=NOW + 3600,
        give_up_at=NOW + 3600,
        sent_at=sent_at,
    )
