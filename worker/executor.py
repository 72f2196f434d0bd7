"""One job: claim, call, decide, settle. The whole story is on this page.

Seconds belong to tenacity: what was throttled or refused is tried again in place while the
wait fits the patience, each time with a token and a signature of its own. All that takes
longer belongs to the ledger: the job is parked, and the slot is free.
"""

import functools
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar, cast

from tenacity import RetryCallState, Retrying, retry_if_result

from worker import crash, holding, logs, traces
from worker.clock import Clock
from worker.domain.checks import check_again
from worker.domain.decisions import Circumstances, Decision, decide
from worker.domain.jobs import Job
from worker.domain.outcomes import Answer, Outcome
from worker.errors import LedgerUnavailable, LedgerUndone
from worker.ledger import claims, holds, returning, settlements
from worker.ledger.holds import Claim, HoldUnknown
from worker.ledger.ledger import Ledger
from worker.outage import Outage
from worker.providers.base import Provider

Words = ParamSpec("Words")
Hold = TypeVar("Hold")

log = logs.get("worker.executor")

# Outcomes that somebody who runs the worker should see at a glance.
TROUBLE = frozenset({Outcome.THROTTLED, Outcome.UNKNOWN, Outcome.DENIED})


class Executor:
    """Runs jobs, in any number of threads. `worker` is the name that stands in the ledger.

    While `leaving` says yes nothing is claimed, and no further request is made of a claim;
    `pause` is how a job waits between two requests, and may end early then.
    """

    def __init__(
        self,
        ledger: Ledger,
        providers: Mapping[str, Provider],
        clock: Clock,
        worker: str,
        jitter: Callable[[], float] = random.random,
        outage: Outage | None = None,
        leaving: Callable[[], bool] = lambda: False,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._policy = ledger.policy
        self._providers = providers
        self._clock = clock
        self._worker = worker
        self._jitter = jitter
        self._outage = outage or Outage(clock, leaving)
        self._leaving = leaving
        self._pause = pause or clock.sleep

    def run(self, job_id: str) -> Job | None:
        """Carry a job as far as it goes now; the job as it then stands, None if there is none.

        A message that came too early, twice or late finds nothing to claim and does nothing.
        Raises LedgerUnavailable: the ledger is away, or what was answered could not be written
        for too long. It may be called again.
        """
        while True:
            if self._leaving():
                return returning.hand_back_one(self._ledger, job_id)
            claimed_from = self._clock.monotonic()
            held = self._hold(claims.claim, self._ledger, job_id, self._worker)
            if isinstance(held, Claim):
                crash.point("after_claim")
                ended = self._run(held, claimed_from)
                crash.point("after_settle")
                if ended:
                    return ended
            elif not held.again:
                return held.job

    def _hold(self, verb: Callable[Words, Hold], *args: Words.args, **kwargs: Words.kwargs) -> Hold:
        """What a verb of the ledger has claimed; shown to be ours where its commit was not
        answered, for until then nothing may be sent.
        """
        try:
            return verb(*args, **kwargs)
        except HoldUnknown as unknown:
            lost, held = unknown, unknown.held
        log.warning("was the claim written?", job=held.job.id, error=str(lost.__cause__))
        is_held = functools.partial(holds.is_held, self._ledger, held)
        if not self._outage.sit_out(is_held, self._policy.lease):
            raise LedgerUndone("The claim was not written.") from lost
        return cast("Hold", held)

    def _run(self, held: Claim, claimed_from: float) -> Job | None:
        """Carry a claim out, as a span of the trace of whoever asked; each line names the job. The
        job, if it has come to its end.
        """
        job = held.job
        words = {"job": job.id, "seller": job.seller, "order": job.order_id}
        with (
            traces.span(str(job.task), "CONSUMER", job.trace, **words, waited_for=job.waiting_for),
            logs.bind(**words, **traces.ids(job.trace)),
        ):
            return self._carry_out(held, claimed_from)

    def _carry_out(
        self, held: Claim, claimed_from: float, since: float | None = None
    ) -> Job | None:
        """One claim: its request, tried again in place while that is worth the wait.

        The write of a sweep's cancel follows its check within the claim; `since` is then when the
        check was claimed.
        """
        run = Run(held, claimed_from, claimed_from if since is None else since)
        try:
            for attempt in self._in_place(run):
                if run.answer is not None and (self._leaving() or not self._take(run)):
                    break
                run.answer = self._send(run.held, run.since)
                run.decision = self._decide(run.held, run.answer, run.claimed_from)
                attempt.retry_state.set_result(run.decision)
        except LedgerUnavailable as error:
            log.warning("the ledger is away: no more is sent", error=str(error))
        answer, decision = run.came_to()
        if not decision.goes_on:
            return self._settle(run.held, answer, decision)
        if write := self._go_on(run):
            return self._carry_out(write, run.claimed_from, run.since)
        return None

    def _take(self, run: "Run") -> bool:
        """A further request of the run: its own token, and the lease anew."""
        run.claimed_from = run.since = self._clock.monotonic()
        taken = self._hold(claims.take, self._ledger, run.held)
        run.held = taken or run.held
        return taken is not None

    def _go_on(self, run: "Run") -> Claim | None:
        """The write that a check lets go, which has to leave as if it had been claimed with it.

        With the ledger away the check is to be made anew, and also if this worker leaves, or has
        stood still since: the order may have been authorized, though nobody has taken the lease.
        """
        crash.point("after_check")
        run.claimed_from = self._clock.monotonic()
        answer, decision = run.came_to()
        try:
            if self._is_in_time(run.since) and not self._leaving():
                return self._hold(settlements.go_on, self._ledger, run.held, answer, decision)
        except LedgerUnavailable as error:
            log.warning("the ledger is away", error=str(error))
        self._settle(run.held, answer, check_again(run.held.job, run.held.turn.at))
        return None

    def _in_place(self, run: "Run") -> Retrying:
        """Wait, stop and retry as the decision says; what ended is written before the wait."""
        begun = self._clock.monotonic()

        def out_of_patience(state: RetryCallState) -> bool:
            return self._clock.monotonic() - begun + _retry_in(state) > self._policy.patience

        def note(_state: RetryCallState) -> None:
            settlements.note(self._ledger, run.held, *run.came_to())

        return Retrying(
            retry=retry_if_result(lambda decision: decision.retry_in is not None),
            wait=_retry_in,
            stop=out_of_patience,
            before_sleep=note,
            sleep=self._pause,
            retry_error_callback=lambda _state: None,
        )

    def _send(self, held: Claim, since: float) -> Answer:
        """Sign and send one request, unless the lease could end before its answer."""
        job = held.job
        with (
            holding.until(since + self._policy.lease),
            logs.bind(operation=held.bucket.operation, attempt=job.attempt_count),
            traces.span(held.bucket.operation, "CLIENT", attempt=job.attempt_count),
        ):
            answer = self._answer(job, since)
            what = {
                "outcome": str(answer.outcome),
                "found": answer.order and answer.order.state,
                "status": answer.status,
                "code": answer.code,
                "request_id": answer.request_id,
            }
            traces.tell(**what)
            level = logging.WARNING if answer.outcome in TROUBLE else logging.INFO
            log.log(level, "attempt", **what)
        return answer

    def _answer(self, job: Job, since: float) -> Answer:
        if not self._is_in_time(since):
            held_for = self._clock.monotonic() - since
            return Answer(Outcome.REFUSED, message=f"not sent: held up for {held_for:.1f} s")
        crash.point("before_sending")
        try:
            answer = self._providers[job.seller].perform(job)
        except Exception as error:  # a bug of ours must not lose what was sent
            log.exception("the request failed by an error of the worker")
            kind = type(error).__name__  # its words may hold anything
            answer = Answer(Outcome.UNKNOWN, message=f"an error of the worker: {kind}")
        crash.point("after_answer")
        return answer

    def _is_in_time(self, since: float) -> bool:
        """Whether an answer would come before the lease ends."""
        held_for = self._clock.monotonic() - since
        return held_for + self._policy.call_timeout <= self._policy.lease

    def _decide(self, held: Claim, answer: Answer, claimed_from: float) -> Decision:
        at = Circumstances(
            # The ledger's clock, carried on by ours: what it is compared with is the ledger's.
            now=held.turn.at + self._clock.monotonic() - claimed_from,
            can_look_up=self._ledger.routes.can_look_up(held.job.request),
            token_in=1.0 / held.bucket.pace,
            sca=self._providers[held.job.seller].sca,
            probe=held.turn.probe,
            jitter=self._jitter(),
        )
        return decide(held.job, answer, at, self._policy)

    def _settle(self, held: Claim, answer: Answer, decision: Decision) -> Job | None:
        """Write what came of it, and give the job if it has ended; while the ledger is away it is
        kept, also beyond the lease: whoever has taken that away has seen to it that this writes
        nothing.
        """
        settle = functools.partial(settlements.settle, self._ledger, held, answer, decision)
        try:
            settled = self._outage.sit_out(settle)
        except LedgerUnavailable as error:
            log.critical("not written: the lease ends, and a lookup decides", error=str(error))
            raise
        what = {
            "state": str(decision.state),
            "waiting_for": decision.waiting_for and str(decision.waiting_for),
            "why": decision.why,
        }
        traces.tell(**what)
        if not settled:
            log.warning("too late: the lease was taken away", **what)
        if not (settled and decision.is_final):
            return None
        return replace(
            held.job,
            state=decision.state,
            waiting_for=None,
            effect=decision.effect,
            receipt=decision.receipt,
            error=decision.error,
        )


@dataclass(slots=True)
class Run:
    """A claim on its way: what is held, and what its latest request came to."""

    held: Claim
    claimed_from: float  # monotonic seconds, before the claim's transaction began
    since: float  # from when on its request has to be in time; a check's, for the write after it
    answer: Answer | None = None
    decision: Decision | None = None

    def came_to(self) -> tuple[Answer, Decision]:
        if self.answer is None or self.decision is None:
            raise AssertionError("Bug! A run is written before its request was sent.")
        return self.answer, self.decision


def _retry_in(state: RetryCallState) -> float:
    """The wait that the decision asks for; tenacity asks only after an outcome."""
    return float(state.outcome.result().retry_in) if state.outcome else 0.0
