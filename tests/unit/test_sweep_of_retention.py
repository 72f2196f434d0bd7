"""Retention is a schedule of every worker: nobody has to ask that a buyer's details go."""

from sqlalchemy import select

from worker import bootstrap
from worker.app import confirm, sweep
from worker.ledger import schedules
from worker.ledger.schema import jobs, transitions

ORDER = "S01-0000000-0000001"


def rows(door, table):
    with door.ledger.database.read() as connection:
        return connection.execute(select(table)).all()


def test_the_details_of_a_job_that_ended_long_ago_go_by_themselves(door):
    job_id = confirm.delay(ORDER, seller="acme").id
    door.executor.run(job_id)
    assert rows(door, jobs)[0].receipt["details"]
    with door.ledger.database.write() as connection:
        connection.execute(jobs.update().values(finished_at=jobs.c.finished_at - 31 * 86400.0))
    every = bootstrap.sweeps(door).every()
    assert every["retention"] == 3600.0
    schedules.ensure(door.ledger.database, every)
    (due,) = schedules.take_due(door.ledger.database, ["retention"])
    sweep.run(due.name, due.token)
    (job,) = rows(door, jobs)
    assert (job.id, job.receipt["basis"], job.receipt["details"]) == (job_id, "own", None)
    assert confirm.AsyncResult(job_id).get()["details"] is None
    assert [row.actor for row in rows(door, transitions) if row.subject == "details"] == [
        "retention"
    ]
    assert schedules.take_due(door.ledger.database, ["retention"]) == []
