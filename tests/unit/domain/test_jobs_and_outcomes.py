"""The words of a job, where they compute something."""

from dataclasses import replace

from domain_values import a_job

from worker.domain.jobs import RANK, Request, Step, Task
from worker.domain.outcomes import Answer, Outcome

CONFIRM = Request(Task.CONFIRM, "acme", "S01-1")


def test_by_default_a_request_is_the_same_as_another_of_its_task_and_order():
    assert CONFIRM.idempotency_key == "confirm/S01-1"
    assert replace(CONFIRM, task=Task.CANCEL).idempotency_key == "cancel/S01-1"
    assert replace(CONFIRM, key="mine").idempotency_key == "mine"
    assert replace(CONFIRM, key="").idempotency_key == ""


def test_priority_and_key_are_no_arguments_of_a_request():
    assert replace(CONFIRM, priority=30, key="mine").arguments() == CONFIRM.arguments()
    assert replace(CONFIRM, success_url="https://shop").arguments() != CONFIRM.arguments()


def test_every_step_but_the_write_is_a_lookup_and_details_rank_last():
    assert [step for step in Step if not step.is_lookup] == [Step.APPLY]
    assert set(RANK) == set(Step)
    assert max(Step, key=RANK.__getitem__) is Step.DETAILS


def test_a_job_speaks_for_its_request():
    job = a_job(task=Task.CANCEL)
    assert (job.task, job.seller, job.order_id) == (Task.CANCEL, "acme", "S01-1")


def test_an_answer_without_a_status_did_not_come():
    assert Answer(Outcome.UNKNOWN, status=500).answered
    assert not Answer(Outcome.UNKNOWN, message="timeout").answered
