"""The door: which requests this provider could never carry out, and what to change."""

import re

from worker.domain.jobs import Request, Task
from worker.errors import BadInput
from worker.providers.amazon_pay.configuration import Configuration, url_fault
from worker.providers.amazon_pay.operations import ORDER_LETTERS

LONGEST_REASON = 1024  # characters; Amazon Pay, CancelOrderReference
_LONGEST_ORDER_ID = 64
_FORM = "an order reference is written like {letter}01-1234567-1234567"
# Control characters cannot be given back in XML, so such a reason could not be read again.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def check(request: Request, configuration: Configuration) -> None:
    """Raise BadInput with the field and the rule."""
    _check_order_id(request.order_id, configuration)
    _check_foreign(request)
    _check_reason(request)
    _check_urls(request, configuration)


def _check_order_id(order_id: str, configuration: Configuration) -> None:
    letter = ORDER_LETTERS[configuration.environment]
    form = _FORM.format(letter=letter)
    if not order_id:
        raise BadInput("order_id", f"is empty: {form}")
    if order_id != order_id.strip():
        raise BadInput("order_id", f"{order_id!r} has blanks around it: {form}")
    if len(order_id) > _LONGEST_ORDER_ID:
        raise BadInput("order_id", f"is longer than {_LONGEST_ORDER_ID} characters: {form}")
    if not re.fullmatch(r"[A-Za-z0-9-]+", order_id):
        raise BadInput("order_id", f"{order_id!r} has characters no order id has: {form}")
    if not order_id.startswith(letter):
        raise BadInput(
            "order_id",
            f"{order_id!r} is no order of the {configuration.environment} environment, whose ids "
            f"begin with {letter}: {form}",
        )


def _check_foreign(request: Request) -> None:
    for field in ("reason_detail", "parent_order_id"):
        if getattr(request, field) is not None:
            raise BadInput(field, "does not exist at Amazon Pay: leave it out")


def _check_reason(request: Request) -> None:
    if not request.reason:
        return
    if request.task is not Task.CANCEL:
        raise BadInput("reason", "is the reason of a cancellation: a confirm takes none")
    if len(request.reason) > LONGEST_REASON:
        raise BadInput(
            "reason", f"has {len(request.reason)} characters: at most {LONGEST_REASON} are possible"
        )
    if _UNREADABLE.search(request.reason):
        raise BadInput("reason", "has control characters or broken text: leave them out")


def _check_urls(request: Request, configuration: Configuration) -> None:
    for field in ("success_url", "failure_url"):
        url = getattr(request, field)
        if url is not None and request.task is not Task.CONFIRM:
            raise BadInput(field, "is for a confirm only: leave it out")
        if url is not None and (fault := url_fault(url)):
            raise BadInput(field, f"{url!r} is not valid: {fault}")
        needed = configuration.sca and request.task is Task.CONFIRM
        if needed and url is None and getattr(configuration, field) is None:
            raise BadInput(
                field,
                f"is needed to confirm in region eu: give it with the request, or set {field} of "
                f"the seller in the configuration",
            )
