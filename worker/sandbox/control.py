"""The control plane under /_sandbox/: look at what happened, and say what shall happen.

Loopback only, like the server itself, and without credentials. Bodies are JSON.

    GET    /_sandbox/orders        every order: state, reason, times each write was applied
    GET    /_sandbox/orders/{id}   those of one id
    POST   /_sandbox/orders/{id}   stage it: `amazon_pay.staging`, `seller_center.staging`
    GET    /_sandbox/log           every request so far: `log.Entry`
    GET    /_sandbox/faults        the rules with their counts
    PUT    /_sandbox/faults        replace them: a rule or a list of rules, see `faults`
    POST   /_sandbox/faults        add some
    DELETE /_sandbox/faults        remove them all
    GET    /_sandbox/switches      the switches in force, see `switches`
    PUT    /_sandbox/switches      set some
    POST   /_sandbox/reset         forget orders, buckets, faults and log; switches as at the start

What cannot be read is answered with 400 and {"error": a sentence}.
"""

import json
from collections.abc import Callable
from urllib.parse import unquote

from worker.sandbox.books import Books
from worker.sandbox.exchange import Reply, Request
from worker.sandbox.fields import BadSetting

ROOT = "/_sandbox/"


def answer(books: Books, request: Request) -> Reply:
    """Do what a control request asks for."""
    resource, _, part = request.path.removeprefix(ROOT).partition("/")
    handler = ROUTES.get((request.verb, resource))
    if handler is None:
        known = ", ".join(sorted(f"{verb} {ROOT}{name}" for verb, name in ROUTES))
        return _json(404, {"error": f"No such control request; there are {known}."})
    try:
        body = json.loads(request.body) if request.body.strip() else None
        return _json(200, handler(books, unquote(part), body))
    except json.JSONDecodeError as error:
        return _json(400, {"error": f"The body is no JSON: {error}."})
    except BadSetting as error:
        return _json(400, {"error": str(error)})


def _json(status: int, value: object) -> Reply:
    return Reply(status, (json.dumps(value) + "\n").encode(), "application/json")


def _object(body: object) -> dict[str, object]:
    if not isinstance(body, dict):
        raise BadSetting("The body is one JSON object.")
    return body


def _rules(body: object) -> list[dict[str, object]]:
    return [_object(rule) for rule in (body if isinstance(body, list) else [body])]


def _show_orders(books: Books, order_id: str, body: object) -> object:
    del body
    return books.orders(order_id or None)


def _stage(books: Books, order_id: str, body: object) -> object:
    return books.stage(order_id, _object(body))


def _show_log(books: Books, part: str, body: object) -> object:
    del part, body
    return [entry.as_json() for entry in books.requests()]


def _show_faults(books: Books, part: str, body: object) -> object:
    del part, body
    return books.faults()


def _replace_faults(books: Books, part: str, body: object) -> object:
    del part
    books.replace_faults(_rules(body))
    return books.faults()


def _add_faults(books: Books, part: str, body: object) -> object:
    del part
    books.add_faults(_rules(body))
    return books.faults()


def _remove_faults(books: Books, part: str, body: object) -> object:
    del part, body
    books.replace_faults([])
    return books.faults()


def _show_switches(books: Books, part: str, body: object) -> object:
    del part, body
    return books.switches()


def _set_switches(books: Books, part: str, body: object) -> object:
    del part
    books.switch(_object(body))
    return books.switches()


def _reset(books: Books, part: str, body: object) -> object:
    del part, body
    books.reset()
    return {}


ROUTES: dict[tuple[str, str], Callable[[Books, str, object], object]] = {
    ("GET", "orders"): _show_orders,
    ("POST", "orders"): _stage,
    ("GET", "log"): _show_log,
    ("GET", "faults"): _show_faults,
    ("PUT", "faults"): _replace_faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _remove_faults,
    ("GET", "switches"): _show_switches,
    ("PUT", "switches"): _set_switches,
    ("POST", "reset"): _reset,
}
