"""What a caller may hang on a task, and in which form Celery can send it again.

A job's message may go out hours later, and more than once: an option that Celery cannot send
must be refused at the caller, who is there to hear of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from worker.errors import BadInput

# What says which job a message is of: headers of these names would make it another one's.
RESERVED_HEADERS = frozenset({"id", "task", "args", "kwargs", "retries", "timelimit", "eta"})


LONGEST = 255  # bytes of what RabbitMQ keeps beside a message: its id, and whom to answer


def is_short(value: object) -> bool:
    """Whether every broker takes a text for an id, and every database."""
    if not isinstance(value, str) or "\x00" in value:
        return False
    try:
        return 1 <= len(value.encode()) <= LONGEST
    except UnicodeEncodeError:  # half a character
        return False


def check_id(task_id: object) -> None:
    """Raise BadInput for an id that no message could go by: it would stop all behind it."""
    if task_id not in (None, "") and not is_short(task_id):
        raise BadInput("task_id", f"must be text of 1 to {LONGEST} bytes.")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int)


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(map(_is_text, value))


def _is_headers(value: object) -> bool:
    if not isinstance(value, Mapping) or not all(map(_is_text, value)):
        return False
    return not RESERVED_HEADERS & set(value)


def _is_signature(value: object) -> bool:
    return isinstance(value, Mapping) and _is_text(value.get("task"))


def _is_signatures(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_signature, value))


def _is_one_or_more(value: object) -> bool:
    return _is_signature(value) or _is_signatures(value)


_TEXT = (_is_text, "text")
_SIGNATURES = (_is_one_or_more, "a signature, or a list of them")
_HEADERS = (
    _is_headers,
    f"a mapping of text to JSON, without {', '.join(sorted(RESERVED_HEADERS))}",
)

# What is stored with the job, and goes out with each of its messages: what a caller hangs on a
# task, and what Celery itself writes on the messages of a canvas.
FORMS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "link": _SIGNATURES,
    "link_error": _SIGNATURES,
    "chain": (_is_signatures, "a list of signatures"),
    "chord": (_is_signature, "a signature"),
    "group_id": _TEXT,
    "group_index": (_is_number, "a whole number"),
    "root_id": _TEXT,
    "parent_id": _TEXT,
    "headers": _HEADERS,
    "shadow": _TEXT,
    "stamped_headers": (_is_texts, "a list of text"),
    "reply_to": (is_short, f"text of 1 to {LONGEST} bytes"),
}


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that are kept, stamps under their own names among them.

    Raises BadInput for one in a form that Celery cannot send.
    """
    found = {name: options[name] for name in FORMS if options.get(name)}
    for name, value in found.items():
        fits, form = FORMS[name]
        if not fits(value):
            # Not the value: what hangs on a job may be another one's receipt.
            raise BadInput(name, f"must be {form}, and is {type(value).__name__}.")
    stamps = found.get("stamped_headers", ())
    return found | {name: options[name] for name in stamps if options.get(name)}
