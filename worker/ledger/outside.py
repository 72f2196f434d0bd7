"""What Celery keeps that is no job: results of other tasks, groups, ids that stand for jobs."""

from typing import Any

from sqlalchemy import delete, select

from worker.ledger.continuations import Message, message_of_id
from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.schema import groups, results


@once_more
def find_job(database: Database, task_id: str) -> Message | None:
    """The job that a Celery task id stands for, by itself or as an alias."""
    with database.glance() as connection:
        return message_of_id(connection, task_id)


@once_more
def store_result(database: Database, task_id: str, status: str, meta: dict[str, Any]) -> None:
    with database.write() as connection:
        values = {"status": status, "meta": meta, "at": database.now(connection)}
        statement = database.insert(results).on_conflict_do_update(
            index_elements=["task_id"], set_=values
        )
        connection.execute(statement, {"task_id": task_id, **values})


@once_more
def load_result(database: Database, task_id: str) -> dict[str, Any] | None:
    with database.read() as connection:
        return connection.execute(
            select(results.c.meta).where(results.c.task_id == task_id)
        ).scalar()


@once_more
def forget_result(database: Database, task_id: str) -> None:
    with database.write() as connection:
        connection.execute(delete(results).where(results.c.task_id == task_id))


@once_more
def store_group(database: Database, group_id: str, result: Any) -> None:
    with database.write() as connection:
        values = {"result": result, "at": database.now(connection)}
        statement = database.insert(groups).on_conflict_do_update(
            index_elements=["group_id"], set_=values
        )
        connection.execute(statement, {"group_id": group_id, **values})


def load_group(database: Database, group_id: str) -> Any:
    with database.read() as connection:
        return connection.execute(
            select(groups.c.result).where(groups.c.group_id == group_id)
        ).scalar()


@once_more
def forget_group(database: Database, group_id: str) -> None:
    with database.write() as connection:
        connection.execute(delete(groups).where(groups.c.group_id == group_id))
