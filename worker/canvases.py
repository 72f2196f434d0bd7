"""Which job of a canvas would be given the receipt of the one before it, which is no order."""

from collections.abc import Iterator, Mapping
from typing import Any

from worker.errors import BadInput

# Celery's own tasks, and the argument in which each has those that it starts with.
MEMBERS = {"celery.group": "tasks", "celery.chain": "tasks", "celery.chord": "header"}


def check(app: Any, option: str, following: Any) -> None:
    """Raise BadInput for a job of ours that would be given another one's receipt as its order.

    What a task of the shop returns may be an order.
    """
    first_to_last = reversed(following) if option == "chain" else [following]
    before: Any = None  # this job
    for signature in first_to_last:
        if before is None or _is_job(app, before):
            for each in _given_what_came_before(signature):
                _refuse_receipt(app, option, each)
        before = signature


def _given_what_came_before(following: Any) -> Iterator[Mapping[str, Any]]:
    """The tasks of a canvas to which the result of what comes before it goes.

    What is no signature is passed over: it may have come from elsewhere, and is Celery's affair.
    """
    if isinstance(following, list | tuple):
        for each in following:
            yield from _given_what_came_before(each)
    elif isinstance(following, Mapping):
        task, words = str(following.get("task")), following.get("kwargs")
        word = MEMBERS.get(task)
        if word is None:
            yield following
        elif isinstance(words, Mapping):
            members = words.get(word)
            if task == "celery.chain" and isinstance(members, list | tuple):
                members = members[:1]
            yield from _given_what_came_before(members)


def _refuse_receipt(app: Any, option: str, signature: Mapping[str, Any]) -> None:
    if _is_job(app, signature) and not signature.get("immutable"):
        name = signature["task"].rpartition(".")[2]
        raise BadInput(
            option,
            f"{name}.s(…) would be given what comes of the job before it as its order;"
            f" write {name}.si(…), which is not.",
        )


def _is_job(app: Any, signature: Mapping[str, Any]) -> bool:
    return getattr(app.tasks.get(str(signature.get("task"))), "job_task", None) is not None
