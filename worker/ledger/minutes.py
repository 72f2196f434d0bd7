"""What came in and what ended, minute by minute, for plots: sums, made by the database.

A job that is retried is counted where it ended last.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select, text

from worker.domain.jobs import State
from worker.ledger.database import Database
from worker.ledger.filters import OUT_OF_LINE, first_since
from worker.ledger.ledger import Ledger
from worker.ledger.schema import FINISHED, by, jobs

MINUTE = 60.0
# Seconds from acceptance to the answer: the upper ends of bands, each about a third above the last.
BANDS = tuple(round(0.05 * 1.35**step, 4) for step in range(56))  # 50 ms to eight days
ANSWERED = (State.SUCCEEDED, State.REJECTED, State.FAILED)


@dataclass(slots=True)
class Minute:
    """`ended` is by state; `answers` counts those that were answered, by the band of their time."""

    accepted: int = 0
    ended: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    answers: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, other: "Minute") -> None:
        self.accepted += other.accepted
        for state, count in other.ended.items():
            self.ended[state] += count
        for band, count in other.answers.items():
            self.answers[band] += count

    @property
    def finished(self) -> int:
        return sum(self.ended.values())

    def quantile(self, share: float) -> float | None:
        """The seconds within which this share of the answers came, by bands; None without any."""
        left = share * sum(self.answers.values())
        below = 0.0
        for band, count in sorted(self.answers.items()):
            top = BANDS[min(band, len(BANDS) - 1)]
            below = BANDS[band - 1] if 0 < band <= len(BANDS) else 0.0
            if left <= count:
                return below + (top - below) * left / count
            left -= count
        return None


def read(ledger: Ledger, begin: float, end: float) -> dict[int, Minute]:
    """The minutes (epoch seconds / 60) from `begin` until `end` in which something happened."""
    minutes: dict[int, Minute] = defaultdict(Minute)
    with ledger.database.read() as connection:
        first = first_since(connection, begin)
        beyond = first_since(connection, end + 2 * OUT_OF_LINE)
        if first is None or beyond is None:
            return minutes
        minute = floored(ledger.database, jobs.c.accepted_at / MINUTE)
        accepted = (
            select(minute, func.count())
            .where(jobs.c.seq >= first, jobs.c.seq <= beyond)
            .where(jobs.c.accepted_at >= begin, jobs.c.accepted_at < end)
            .group_by(minute)
        )
        for number, count in connection.execute(accepted):
            minutes[number].accepted = count
        for number, state, band, count in connection.execute(_ended(ledger.database, begin, end)):
            minutes[number].ended[state] += count
            if state in ANSWERED:
                minutes[number].answers[band] += count
    return minutes


def _ended(database: Database, begin: float, end: float) -> Any:
    took = jobs.c.finished_at - jobs.c.accepted_at
    band = case(*((took < top, place) for place, top in enumerate(BANDS)), else_=len(BANDS))
    minute = floored(database, jobs.c.finished_at / MINUTE)
    each = (
        select(minute.label("minute"), jobs.c.state, band.label("band"))
        .where(text(FINISHED), jobs.c.finished_at >= begin, jobs.c.finished_at < end)
        .with_hint(*by("jobs_finished"))
        .subquery()
    )
    by_what = (each.c.minute, each.c.state, each.c.band)
    return select(*by_what, func.count()).group_by(*by_what)


def floored(database: Database, value: ColumnElement[Any]) -> ColumnElement[int]:
    """The whole part of what is not negative: SQLite's cast cuts off, PostgreSQL's rounds."""
    return cast(value if database.is_sqlite else func.floor(value), BigInteger)
