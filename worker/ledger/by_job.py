"""Questions in other words: by the id of a job instead of by what its row says.

Whoever knows no more than a job's id would have to read its row before he can ask for its order
and its bucket, and PostgreSQL is across a network. A sub-select reads the row within the
question, at the moment when that is answered: behind the locks that were asked for before it.
"""

import functools
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, Select, and_, bindparam, select, text
from sqlalchemy.sql.visitors import replacement_traverse

from worker.domain.jobs import State, Step
from worker.ledger.pipeline import Question
from worker.ledger.schema import PARKED, jobs

mine = jobs.alias("mine")
IS_MINE = mine.c.id == bindparam("job_id")
# What is running or final takes no token now; a check takes two, and no column names both buckets.
TAKES_ONE = and_(text(PARKED), mine.c.step != Step.CHECK)


def by_job(job_id: str, questions: Iterable[Question]) -> list[Question]:
    """Each of the questions, its values that are None taken from the job's row, by their names.

    They find nothing where the job takes no token of its bucket now.
    """
    worded: list[Question] = []
    for statement, given in questions:
        unknown = frozenset(name for name, value in given.items() if value is None)
        known = {name: value for name, value in given.items() if name not in unknown}
        if unknown:
            worded.append((_reworded(statement, unknown), {"job_id": job_id, **known}))
        else:
            worded.append((statement, known))
    return worded


def takes_one(row: Any) -> bool:
    """Whether the questions have found what they look for, of a locked row of `jobs`."""
    parked = row.state in {State.WAITING, State.IN_DOUBT}
    return parked and row.bucket is not None and row.step != Step.CHECK


@functools.cache
def _reworded(statement: Select[Any], names: frozenset[str]) -> Any:
    def read(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter) and element.key in names:
            return select(mine.c[element.key]).where(IS_MINE, TAKES_ONE).scalar_subquery()
        return None

    made: Any = replacement_traverse(statement, {}, read)
    return made
