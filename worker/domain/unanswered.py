"""What follows when no answer comes: the worker was lost, or the time ran out."""

from dataclasses import replace

from worker.domain.choices import Circumstances, Decision, same_step
from worker.domain.endings import failed, outcome_unknown, succeeded_without_details
from worker.domain.jobs import Effect, Job, Policy, Step, WaitingFor
from worker.domain.outcomes import Answer, Outcome
from worker.domain.records import error_kept, error_of
from worker.domain.writes import unknown

# What a job waited for to its end, and no time brings: it is the kind of its error then.
LACKED = frozenset({WaitingFor.BUYER, WaitingFor.CREDENTIALS})

LOST_LEASES = 5  # a job that kills its worker so often is given up

WORKER_LOST = Answer(Outcome.UNKNOWN, message="the worker that held the job was lost")
SAME_STEP, TOO_OFTEN = "the worker was lost", "the job lost its worker too often"
OF_LOST_LEASES = frozenset({WORKER_LOST.message, SAME_STEP, TOO_OFTEN})  # why a job then moves
TIME_RAN_OUT = Answer(Outcome.UNKNOWN, message="the time for it ran out")


def lease_lost(job: Job, now: float, policy: Policy, *, can_look_up: bool) -> Decision:
    """What follows when the worker that held `job` did not come back before its lease ended.

    `job.effect` is what stands in the ledger: possible, if it may have been sent.
    """
    if job.lost_leases + 1 >= LOST_LEASES:
        return _worker_lost_too_often(job)
    if job.step is Step.APPLY and job.effect is Effect.POSSIBLE:
        return unknown(job, WORKER_LOST, Circumstances(now, can_look_up), policy)
    return same_step(job, now, why=SAME_STEP)


def _worker_lost_too_often(job: Job) -> Decision:
    killer = replace(WORKER_LOST, code="WorkerLost", message=TOO_OFTEN)
    if job.effect is Effect.APPLIED:
        return succeeded_without_details(job, killer, "applied; its details were given up")
    if job.effect is Effect.POSSIBLE:
        return outcome_unknown(error_of("outcome_unknown", killer), TOO_OFTEN)
    return failed(error_of("worker_lost", killer), TOO_OFTEN)


def expired(job: Job) -> Decision:
    """What follows when the deadline of a job that is not running has passed."""
    if job.effect is Effect.APPLIED:
        why = "applied; its details did not come in time"
        return succeeded_without_details(job, TIME_RAN_OUT, why)
    if job.effect is Effect.POSSIBLE:
        error = error_kept("outcome_unknown", job, TIME_RAN_OUT)
        return outcome_unknown(error, "no lookup could tell within the limit")
    if job.waiting_for in LACKED:
        kind = str(job.waiting_for)
        return failed(error_kept(kind, job, TIME_RAN_OUT), f"expired, waiting for {kind}")
    return failed(error_kept("expired", job, TIME_RAN_OUT), "expired")
