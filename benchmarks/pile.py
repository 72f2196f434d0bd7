"""A hundred thousand waiting jobs in seconds: copies of one that waits.

A ledger's rows are copied by the database itself; a Celery queue on Redis gets copies of its
newest message, each with ids of its own. What is copied stands at the end of the queue.
"""

import uuid

import redis
from sqlalchemy import select

from worker.ledger.database import Database
from worker.ledger.schema import jobs

NUMBERED = ("id", "order_id", "key")  # a copy has a number behind these
CHUNK = 5_000  # messages of one round trip


def copy_job(database: Database, job_id: str, times: int) -> None:
    """So many copies of a job's row, the same but for its names."""
    plain = [each.name for each in jobs.columns if not each.primary_key]
    names = ", ".join(f'"{name}"' for name in plain)
    values = ", ".join(f"{each} || '-' || n" if each in NUMBERED else f'"{each}"' for each in plain)
    with database.write() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE numbers(n) AS"  # noqa: S608 - names of the schema
            f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times})"
            f" INSERT INTO {jobs.name} ({names})"
            f" SELECT {values} FROM {jobs.name}, numbers WHERE id = '{job_id}'"
        )


def copy_newest_job(url: str, times: int) -> None:
    """As `copy_job`, of the ledger's newest job, which must be waiting."""
    database = Database(url)
    with database.read() as connection:
        newest = select(jobs.c.id, jobs.c.state).order_by(jobs.c.seq.desc()).limit(1)
        job_id, state = connection.execute(newest).one()
    if state != "waiting":
        raise RuntimeError(f"The newest job is {state}: ask for more at once.")
    copy_job(database, job_id, times)
    database.engine.dispose()


def copy_newest_message(url: str, queue: str, times: int) -> None:
    """So many copies of the newest message of a Celery queue on Redis."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        text = client.lindex(queue, 0)
        if not text:
            raise RuntimeError(f"No message waits in {queue}: ask for more at once.")
        tag = text.partition('"delivery_tag": "')[2].partition('"')[0]
        task = text.partition('"correlation_id": "')[2].partition('"')[0]
        for begun in range(0, times, CHUNK):
            copies = (
                text.replace(tag, str(uuid.uuid4())).replace(task, str(uuid.uuid4()))
                for _ in range(min(CHUNK, times - begun))
            )
            client.lpush(queue, *copies)
