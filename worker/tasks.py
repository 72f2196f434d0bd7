"""Celery's side of the door: a task whose calls are recorded before they are published.

A message is a wake-up for a job of the ledger. The body carries the job as far as it goes now;
what is not final then is left to the ledger, and the message is ignored.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from celery import Task as CeleryTask
from celery.exceptions import Ignore
from kombu.exceptions import EncodeError
from kombu.utils import json as kombu_json

from worker import broker, logs
from worker.domain.jobs import Job, Request, State, Task
from worker.errors import BadInput, Failed, JobError, Rejected, Withdrawn
from worker.options import given

if TYPE_CHECKING:
    from worker.ledger.acceptance import Terms

ENDINGS: dict[State, type[JobError]] = {
    State.REJECTED: Rejected,
    State.FAILED: Failed,
    State.WITHDRAWN: Withdrawn,
}
FARTHEST = 3650 * 86400.0  # seconds: ten years; a time beyond is a slip, as milliseconds are
# What Celery says of an option that it cannot send; no broker's error is of these kinds.
OF_THE_MESSAGE = (TypeError, ValueError, LookupError, AttributeError, RecursionError, EncodeError)
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
    throws = (Rejected, Failed, Withdrawn)
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
        from worker.bootstrap import runtime

        call = self._asked(args, kwargs, task_id, options)
        accepted = runtime().producers.accept(call.request, call.terms)
        if accepted.runs_now:
            self._send(accepted.job_id, call.args, call.words, call.terms.options)
        return self.AsyncResult(accepted.job_id)

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

        words = dict(kwargs or {})
        again = bool(words.pop("again", False))
        request = runtime().producers.request(self.job_task, args or (), words)
        terms = Terms(
            job_id=task_id or new_id(),
            actor="producer",
            new_id=task_id is None,
            again=again,
            due_in=_due_in(options),
            expires_in=_seconds_until("expires", options.get("expires")),
            options=kept(self.app, options),
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
            return publishing.attempt(functools.partial(_with_what_hangs, send, hung or {}))

    def carry_out(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run the job of this message; its receipt, or raise its error."""
        from worker.bootstrap import runtime

        if self.request.id is None:
            name = str(self.job_task)
            raise BadInput("call", f"{name}(…) runs nothing here; use {name}.delay(…).")
        with logs.bind(job=self.request.id):
            ran = runtime().executor.run(self.request.id)
            job = ran or self._from_elsewhere(args, kwargs)
        if job is None or (job.state not in ENDINGS and job.state is not State.SUCCEEDED):
            raise Ignore
        if job.state is State.SUCCEEDED:
            return job.receipt
        raise ENDINGS[job.state](*error_arguments(job))

    def _from_elsewhere(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Job | None:
        """The job of a message that no producer of ours has recorded, or of an id's alias."""
        from worker.bootstrap import runtime
        from worker.ledger import outside
        from worker.ledger.acceptance import Terms

        now = runtime()
        found = outside.find_job(now.ledger.database, self.request.id)
        if found is None:
            hung = self._hung_elsewhere()
            terms = Terms(job_id=self.request.id, actor="message", options=hung, may_publish=False)
            accepted = now.producers.accept_foreign(self.job_task, args, kwargs, terms)
            return now.executor.run(accepted.job_id)
        return now.executor.run(found.job.id)

    def _hung_elsewhere(self) -> dict[str, Any] | None:
        """What hangs on this message; nothing, if that is none of the forms that can be sent."""
        try:
            return kept(self.app, self.request.as_execution_options())
        except BadInput as error:
            log.error("accepted without what hangs on the message", error=str(error))  # noqa: TRY400
            return None


def error_arguments(job: Job) -> tuple[str, str | None, str]:
    """What the error of a job that ended without its effect is made of: message, code, job."""
    error = job.error or {}
    message = error.get("advice") or error.get("message") or f"the job was {job.state}"
    code = error.get("code")
    return (f"{code}: {message}" if code else message), code, job.id


def kept(app: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is stored of a call's options: plain JSON values, None if there are none."""
    found = given(options)
    for name in ("link", "link_error", "chain"):
        if name in found:
            found[name] = _addressed(app, found[name])
    try:
        # kombu's dumps knows signatures and dates; its loads would make dates of texts again.
        plain: dict[str, Any] = json.loads(kombu_json.dumps(found))
    except (TypeError, ValueError) as error:
        raise BadInput("options", f"cannot be kept as JSON: {error}.") from None
    return plain or None


def _addressed(app: Any, signature: Any) -> Any:
    """What follows a job, with the queue that its own application would send it to.

    Our worker sends it, and would send a task that it does not know to our own queue.
    Raises BadInput where nobody could ever receive it.
    """
    if isinstance(signature, list | tuple):
        return [_addressed(app, each) for each in signature]
    theirs = getattr(signature, "app", None)
    if theirs is None or theirs is app or "queue" in signature.options:
        return signature
    ours, shops = (broker.kind(each.conf.broker_url) for each in (app, theirs))
    if ours != shops or ours == "memory":
        raise BadInput(
            "link",
            f"{signature.task} belongs to an application with a {shops} broker, and ours is a"
            f" {ours} one: what follows a job needs a broker that both reach.",
        )
    route = theirs.amqp.router.route(dict(signature.options), signature.task)
    queue = route.get("queue")
    return signature.clone().set(queue=getattr(queue, "name", queue))


def _with_what_hangs(send: Callable[..., Any], hung: Mapping[str, Any]) -> None:
    """Send a message; alone, if what hangs on its job is nothing that Celery can send.

    Such an error is this message's and not the broker's: it must not pause all others.
    """
    try:
        send(add_to_parent=False, **hung)
    except OF_THE_MESSAGE as error:
        if not hung:
            raise
        log.error("sent without what hangs on the job", error=type(error).__name__)  # noqa: TRY400
        send(add_to_parent=False)


def _due_in(options: Mapping[str, Any]) -> float:
    for field in ("countdown", "eta"):
        if options.get(field) is not None:
            return _seconds_until(field, options[field]) or 0.0
    return 0.0


def _seconds_until(field: str, moment: object) -> float | None:
    """Celery's times: a datetime (UTC if it has no zone), its text, or seconds from now."""
    match moment:
        case None:
            return None
        case int() | float() if moment <= FARTHEST:
            return float(max(moment, -FARTHEST))
        case str():
            with suppress(ValueError):
                return _seconds_until(field, datetime.fromisoformat(moment))
        case datetime():
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return _seconds_until(field, (zoned - datetime.now(UTC)).total_seconds())
    raise BadInput(field, "is neither a time nor a number of seconds within ten years.")
