"""The ledger as Celery's result backend.

A job's row is written by the executor's settle alone: whatever Celery reports of a job (worker
lost, time limit, retry, revoked) changes nothing, but that a revoke withdraws a job that
waits. The results of all other tasks are kept as Celery gives them.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from celery import states
from celery.backends.base import BaseBackend
from celery.worker import state as worker_state

from worker import logs
from worker.domain.jobs import Job, State
from worker.errors import Failed, Rejected
from worker.ledger.continuations import Message
from worker.tasks import ENDINGS, error_arguments

log = logs.get("worker.results")

IN_DOUBT = "IN_DOUBT"
CELERY_STATES = {
    State.WAITING: states.PENDING,  # and not a name of ours: revoke passes others over
    State.RUNNING: states.STARTED,
    State.IN_DOUBT: IN_DOUBT,
    State.SUCCEEDED: states.SUCCESS,
    State.REJECTED: states.FAILURE,
    State.FAILED: states.FAILURE,
    State.WITHDRAWN: states.REVOKED,
}
POLL_SECONDS = 0.05  # of `.get()`


class LedgerBackend(BaseBackend):
    """Reads jobs, and keeps the results of other tasks and the groups."""

    def wait_for(
        self,
        task_id: str,
        timeout: float | None = None,
        interval: float = POLL_SECONDS,
        **options: Any,
    ) -> Any:
        """As Celery's, asking ten times as often: a confirm takes less than its half second."""
        return super().wait_for(task_id, timeout, min(interval, POLL_SECONDS), **options)

    def mark_as_done(
        self, task_id: str, result: Any, request: Any = None, *args: Any, **options: Any
    ) -> None:
        """Called when link and chain were sent: for a job that is what remains to be noted.

        A result of another task is nowhere else: it is kept while the ledger is away. Celery
        calls this where the task has run, and never in the main process of a worker.
        """
        from worker.bootstrap import outage

        done = functools.partial(super().mark_as_done, task_id, result, request, *args, **options)

        def note() -> None:
            found = self._job(task_id)
            if found is None:
                done()
                return
            if request and request.chord:
                self.on_chord_part_return(request)
            if found.options:
                self._fired(task_id)

        outage().sit_out(note)

    def mark_as_failure(self, task_id: str, exc: Any, *args: Any, **options: Any) -> Any:
        """Fire what hangs on the failure, if the ledger says that the job has failed.

        A worker lost while its job runs is the lease's affair; a job that has succeeded and
        whose continuations could not be sent is published once more by the dispatcher.
        """
        found = self._job(task_id)
        if found and found.job.state not in ENDINGS:
            log.warning("left to the ledger", job=found.job.id, error=repr(exc)[:200])
            return None
        result = super().mark_as_failure(task_id, exc, *args, **options)
        if found and found.options:
            self._fired(task_id)
        return result

    def apply_chord(self, header_result_args: tuple[Any, ...], body: Any, **_polling: Any) -> None:
        """Keep a chord before its header is sent; Celery's own way would poll for its end."""
        from worker import chords

        chords.record(self._database, self, self.app.GroupResult(*header_result_args), body)

    def on_chord_part_return(self, request: Any, *_outcome: Any, **_options: Any) -> None:
        from worker.ledger import chords

        chords.part_done(self._database, request.id)

    def mark_as_revoked(self, task_id: str, reason: str = "", *args: Any, **options: Any) -> Any:
        """Withdraw a job that waits; leave every other one alone, and let its messages pass."""
        if not self.withdraw(task_id, reason or "revoked"):
            return super().mark_as_revoked(task_id, reason, *args, **options)
        # Every worker would drop each later message of this id, the lookup of a doubt too.
        worker_state.revoked.discard(task_id)
        return None

    def withdraw(self, task_id: str, why: str) -> bool:
        """Withdraw the job of this id, if it waits and has had no effect; whether it is a job's."""
        from worker.ledger import withdrawals

        found = self._job(task_id)
        if found:
            withdrawals.withdraw(self._runtime.ledger, found.job.id, "celery", why)
        return found is not None

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **_options: Any,
    ) -> Any:
        if self._job(task_id) is None:
            from worker.ledger import chords, outside

            meta = self._get_result_meta(result, state, traceback, request, format_date=True)
            # Plain JSON: Celery's own decoding makes dates and the like of it again.
            plain = json.loads(self.encode(meta | {"task_id": task_id}))
            outside.store_result(self._database, task_id, state, plain)
            if state in states.READY_STATES:
                chords.part_done(self._database, task_id)
        return result

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        from worker.ledger import outside

        found = self._job(task_id)
        if found:
            return _meta(found.job, found.options) | {"task_id": task_id}
        stored = outside.load_result(self._database, task_id)
        if stored is None:
            return {"status": states.PENDING, "result": None, "task_id": task_id}
        return dict(self.decode_result(json.dumps(stored)))

    def _forget(self, task_id: str) -> None:
        """Forget another task's result. A job is kept: its history is not the caller's alone."""
        from worker.ledger import outside

        outside.forget_result(self._database, task_id)

    def _save_group(self, group_id: str, result: Any) -> Any:
        from worker.ledger import outside

        plain = json.loads(self.encode({"result": result.as_tuple()}))
        outside.store_group(self._database, group_id, plain)
        return result

    def _restore_group(self, group_id: str) -> Any:
        from celery.result import result_from_tuple

        from worker.ledger import outside

        stored = outside.load_group(self._database, group_id)
        if stored is None:
            return None
        return {"result": result_from_tuple(stored["result"], self.app), "task_id": group_id}

    def _delete_group(self, group_id: str) -> None:
        from worker.ledger import outside

        outside.forget_group(self._database, group_id)

    def _ensure_not_eager(self) -> None:
        """Looking a job up is right in eager mode too: the ledger has it."""

    def _fired(self, task_id: str) -> None:
        from worker.ledger import continuations

        continuations.fired(self._database, task_id)

    def _job(self, task_id: str) -> Message | None:
        from worker.ledger import outside

        return outside.find_job(self._database, task_id)

    @property
    def _database(self) -> Any:
        return self._runtime.ledger.database

    @property
    def _runtime(self) -> Any:
        from worker.bootstrap import runtime

        return runtime()


def _meta(job: Job, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """A job as Celery sees it: `.state`, `.get()`, `.info`."""
    meta = {"status": CELERY_STATES[job.state], "children": [], "traceback": None}
    if options and options.get("group_id"):
        meta["group_id"] = options["group_id"]
    if job.state is State.SUCCEEDED:
        return meta | {"result": job.receipt}
    if job.state in {State.REJECTED, State.FAILED}:
        kind = Rejected if job.state is State.REJECTED else Failed
        return meta | {"result": kind(*error_arguments(job))}
    if job.state is State.WITHDRAWN:
        from celery.exceptions import TaskRevokedError

        return meta | {"result": TaskRevokedError(error_arguments(job)[0])}
    return meta | {
        "result": {
            "state": str(job.state),
            "waiting_for": job.waiting_for and str(job.waiting_for),
            "effect": str(job.effect),
            "due_at": job.due_at,
            "attempt_count": job.attempt_count,
        }
    }
