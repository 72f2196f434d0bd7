"""Celery's chords, kept in the ledger: what follows a group is started when all of it is done.

Celery's own way for a backend like this one asks every second, with a message in the broker,
whether the group is done. Here the last member says so, hours later if need be, and the
dispatcher sends one message, whose task starts the body.
"""

import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from celery import maybe_signature
from celery.exceptions import ChordError
from celery.result import GroupResult, result_from_tuple

from worker import logs
from worker.errors import LedgerUnavailable
from worker.following import OF_THE_MESSAGE, addressed
from worker.ledger import chords
from worker.ledger.chords import Chord
from worker.ledger.database import Database
from worker.tasks import publishing

TASK = "worker.chord"
log = logs.get("worker.chords")


def record(database: Database, backend: Any, header: GroupResult, body: Any) -> None:
    """Keep a chord before its members are sent. Raises BadInput for a body nobody receives."""
    app = backend.app
    plain = {
        "header": [each.as_tuple() for each in header.results],
        "body": addressed(app, body),
    }
    chord = Chord(header.id, **json.loads(backend.encode(plain)))
    chords.record(database, chord, set(_members(header.results)))


def _members(results: Iterable[Any]) -> Iterator[str]:
    """The ids that a chord waits for: of a group within the group, each one's."""
    for result in results:
        if isinstance(result, GroupResult):
            yield from _members(result.results)
        else:
            yield result.id


def announce(app: Any, chord_id: str) -> bool:
    """Send the message that starts the body of a complete chord; whether it went."""
    send = functools.partial(app.tasks[TASK].apply_async, (chord_id,), add_to_parent=False)
    return publishing.attempt(send)


def start_body(database: Database, backend: Any, chord_id: str) -> None:
    """Send the body with its members' results, or fail it with the first member that failed.

    What the broker refuses is raised, and LedgerUnavailable: the chord is told again.
    """
    chord = chords.find(database, chord_id)
    if chord is None:  # a message that came twice
        return
    app = backend.app
    body = maybe_signature(chord.body, app=app)
    header = GroupResult(chord_id, [result_from_tuple(each, app=app) for each in chord.header])
    try:
        # Celery's `allow_join_result` is one switch for all threads of a process.
        values = header.join(
            timeout=app.conf.result_chord_join_timeout, disable_sync_subtasks=False
        )
    except LedgerUnavailable:  # says nothing of a member
        raise
    except Exception as error:  # noqa: BLE001 - a member's own, of any kind
        culprit = next((each.id for each in header.results if not each.successful()), chord_id)
        _fail(backend, body, f"Dependency {culprit} raised {error!r}", error)
    else:
        try:
            body.delay(values)
        except OF_THE_MESSAGE as error:
            _fail(backend, body, f"Callback error: {error!r}", error)
    chords.fired(database, chord_id)


def _fail(backend: Any, body: Any, why: str, cause: Exception) -> None:
    error = ChordError(why)
    error.__cause__ = cause
    log.info("the body of a chord is not started", why=why[:200])
    backend.chord_error_from_stack(body, error)
