"""The door: a request is checked and recorded here, and nowhere else.

Publishing is the caller's: what `accept` returns says whether the job could run now.
"""

import inspect
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from worker.domain.jobs import Request, Task
from worker.errors import BadInput
from worker.ledger import acceptance
from worker.ledger.acceptance import Accepted, Terms
from worker.ledger.ledger import Ledger
from worker.providers.base import Provider

KEY_LENGTH = 255  # characters
MESSAGE_LENGTH = 1000
PRIORITIES = range(-(2**31), 2**31)


def confirm(
    order_id: str,
    seller: str,
    *,
    success_url: str | None = None,
    failure_url: str | None = None,
    priority: int = 0,
    key: str | None = None,
) -> Request:
    """What a confirm is asked with."""
    return Request(
        Task.CONFIRM,
        seller,
        order_id,
        success_url=success_url,
        failure_url=failure_url,
        priority=priority,
        key=key,
    )


def cancel(
    order_id: str,
    seller: str,
    *,
    reason: str | None = None,
    reason_detail: str | None = None,
    parent_order_id: str | None = None,
    priority: int = 0,
    key: str | None = None,
) -> Request:
    """What a cancel is asked with."""
    return Request(
        Task.CANCEL,
        seller,
        order_id,
        reason=reason,
        reason_detail=reason_detail,
        parent_order_id=parent_order_id,
        priority=priority,
        key=key,
    )


FORMS: Mapping[Task, Callable[..., Request]] = {Task.CONFIRM: confirm, Task.CANCEL: cancel}
UNNAMED = ("order_id", "seller")  # in this sequence
WORDS = {task: tuple(inspect.signature(form).parameters) for task, form in FORMS.items()}


class Producers:
    """Checks requests against their seller's provider, and records them."""

    def __init__(self, ledger: Ledger, sellers: Mapping[str, Provider], source: str = "") -> None:
        self._ledger = ledger
        self._source = source  # of the configuration, for whoever looks for a seller in vain
        self._sellers = sellers

    def request(self, task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Request:
        """The request that a task's arguments make. Raises BadInput for the first fault."""
        try:
            request = FORMS[task](*args, **kwargs)
        except TypeError:
            raise _misfit(task, args, kwargs) from None
        self.check(request)
        return request

    def accept(self, request: Request, terms: Terms) -> Accepted:
        """Record a request that `request` made. Raises BadInput, LedgerUnavailable."""
        return acceptance.accept(self._ledger, request, terms)

    def accept_within(
        self,
        connection: Any,
        request: Request,
        terms: Terms,
        publish: Callable[[Accepted], object],
    ) -> Accepted:
        """As `accept`, in the transaction of a caller's connection; see `ledger.within`."""
        from worker.ledger import within  # SQLAlchemy's ORM comes with it

        return within.accept(self._ledger, connection, request, terms, publish)

    def accept_each(self, requests: Sequence[tuple[Request, Terms]]) -> list[Accepted | BadInput]:
        """As `accept` for many, in one transaction. Raises LedgerUnavailable: none is recorded."""
        return acceptance.accept_each(self._ledger, requests)

    def accept_foreign(
        self, task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], terms: Terms
    ) -> Accepted:
        """Record what came as a message from elsewhere: odd arguments make a rejected job."""
        try:
            return self.accept(self.request(task, args, kwargs), terms)
        except BadInput as error:
            what = {**dict(zip(WORDS[task], args, strict=False)), **kwargs}
            odd = Request(
                task,
                seller=_as_text(what.get("seller")),
                order_id=_as_text(what.get("order_id")),
                key=f"message {terms.job_id}",
            )
            said = _as_text(str(error), MESSAGE_LENGTH)
            answer = {"kind": "bad_input", "field": error.field, "message": said}
            return acceptance.reject(self._ledger, odd, terms, answer)

    def check(self, request: Request) -> None:
        """Raise BadInput for the first fault of a request."""
        for field, value in request.arguments().items():
            if value is not None and not isinstance(value, str):
                # Not the value: it may be a receipt, with all that is known of a buyer.
                raise BadInput(field, f"is {type(value).__name__}, not text.")
            if value is not None and "\x00" in value:
                raise BadInput(field, "has a NUL character; leave it out.")
            if value is not None and not _is_whole(value):
                raise BadInput(field, "holds half a character (a surrogate); give whole text.")
        if not request.seller or request.seller not in self._sellers:
            known = ", ".join(self._sellers) or "none"
            where = f" (configuration: {self._source})" if self._source else ""
            raise BadInput(
                "seller", f"{request.seller!r} is not configured; there are {known}{where}."
            )
        priority = request.priority
        # A range searches for what is no int number by number.
        if type(priority) is not int or priority not in PRIORITIES:
            raise BadInput("priority", "is not a whole number of 32 bits.")
        if request.key is not None and not _is_key(request.key):
            raise BadInput("key", f"must be text of 1 to {KEY_LENGTH} characters.")
        self._sellers[request.seller].check(request)

    def check_order(self, seller: str, order_id: str) -> None:
        """Raise BadInput for what can be no order of a seller: nothing could be done to it."""
        if seller not in self._sellers:
            known = ", ".join(self._sellers) or "none"
            raise BadInput("seller", f"{seller!r} is not configured; there are {known}.")
        try:
            self.check(Request(Task.CANCEL, seller, order_id, reason="kept"))
        except BadInput as error:
            if error.field == "order_id":
                raise


def _misfit(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> BadInput:
    """In the words of a request, what Python says of a call that does not fit."""
    for word in kwargs:
        if word not in WORDS[task]:
            other = next((other for other in Task if word in WORDS[other]), None)
            rule = f"is for {other} only" if other else f"is no word of a {task}"
            return BadInput(word, f"{rule}; leave it out.")
    if len(args) > len(UNNAMED):
        return BadInput("arguments", f"only {' and '.join(UNNAMED)} may go without their names.")
    for word in UNNAMED[len(args) :]:
        if word not in kwargs:
            return BadInput(word, "is not given.")
    twice = next(word for word in UNNAMED[: len(args)] if word in kwargs)
    return BadInput(twice, "is given twice; leave one of them out.")


def new_id() -> str:
    """A job id, as Celery makes task ids."""
    return str(uuid.uuid4())


def _is_key(key: str) -> bool:
    in_length = isinstance(key, str) and 0 < len(key) <= KEY_LENGTH
    return in_length and "\x00" not in key and _is_whole(key)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_text(value: object, length: int = KEY_LENGTH) -> str:
    """What every database can hold of a value; of what is no text only its type's name."""
    text = value if isinstance(value, str) else "" if value is None else type(value).__name__
    text = text[:length].replace("\x00", "")
    return text.encode(errors="backslashreplace").decode()
