"""Secrets of the configuration that stand in a row, as they are or as JSON and URLs have them."""

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any
from urllib.parse import quote

from sqlalchemy import Row, Table, bindparam, select
from sqlalchemy import tuple_ as several

from worker.ledger.columns import as_text
from worker.ledger.database import Database
from worker.ledger.schema import aliases, buckets, chords, groups, orders, results, schedules
from worker.ledger.verification.finding import Finding, Rule
from worker.ledger.verification.histories import JobHistory, OrderHistory

SHORTEST = 6  # characters; what is shorter stands in half the words
PAGE = 1000

HIDDEN = Rule(
    8,
    "No secret of the configuration stands in a row.",
    "Replace the secret at its provider, then delete the text; tell us how it came there.",
)
RULES = (HIDDEN,)
OTHERS: tuple[Table, ...] = (aliases, buckets, chords, groups, orders, results, schedules)


class Secrets:
    """What must not be found, in each form that it may be written in."""

    def __init__(self, values: Collection[str]) -> None:
        self._forms = {
            form
            for value in values
            if len(value) >= SHORTEST
            for form in (value, json.dumps(value)[1:-1], quote(value, safe=""))
        }

    def stand_in(self, rows: Sequence[Row[Any]]) -> bool:
        if not self._forms:
            return False
        text = "\0".join(map(str, chain.from_iterable(rows)))
        return any(form in text for form in self._forms)

    def columns(self, row: Row[Any]) -> list[str]:
        return [
            name
            for name, value in row._asdict().items()
            if isinstance(value, str) and any(form in value for form in self._forms)
        ]


def in_histories(page: Sequence[OrderHistory], secrets: Secrets) -> Iterator[Finding]:
    """Those in jobs, attempts and transitions."""
    of_jobs = [each for order in page for each in order.jobs]
    if not secrets.stand_in(list(chain.from_iterable(map(_rows, of_jobs)))):
        return
    for each in of_jobs:
        for row in _rows(each):
            for column in secrets.columns(row):
                job = each.job
                what = f"a secret stands in its {column}"
                yield Finding(HIDDEN, "job", each.id, what, job.seller, job.order_id)


def _rows(each: JobHistory) -> Iterator[Row[Any]]:
    return chain([each.job], each.steps, each.other_steps, each.calls, each.reserved)


def in_other_tables(database: Database, secrets: Secrets) -> Iterator[Finding]:
    for table in OTHERS:
        key = list(table.primary_key.columns)
        place = several(*key) > several(*(bindparam(f"after_{one.name}") for one in key))
        page = select(*map(as_text, table.c)).where(place).order_by(*key).limit(PAGE)
        after: Sequence[Any] = [""] * len(key)
        while True:
            values = {f"after_{one.name}": value for one, value in zip(key, after, strict=True)}
            with database.read() as connection:
                rows = connection.execute(page, values).all()
            if rows and secrets.stand_in(rows):
                for row in rows:
                    for column in secrets.columns(row):
                        named = " ".join(str(getattr(row, one.name)) for one in key)
                        yield Finding(
                            HIDDEN,
                            "row",
                            f"{table.name} {named}",
                            f"a secret stands in its {column}",
                        )
            if len(rows) < PAGE:
                break
            after = [getattr(rows[-1], one.name) for one in key]
