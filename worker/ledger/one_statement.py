"""A request accepted in one round trip to PostgreSQL: what `acceptance` does in several.

Inserts nothing if the key is held, or if the database is not the ledger that was meant. A key
that another transaction holds meanwhile is waited for, as by any insert, and then seen neither
as accepted nor as held: the statement looks at the moment in which it began.
"""

import functools
from typing import Any

from sqlalchemy import (
    Boolean,
    Cast,
    Float,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from worker.ledger.changes import CHANNEL
from worker.ledger.identity import OF_POSTGRESQL
from worker.ledger.newcomers import FIRST_PUBLISH, TIMES
from worker.ledger.schema import HOLDS_KEY, READY, buckets, jobs, transitions

MADE_HERE = {"previous_id", "publish_at", "publish_count"}
CLOCK = literal_column("CAST(extract(epoch FROM clock_timestamp()) AS double precision)", Float)


def parameters(
    identity: str | None, row: dict[str, Any], history: dict[str, Any], *, may_publish: bool
) -> dict[str, Any]:
    """What `statement` is executed with; `history` is the transition of the new job."""
    return {
        **({} if identity is None else {"identity": identity}),
        "may_publish": may_publish,
        **{name: value for name, value in row.items() if name not in MADE_HERE},
        **{f"history_{name}": value for name, value in history.items()},
    }


@functools.cache
def statement(
    columns: frozenset[str], told: frozenset[str], *, anywhere: bool = False
) -> Select[Any]:
    """For a row and a transition of these columns; `anywhere`: on whatever database it is said.

    Answers with no row where the database is another one; else with `accepted_id` and
    `publish_count` of a new job, and the job that held the key.
    """
    given = sorted(columns - MADE_HERE)
    is_meant = true() if anywhere else bindparam("identity") == OF_POSTGRESQL
    asked = (
        select(
            *(_given(name, jobs.c[name].type).label(name) for name in given),
            CLOCK.label("now"),
        )
        .where(is_meant)
        .cte("asked")
    )
    of_key = and_(jobs.c.seller == asked.c.seller, jobs.c.key == asked.c.key)
    holder = select(jobs).join(asked, and_(of_key, text(f"{jobs.name}.{HOLDS_KEY}"))).cte("holder")
    previous = (
        select(jobs.c.id)
        .where(of_key, jobs.c.order_id == asked.c.order_id)
        .order_by(jobs.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    runs_now = and_(_given("may_publish", Boolean()), asked.c.ready, _could_run(asked))
    row = {
        **{name: asked.c[name] for name in given},
        **{name: asked.c.now + asked.c[name] for name in TIMES},
        "previous_id": previous,
        "publish_at": case((runs_now, asked.c.now + FIRST_PUBLISH), else_=0.0),
        "publish_count": case((runs_now, 1), else_=0),
    }
    accepted = (
        postgresql.insert(jobs)
        .from_select(list(row), select(*row.values()).where(~exists(select(holder.c.id))))
        .on_conflict_do_nothing()
        .returning(jobs.c.id, jobs.c.accepted_at, jobs.c.publish_count)
        .cte("accepted")
    )
    first = {
        **{name: _given(f"history_{name}", transitions.c[name].type) for name in sorted(told)},
        "job_id": accepted.c.id,
        "at": accepted.c.accepted_at,
    }
    history = insert(transitions).from_select(list(first), select(*first.values())).cte("history")
    notice = cast(func.pg_notify(CHANNEL, ""), Text)
    return (
        select(
            accepted.c.id.label("accepted_id"),
            accepted.c.publish_count.label("published"),
            case((accepted.c.id.is_not(None), notice)).label("notice"),
            holder,
        )
        .select_from(asked.outerjoin(accepted, true()).outerjoin(holder, true()))
        .add_cte(history)
    )


def _given(name: str, kind: TypeEngine[Any]) -> Cast[Any]:
    """A parameter as its column's type makes it; the cast is for drivers that send bare text."""
    return cast(bindparam(name, type_=kind), kind)


def _could_run(asked: Any) -> Any:
    """As `acceptance` guesses: a token and nothing ready in the bucket, if it has a row yet."""
    level = buckets.c.level + (asked.c.now - buckets.c.level_at) * buckets.c.rate
    nothing_ready = ~exists().where(jobs.c.bucket == asked.c.bucket, text(f"{jobs.name}.{READY}"))
    free = and_(buckets.c.open_at <= asked.c.now, level >= 1.0, nothing_ready)
    of_bucket = select(free).where(buckets.c.key == asked.c.bucket)
    return func.coalesce(of_bucket.scalar_subquery(), true())
