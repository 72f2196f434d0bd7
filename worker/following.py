"""What follows a job: kept with it as plain JSON, and sent with each of its messages.

It goes to the queue of its own application. One that cannot be sent is refused at the caller,
who is there to hear of it; if it turns out so later, the job's message goes without it.
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from celery.local import Proxy
from kombu.exceptions import EncodeError
from kombu.utils import json as kombu_json

from worker import broker, canvases, logs
from worker.errors import BadInput
from worker.options import given

# What Celery says of an option that it cannot send, and amqp of a text that is too long for its
# place; no broker's error is of these kinds.
OF_THE_MESSAGE = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    RecursionError,
    EncodeError,
    struct.error,
)
# All else stands in the headers, which RabbitMQ takes in one frame of 128 KiB, and else hangs up.
IN_THE_BODY = frozenset({"link", "link_error", "chain", "chord"})
MOST_BESIDE = 2**16  # characters of JSON: it leaves room for Celery's own headers

log = logs.get("worker.tasks")


def kept(app: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is stored of a call's options: plain JSON values, None if there are none."""
    found = given(options)
    for name in ("link", "link_error", "chain"):
        if name in found:
            canvases.check(app, name, found[name])
            found[name] = addressed(app, found[name])
    try:
        # kombu's dumps knows signatures and dates; its loads would make dates of texts again.
        plain: dict[str, Any] = json.loads(kombu_json.dumps(found))
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput("options", f"cannot be kept as JSON: {error}.") from None
    beside = {name: value for name, value in plain.items() if name not in IN_THE_BODY}
    if len(json.dumps(beside)) > MOST_BESIDE:
        raise BadInput("headers", f"and stamps are more than {MOST_BESIDE} characters of JSON.")
    return plain or None


def addressed(app: Any, signature: Any) -> Any:
    """What follows a job, with the queue that its own application would send it to.

    Our worker sends it, and would send a task that it does not know to our own queue.
    Raises BadInput where nobody could ever receive it.
    """
    if isinstance(signature, list | tuple):
        return [addressed(app, each) for each in signature]
    theirs = _itself(getattr(signature, "app", None))
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


def _itself(app: Any) -> Any:
    """An application, also where Celery gives a proxy of whatever is the current one."""
    return app._get_current_object() if isinstance(app, Proxy) else app  # noqa: SLF001


def send_with(send: Callable[..., Any], hung: Mapping[str, Any]) -> None:
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
