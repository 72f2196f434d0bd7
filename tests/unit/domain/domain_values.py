"""Jobs, answers and buckets to decide about. A minute past `NOW` is `NOW + 60`."""

from dataclasses import replace

from worker.domain.bucket import Bucket, BucketSpec
from worker.domain.choices import Circumstances
from worker.domain.jobs import Effect, Job, Policy, Request, State, Step, Task
from worker.domain.outcomes import Answer, Basis, OrderView, Outcome, Standing

NOW = 1_700_000_000.0
POLICY = Policy()

# How an outcome looks when a real provider classified it.
ANSWERS = {
    Outcome.APPLIED: Answer(Outcome.APPLIED, status=200, request_id="r-1"),
    Outcome.THROTTLED: Answer(Outcome.THROTTLED, status=503, code="RequestThrottled"),
    Outcome.REFUSED: Answer(Outcome.REFUSED, message="connection refused", outage=True),
    Outcome.UNKNOWN: Answer(Outcome.UNKNOWN, message="no answer within 10 s", outage=True),
    Outcome.STATE_REFUSED: Answer(Outcome.STATE_REFUSED, status=400, code="E028"),
    Outcome.REJECTED: Answer(
        Outcome.REJECTED, status=400, code="ConstraintsExist", advice="Set the order total."
    ),
    Outcome.DENIED: Answer(Outcome.DENIED, status=403, code="InvalidAccessKeyId", scope="seller"),
    Outcome.CLOCK_EXPIRED: Answer(Outcome.CLOCK_EXPIRED, status=400, code="E003"),
}
APPLIED = ANSWERS[Outcome.APPLIED]
THROTTLED = ANSWERS[Outcome.THROTTLED]
REFUSED = ANSWERS[Outcome.REFUSED]
COME_LATER = Answer(Outcome.REFUSED, status=200, code="E119")
NO_ANSWER = ANSWERS[Outcome.UNKNOWN]
UNCLEAR = Answer(Outcome.UNKNOWN, status=500, code="InternalServerError")
STATE_REFUSED = ANSWERS[Outcome.STATE_REFUSED]
REJECTED = ANSWERS[Outcome.REJECTED]
DENIED = ANSWERS[Outcome.DENIED]


def a_job(
    step: Step = Step.APPLY,
    effect: Effect = Effect.NONE,
    task: Task = Task.CONFIRM,
    **changes: object,
) -> Job:
    """A job that runs, its write sent a second ago."""
    job = Job(
        id="j-1",
        seq=1,
        request=Request(task, "acme", "S01-1", reason="stale" if task is Task.CANCEL else None),
        state=State.RUNNING,
        step=step,
        effect=effect,
        accepted_at=NOW - 60,
        due_at=NOW - 60,
        deadline=NOW + 10_000,
        give_up_at=NOW + 10_000,
        sends=2 if effect is Effect.POSSIBLE else 1,
        sent_at=NOW - 1,
        doubt_since=NOW - 30 if effect is Effect.POSSIBLE else None,
    )
    return replace(job, **changes)


def read(standing: Standing, state: str = "Draft", **changes: object) -> Answer:
    """The answer to a lookup that read the order."""
    order = replace(OrderView("S01-1", state, standing, basis=Basis.OTHER), **changes)
    return replace(APPLIED, order=order)


def at(now: float = NOW, *, can_look_up: bool = True, **changes: object) -> Circumstances:
    return replace(Circumstances(now, can_look_up, token_in=1.0), **changes)


def a_spec(capacity: float = 10.0, rate: float = 1.0, margin: float = 0.0) -> BucketSpec:
    return BucketSpec("k", "acme", "ConfirmOrderReference", capacity, rate, "assumed", margin)


def a_bucket(capacity: float = 10.0, rate: float = 1.0, **changes: object) -> Bucket:
    """An open bucket with one token at `NOW`."""
    bucket = Bucket("k", "acme", "Confirm", capacity, rate, "assumed", level=1.0, level_at=NOW)
    return replace(bucket, **changes)
