"""Rows that belong to a row that is not there. The database keeps to that by itself, unless
somebody has written to it with foreign keys off.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Table, and_, bindparam, exists, func, select

from worker.ledger.database import Database
from worker.ledger.schema import aliases, attempts, chord_parts, chords, jobs, transitions
from worker.ledger.verification.finding import Finding, Rule

RANGE = 20_000  # numbers of one transaction
PAGE = 2000  # rows of one transaction, where they have no numbers

OF_A_JOB = Rule(
    5,
    "An attempt and a transition are of a job that there is.",
    "A job's row was taken away by hand: write it back from a backup, or delete these too.",
)
OF_NO_JOB = Rule(
    5,
    "A transition that is of no job names its order.",
    "Delete it, or name seller and order_id.",
)
STANDS_FOR = Rule(
    1,
    "An id that stands for a job stands for one that there is.",
    "Whoever asked by this id hears of no end: ask again, and delete the alias.",
)
RULES = (OF_A_JOB, OF_NO_JOB, STANDS_FOR)


@dataclass(frozen=True, slots=True)
class Reference:
    """What refers to which, and what breaks where it is missing."""

    rule: Rule
    table: Table
    number: Column[int] | None  # to go through the table by; None: by its first key
    refers: Column[str]
    to: Column[str]


REFERENCES = (
    Reference(OF_A_JOB, attempts, attempts.c.id, attempts.c.job_id, jobs.c.id),
    Reference(OF_A_JOB, transitions, transitions.c.id, transitions.c.job_id, jobs.c.id),
    Reference(STANDS_FOR, aliases, None, aliases.c.job_id, jobs.c.id),
    Reference(STANDS_FOR, chord_parts, None, chord_parts.c.chord_id, chords.c.id),
)


def check(database: Database) -> Iterator[Finding]:
    for each in REFERENCES:
        yield from _numbered(database, each) if each.number is not None else _keyed(database, each)


def _numbered(database: Database, each: Reference) -> Iterator[Finding]:
    number = each.number
    assert number is not None  # noqa: S101 - as it was asked
    missing = and_(each.refers.is_not(None), ~exists().where(each.to == each.refers))
    if each.table is transitions:
        nameless = transitions.c.seller.is_(None) | transitions.c.order_id.is_(None)
        missing |= each.refers.is_(None) & nameless
    of_range = select(number.label("id"), each.refers.label("refers")).where(
        number >= bindparam("first"), number < bindparam("last"), missing
    )
    with database.read() as connection:
        first, last = connection.execute(select(func.min(number), func.max(number))).one()
    for start in range(first or 0, (last or 0) + 1, RANGE):
        between = {"first": start, "last": start + RANGE}
        with database.read() as connection:
            found = connection.execute(of_range.order_by(number), between).all()
        for row in found:
            yield _finding(each, str(row.id), row.refers)


def _keyed(database: Database, each: Reference) -> Iterator[Finding]:
    key = next(iter(each.table.primary_key.columns))
    page = (
        select(key.label("id"), each.refers.label("refers"), each.to.label("found"))
        .select_from(each.table.outerjoin(each.to.table, each.to == each.refers))
        .where(key > bindparam("after"))
        .order_by(key)
        .limit(PAGE)
    )
    after = ""
    while True:
        with database.read() as connection:
            rows = connection.execute(page, {"after": after}).all()
        for row in rows:
            if row.found is None:
                yield _finding(each, str(row.id), row.refers)
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _finding(each: Reference, name: str, refers: str | None) -> Finding:
    row = f"{each.table.name} {name}"
    if refers is None:
        return Finding(OF_NO_JOB, "row", row, "names neither a job nor an order")
    return Finding(each.rule, "row", row, f"is of {each.refers.name} {refers}, which is not there")
