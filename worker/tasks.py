"""Celery's side of the door: a task whose calls are recorded before they are published.

A message is a wake-up for a job of the ledger. The body carries the job as far as it goes now;
what is not final then is left to the ledger, and the message is ignored.
"""

import functools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import Task as CeleryTask
from celery.exceptions import Ignore

from worker import broker, leaving, logs, traces
from worker.domain.jobs import Job, Request, State, Task
from worker.errors import (
    BadInput,
    Failed,
    JobError,
    LedgerUnavailable,
    Rejected,
    Withdrawn,
    WouldWait,
)
from worker.following import kept, send_with
from worker.moments import due_in, seconds_until
from worker.options import check_id

if TYPE_CHECKING:
    from worker.ledger.acceptance import Terms

ENDINGS: dict[State, type[JobError]] = {
    State.REJECTED: Rejected,
    State.FAILED: Failed,
    State.WITHDRAWN: Withdrawn,
}
# Where the `eta` of a message from elsewhere stands once it was received: Celery would keep the
# message in its memory until then, and the broker would wait for the acknowledgement.
DUE = "order_worker_due"
publishing = broker.Publishing()
log = logs.get("worker.tasks")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a task that has passed the door, and how its job is to be kept."""

    args: Sequence[Any]
    words: dict[str, Any]
    request: Request
    terms: "Terms"


class JobTask(CeleryTask):
    """The class of `worker.confirm` and `worker.cancel`; `job_task` says which one it is."""

    abstract = True
    job_task: Task
    typing = False  # the door checks the arguments, and says what to change
    throws = (Rejected, Failed, Withdrawn, WouldWait)
    ignore_result = False
    resultrepr_maxsize = 0  # Celery logs results, and a receipt has the buyer's details

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        """Record a job, and publish it if it can run now.

        Returns the AsyncResult of the job that answers the request, which is an earlier one
        if that is open or succeeded (`again=True` asks anew after a success). `countdown` and
        `eta` become the job's due time, `expires` its deadline; queue and message priority
        are the worker's own. Raises BadInput and LedgerUnavailable, never for the broker.
        """
        if self.app.conf.task_always_eager:
            return self.apply(args, kwargs, task_id=task_id, **options)
        from worker.bootstrap import runtime

        call = self._asked(args, kwargs, task_id, options)
        accepted = runtime().producers.accept(call.request, call.terms)
        if accepted.runs_now:
            self._send(accepted.job_id, call.args, call.words, call.terms.options)
        return self.AsyncResult(accepted.job_id)

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        """Record a job, and run it to its end within the call, as eager mode does.

        Returns an EagerResult; its error is WouldWait where the job has to wait for longer than
        the patience. Raises BadInput and LedgerUnavailable.
        """
        from worker.bootstrap import runtime

        call = self._asked(args, kwargs, task_id, options)
        accepted = runtime().producers.accept(call.request, call.terms)
        return super().apply(call.args, call.words, task_id=accepted.job_id, **options)

    def delay_within(self, connection: Any, *args: Any, **kwargs: Any) -> Any:
        """As `delay`, in the transaction of `connection`: its commit makes the job exist, its
        rollback leaves no trace. See `apply_async_within`.
        """
        return self.apply_async_within(connection, args, kwargs)

    def apply_async_within(
        self,
        connection: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        """As `apply_async`, in the transaction of a connection to the ledger's database.

        `connection` is a Connection or Session of SQLAlchemy, a connection of psycopg or
        sqlite3, or Django's `connection`. A Session and Django publish after the commit; of the
        others' jobs the dispatcher hears, within some 20 ms. Raises BadInput, LedgerUnavailable
        when the ledger was never reached, and what the connection itself raises.
        """
        from worker.bootstrap import runtime

        call = self._asked(args, kwargs, task_id, options)
        accepted = runtime().producers.accept_within(
            connection,
            call.request,
            call.terms,
            lambda new: self._send(new.job_id, call.args, call.words, call.terms.options),
        )
        return self.AsyncResult(accepted.job_id)

    def _asked(
        self,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        task_id: str | None,
        options: Mapping[str, Any],
    ) -> "Call":
        from worker.bootstrap import runtime
        from worker.ledger.acceptance import Terms
        from worker.producers import new_id

        check_id(task_id)
        words = dict(kwargs or {})
        again = bool(words.pop("again", False))
        request = runtime().producers.request(self.job_task, args or (), words)
        hung = kept(self.app, options)
        if hung and "chord" in hung:
            _check_chord(hung.get("group_id"), task_id)
        terms = Terms(
            job_id=task_id or new_id(),
            actor="producer",
            new_id=task_id is None,
            again=again,
            due_in=due_in(options),
            expires_in=seconds_until("expires", options.get("expires")),
            options=hung,
            may_publish=broker.reaches_a_worker(self.app.conf.broker_url),
        )
        return Call(args or (), words, request, terms)

    def announce(self, job_id: str, request: Request, hung: dict[str, Any] | None = None) -> bool:
        """Send a message of a job that was recorded for this request; whether it went."""
        words = {name: value for name, value in request.arguments().items() if value}
        del words["task"]
        return self._send(job_id, (), words, hung)

    def _send(
        self, job_id: str, args: Sequence[Any], words: dict[str, Any], hung: dict[str, Any] | None
    ) -> bool:
        send = functools.partial(super().apply_async, args, words, task_id=job_id)
        with logs.bind(job=job_id):
            return publishing.attempt(functools.partial(send_with, send, hung or {}))

    def carry_out(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run the job of this message; its receipt, or raise its error."""
        if self.request.id is None:
            name = str(self.job_task)
            raise BadInput("call", f"{name}(…) runs nothing here; use {name}.delay(…).")
        with logs.bind(job=self.request.id):
            job = self._carried(args, kwargs)
            if job is not None and job.task is not self.job_task:
                log.error("a message of one task names a job of another", names=str(job.task))
                raise Ignore
        if job is None or (job.state not in ENDINGS and job.state is not State.SUCCEEDED):
            raise Ignore
        if job.state is State.SUCCEEDED:
            return job.receipt
        raise ENDINGS[job.state](*error_arguments(job))

    def _carried(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Job | None:
        """The job of this message, as far as it goes now. While the ledger is away the message
        is kept: it may be the only record of what somebody asked for.
        """
        from worker.bootstrap import outage

        def carry() -> Job | None:
            return self._run(self.request.id) or self._from_elsewhere(args, kwargs)

        if self.request.is_eager:
            return carry()
        while True:
            try:
                return outage().sit_out(carry)
            except LedgerUnavailable as error:
                if self._goes_back(args, kwargs):
                    log.warning("the ledger is away: the message goes back", error=str(error))
                    raise Ignore from None
                if leaving.has_begun():
                    log.critical("the ledger and the broker are away: a message is lost")
                    raise Ignore from None

    def _goes_back(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        hung = {**(self._hung_elsewhere() or {}), **self._times_elsewhere()}
        return self._send(self.request.id, args, dict(kwargs), hung)

    def _from_elsewhere(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Job | None:
        """The job of a message that no producer of ours has recorded, or of an id's alias."""
        from worker.bootstrap import runtime
        from worker.ledger import outside
        from worker.ledger.acceptance import Terms

        now = runtime()
        found = outside.find_job(now.ledger.database, self.request.id)
        if found is None:
            terms = Terms(
                job_id=self.request.id,
                actor="message",
                due_in=self._time_elsewhere(DUE) or 0.0,
                expires_in=self._time_elsewhere("expires"),
                options=self._hung_elsewhere(),
                may_publish=False,
                trace=traces.of_headers(self.request) or traces.current(),
            )
            accepted = now.producers.accept_foreign(self.job_task, args, kwargs, terms)
            return self._run(accepted.job_id)
        return self._run(found.job.id)

    def _run(self, job_id: str) -> Job | None:
        from worker import eager
        from worker.bootstrap import runtime

        if self.request.is_eager:
            return eager.run(runtime(), job_id)
        return runtime().executor.run(job_id)

    def _hung_elsewhere(self) -> dict[str, Any] | None:
        """What hangs on this message; nothing, if that is none of the forms that can be sent."""
        try:
            return kept(self.app, self.request.as_execution_options())
        except BadInput as error:
            log.error("accepted without what hangs on the message", error=str(error))  # noqa: TRY400
            return None

    def _times_elsewhere(self) -> dict[str, str]:
        """The times of a message that goes back, as it came with them: nobody else knows them."""
        found = {"eta": self.request.get(DUE), "expires": self.request.get("expires")}
        return {name: time for name, time in found.items() if isinstance(time, str) and time}

    def _time_elsewhere(self, field: str) -> float | None:
        """Seconds until a time that the message carries; None if it is no time."""
        with suppress(BadInput):
            return seconds_until(field, self.request.get(field))
        return None


def error_arguments(job: Job) -> tuple[str, str | None, str]:
    """What the error of a job that ended without its effect is made of: message, code, job."""
    error = job.error or {}
    message = error.get("advice") or error.get("message") or f"the job was {job.state}"
    code = error.get("code")
    return (f"{code}: {message}" if code else message), code, job.id


def _check_chord(chord_id: str | None, task_id: str | None) -> None:
    """Raise BadInput for a chord that is kept elsewhere: it would wait for this job for ever."""
    from worker.bootstrap import runtime
    from worker.ledger import chords, outside

    database = runtime().ledger.database
    if chords.is_known(database, chord_id, task_id):
        return
    if task_id is None or outside.find_job(database, task_id) is None:
        raise BadInput(
            "chord",
            "is kept by another application, which never hears of this job's end: make it with"
            " chord(…, app=confirm.app).",
        )
