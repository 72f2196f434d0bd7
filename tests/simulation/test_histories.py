"""Random histories: whatever goes wrong, nothing is lost, applied twice, or sent again blindly."""

from collections import defaultdict

import pytest

from tests.simulation.model import CALL_TIMEOUT, FAULTS, ModelProvider, cancel, confirm
from tests.simulation.world import Fleet, World
from worker.domain.jobs import Policy
from worker.domain.outcomes import Outcome
from worker.ledger.schema import attempts, jobs, transitions
from worker.ledger.verification import replay

HISTORIES = 60
WRITES = {"confirm": "ConfirmOrderReference", "cancel": "CancelOrderReference"}
FAST = {
    "ConfirmOrderReference": (5.0, 2.0),
    "CancelOrderReference": (5.0, 2.0),
    "GetOrderReferenceDetails": (10.0, 4.0),
}


def faults(world, share):
    def fault(_job, _operation):
        return world.random.choice(FAULTS) if world.random.random() < share else None

    return fault


def play(seed):
    """One history: its fleet, when every job is final."""
    world = World(seed)
    share = world.random.choice([0.0, 0.1, 0.4])
    provider = ModelProvider(
        world,
        quotas=FAST,
        delay=lambda cold: world.random.uniform(0.01, 1.0 if cold else 0.2),
        fault=faults(world, share),
    )
    fleet = Fleet(
        world,
        provider,
        workers=world.random.randint(1, 3),
        slots=world.random.choice([1, 4]),
        policy=Policy(call_timeout=CALL_TIMEOUT),
    )
    fleet.lost_messages = world.random.choice([0.0, 0.2])

    def shop():
        for _ in range(30):
            order = world.random.randint(1, 12)
            make = world.random.choice([confirm, confirm, cancel])
            fleet.accept(make(order))
            world.sleep(world.random.choice([0.0, 0.1, 3.0]))

    def killer():
        for _ in range(world.random.choice([0, 4])):
            world.sleep(world.random.uniform(0.1, 20.0))
            fleet.kill_one()

    shopping = world.spawn(shop)
    world.spawn(killer)
    world.run(lambda: shopping.dead and not fleet.unfinished(), 4 * 3600.0)
    return fleet


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a_history_ends_well(seed):
    fleet = play(seed)
    with fleet.database.read() as connection:
        ended = connection.execute(jobs.select()).all()
        sent = connection.execute(attempts.select().order_by(attempts.c.id)).all()
        steps = connection.execute(transitions.select().order_by(transitions.c.id)).all()
    no_order_was_applied_twice(fleet.provider)
    no_bucket_was_exceeded(fleet.provider)
    nothing_was_sent_again_blindly(ended, sent)
    every_state_is_true_at_the_provider(fleet.provider, ended)
    every_state_is_that_of_its_last_transition(ended, steps)
    assert [f"{one.id} {one.what}" for one in replay.findings(fleet.ledger)] == []


def no_order_was_applied_twice(provider):
    assert all(times == 1 for times in provider.applied.values())


def no_bucket_was_exceeded(provider):
    assert provider.throttles() == 0


def nothing_was_sent_again_blindly(ended, sent):
    """An unclear write is followed by lookups: by one that ends its job, or by two that do not."""
    by_id = {job.id: job for job in ended}
    unclear = {}  # by order: the job of the unclear write, and the lookups read since
    for attempt in sent:
        job = by_id[attempt.job_id]
        if attempt.step == "apply":
            if job.order_id in unclear:
                before, lookups = unclear.pop(job.order_id)
                ended_by_one = before.id != job.id and before.finished_at <= attempt.claimed_at
                assert lookups >= (1 if ended_by_one else 2), f"{attempt} was sent blindly"
            if attempt.outcome == Outcome.UNKNOWN:
                unclear[job.order_id] = (job, 0)
        elif attempt.outcome == Outcome.APPLIED and job.order_id in unclear:
            before, lookups = unclear[job.order_id]
            unclear[job.order_id] = (before, lookups + 1)


def every_state_is_true_at_the_provider(provider, ended):
    by_order = defaultdict(list)
    for job in ended:
        assert job.state in {"succeeded", "rejected", "failed", "withdrawn"}
        by_order[job.order_id, job.task].append(job)
    for (order, task), same in by_order.items():
        wanted = "Open" if task == "confirm" else "Canceled"
        applied = provider.applied[order, wanted]
        succeeded = any(job.state == "succeeded" for job in same)
        unknown = any((job.error or {}).get("kind") == "outcome_unknown" for job in same)
        assert succeeded == bool(applied) or (unknown and applied), (order, task, same)


def every_state_is_that_of_its_last_transition(ended, steps):
    last = {step.job_id: step.new for step in steps if step.subject == "job"}
    assert {job.id: job.state for job in ended} == last
