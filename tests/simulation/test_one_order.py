"""The jobs of one order, the requests of one claim: single scenes on the virtual clock."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.simulation.fleet import Fleet
from tests.simulation.model import ModelProvider, cancel, confirm
from tests.simulation.world import World
from worker.domain.decisions import Circumstances, decide
from worker.domain.jobs import Policy, Task
from worker.domain.outcomes import Answer, Outcome
from worker.errors import BadInput
from worker.executor import Executor
from worker.ledger import (
    acceptance,
    claims,
    continuations,
    recovery,
    retries,
    routing,
    settlements,
    withdrawals,
)
from worker.ledger.acceptance import Terms
from worker.ledger.schema import attempts, buckets, jobs, orders, transitions


class Script:
    """Faults one after the other for the calls of an operation, then none."""

    def __init__(self, **faults):
        self.faults = {name: list(these) for name, these in faults.items()}

    def __call__(self, _job, operation):
        left = self.faults.get(operation)
        return left.pop(0) if left else None


@pytest.fixture
def scene():
    def make(fault=lambda _job, _operation: None, seed=7, **options):
        world = World(seed)
        provider = ModelProvider(world, delay=lambda _cold: 0.05, fault=fault)
        provider.looks_up = options.pop("looks_up", True)
        return Fleet(world, provider, **options)

    return make


def rows(fleet, table=attempts):
    with fleet.database.read() as connection:
        return connection.execute(table.select()).all()


def run(fleet, seconds=600.0):
    return fleet.world.run(lambda: not fleet.unfinished(), seconds)


def states_of(fleet):
    return [job.state for job in rows(fleet, jobs)]


def test_a_throttled_request_is_tried_again_within_its_claim(scene):
    fleet = scene(Script(ConfirmOrderReference=["throttled by others"]))
    fleet.accept(confirm(1))
    run(fleet)
    sent = [each for each in rows(fleet) if each.step == "apply"]
    assert [each.outcome for each in sent] == ["throttled", "applied"]
    claimed = [each for each in rows(fleet, transitions) if each.why == "apply"]
    assert len(claimed) == 1
    assert sent[1].claimed_at - sent[0].finished_at == pytest.approx(1.0, abs=0.02)
    assert rows(fleet, jobs)[0].costs == 0


def test_a_rejection_is_sent_once(scene):
    fleet = scene()
    fleet.provider.reject = {"S01-0000000-0000001"}
    fleet.accept(confirm(1))
    run(fleet)
    assert [each.outcome for each in rows(fleet)] == ["rejected"]
    assert states_of(fleet) == ["rejected"]


def test_what_does_not_fit_the_patience_is_parked(scene):
    fleet = scene(
        Script(ConfirmOrderReference=["throttled by others"]), policy=Policy(patience=0.5)
    )
    fleet.accept(confirm(1))
    run(fleet)
    claimed = [each for each in rows(fleet, transitions) if each.why == "apply"]
    assert len(claimed) == 2


def test_an_exhausted_bucket_stands_in_nobody_elses_way(scene):
    fleet = scene()
    for order in range(40):
        fleet.accept(confirm(order))
    fleet.world.run(lambda: len(rows(fleet)) >= 20, 10.0)  # the burst and its lookups are gone
    fleet.accept(cancel(100))
    took = fleet.world.run(lambda: "succeeded" in states_of(fleet)[40:], 60.0)
    assert took < 0.5
    waiting = [job for job in rows(fleet, jobs) if job.state == "waiting"]
    assert len(waiting) >= 25


def test_asking_twice_is_one_job(scene):
    fleet = scene()
    first, second = fleet.accept(confirm(1)), fleet.accept(confirm(1))
    assert (second.job_id, second.created) == (first.job_id, False)
    run(fleet)
    assert fleet.accept(confirm(1)).job_id == first.job_id
    assert len(rows(fleet, jobs)) == 1


def test_after_a_success_one_can_ask_again(scene):
    fleet = scene()
    first = fleet.accept(confirm(1))
    run(fleet)
    second = fleet.accept(confirm(1), again=True)
    assert second.created
    assert rows(fleet, jobs)[1].previous_id == first.job_id


def test_a_rejected_confirm_asked_again_is_a_new_job(scene):
    fleet = scene()
    fleet.provider.reject = {"S01-0000000-0000001"}
    first = fleet.accept(confirm(1))
    run(fleet)
    fleet.provider.reject = set()
    second = fleet.accept(confirm(1))
    run(fleet)
    assert states_of(fleet) == ["rejected", "succeeded"]
    assert rows(fleet, jobs)[1].previous_id == first.job_id != second.job_id


def test_a_key_with_other_arguments_is_refused(scene):
    fleet = scene()
    fleet.accept(cancel(1, reason="out of stock"))
    with pytest.raises(BadInput, match="reason"):
        fleet.accept(cancel(1, reason="changed my mind"))
    assert len(rows(fleet, jobs)) == 1


def test_a_cancel_withdraws_the_confirm_that_has_not_begun(scene):
    fleet = scene()
    confirmed = fleet.accept(confirm(1), due_in=60.0)
    fleet.accept(cancel(1))
    run(fleet)
    assert fleet.states()[confirmed.job_id] == "withdrawn"
    assert fleet.provider.orders == {"S01-0000000-0000001": "Canceled"}


def test_a_cancel_waits_for_the_confirm_that_is_in_doubt(scene):
    fleet = scene(Script(ConfirmOrderReference=["lost after"]))
    fleet.accept(confirm(1))
    fleet.world.run(lambda: states_of(fleet) == ["running"], 5.0)
    fleet.accept(cancel(1))
    run(fleet)
    assert states_of(fleet) == ["succeeded", "succeeded"]
    assert [each.step for each in rows(fleet)] == ["apply", "lookup:doubt", "apply"]


def test_not_applied_takes_two_lookups_doubt_wait_apart(scene):
    fleet = scene(Script(ConfirmOrderReference=["500 before"]))
    fleet.accept(confirm(1))
    run(fleet)
    steps = [each.step for each in rows(fleet)]
    assert steps == ["apply", "lookup:doubt", "lookup:doubt", "apply", "lookup:details"]
    looked = [each for each in rows(fleet) if each.step == "lookup:doubt"]
    assert looked[1].claimed_at - looked[0].finished_at >= Policy().doubt_wait


def test_without_a_lookup_a_repeat_that_the_state_refuses_is_taken_as_done(scene):
    fleet = scene(Script(CancelOrderReference=["lost after"]), looks_up=False)
    fleet.provider.refuse_repeats = True
    fleet.accept(cancel(1))
    run(fleet)
    assert [each.outcome for each in rows(fleet)] == ["unknown", "state_refused"]
    assert rows(fleet, jobs)[0].receipt["basis"] == "inferred"


def test_an_outcome_that_stays_unknown_leaves_the_order_to_be_looked_up_first(scene):
    lost = Script(
        ConfirmOrderReference=["lost before"], GetOrderReferenceDetails=["500 before"] * 99
    )
    fleet = scene(lost, policy=Policy(doubt_limit=60.0))
    fleet.accept(confirm(1))
    run(fleet)
    assert rows(fleet, jobs)[0].error["kind"] == "outcome_unknown"
    assert rows(fleet, orders)[0].in_doubt
    lost.faults = {}
    fleet.accept(cancel(1))
    run(fleet)
    of_cancel = [each.step for each in rows(fleet) if each.operation != "ConfirmOrderReference"]
    assert of_cancel[-3:] == ["lookup:doubt", "lookup:doubt", "apply"]
    assert not rows(fleet, orders)[0].in_doubt


def test_a_killed_run_is_noticed_when_its_lease_ends(scene):
    fleet = scene()
    fleet.accept(confirm(1))
    fleet.world.run(lambda: states_of(fleet) == ["running"], 5.0)
    assert fleet.kill_one()
    took = run(fleet)
    assert states_of(fleet) == ["succeeded"]
    assert took <= Policy().lease + Policy().call_timeout + 1.0
    assert fleet.provider.applied.total() == 1


def test_a_settle_that_comes_after_its_lease_changes_nothing(scene):
    fleet = scene()
    job_id = fleet.accept(confirm(1)).job_id
    held = claims.claim(fleet.ledger, job_id, "slow worker")
    fleet.world.now += Policy().lease
    assert recovery.recover(fleet.ledger, "dispatcher") == 1
    before = rows(fleet, jobs)
    decision = success_of(held)
    assert not settlements.settle(fleet.ledger, held, Answer(Outcome.APPLIED, status=200), decision)
    assert rows(fleet, jobs) == before
    assert states_of(fleet) == ["in_doubt"]


def success_of(held):
    at = Circumstances(now=held.turn.at, can_look_up=True)
    answer = Answer(Outcome.APPLIED, status=200, request_id="late")
    return decide(held.job, answer, at, replace(Policy(), lookup_after_confirm=False))


def test_a_job_that_kills_its_worker_is_given_up_after_five_leases(scene):
    fleet = scene()
    fleet.accept(confirm(1))
    for _ in range(20):
        fleet.world.run(lambda: any(fleet.runs), 60.0)
        fleet.kill_one()
        fleet.world.run(lambda: "running" not in states_of(fleet), 60.0)
        if not fleet.unfinished():
            break
    assert states_of(fleet) == ["failed"]
    assert rows(fleet, jobs)[0].lost_leases == 5


def test_a_withdrawn_job_frees_its_order_at_once(scene):
    fleet = scene()
    first = fleet.accept(cancel(1), due_in=3600.0)
    fleet.accept(confirm(1))
    fleet.world.run(lambda: any(job.waiting_for == "order" for job in rows(fleet, jobs)), 5.0)
    withdrawals.withdraw(fleet.ledger, first.job_id, "operator", "not wanted any more")
    assert run(fleet) < 1.0
    assert states_of(fleet) == ["withdrawn", "succeeded"]


def test_a_running_job_is_not_withdrawn(scene):
    fleet = scene()
    job_id = fleet.accept(confirm(1)).job_id
    fleet.world.run(lambda: states_of(fleet) == ["running"], 5.0)
    assert withdrawals.withdraw(fleet.ledger, job_id, "operator", "").state == "running"
    run(fleet)
    assert states_of(fleet) == ["succeeded"]


def test_a_better_priority_goes_first(scene):
    fleet = scene()
    for order in range(30):
        fleet.accept(confirm(order, priority=10))
    fleet.world.run(lambda: len(rows(fleet)) >= 20, 10.0)
    urgent = fleet.accept(confirm(99, priority=0)).job_id
    assert fleet.world.run(lambda: fleet.states()[urgent] == "succeeded", 30.0) < 1.5


def test_an_outage_closes_the_bucket_and_is_probed_one_at_a_time(scene):
    fleet = scene(lambda _job, _operation: "unsent" if fleet.world.now < down_until else None)
    down_until = fleet.world.now + 120.0
    for order in range(20):
        fleet.accept(confirm(order))
    fleet.world.run(lambda: fleet.world.now >= down_until, 200.0)
    tried = [each for each in rows(fleet) if each.outcome == "refused"]
    assert len(tried) < 60  # ten at once, then probes that back off to a minute
    run(fleet)
    assert set(states_of(fleet)) == {"succeeded"}
    assert max(job.costs for job in rows(fleet, jobs)) < Policy().max_attempts


def test_a_wrong_key_closes_the_seller_after_the_first_answer_and_costs_nothing(scene):
    fleet = scene()
    fleet.provider.denied = True
    for order in range(5):
        fleet.accept(confirm(order))
    fleet.accept(cancel(50), due_in=2.0)
    fleet.world.run(lambda: fleet.world.now >= fleet.began + 100.0, 200.0)
    assert {each.outcome for each in rows(fleet)} == {"denied"}
    assert len(rows(fleet)) <= 5  # those that were on their way
    assert {row.closed_for for row in rows(fleet, buckets)} == {"credentials"}
    fleet.provider.denied = False
    run(fleet)
    assert set(states_of(fleet)) == {"succeeded"}
    assert {job.costs for job in rows(fleet, jobs)} == {0}


def test_a_bucket_row_that_was_deleted_by_hand_stops_nothing(scene):
    fleet = scene()
    for order in range(15):
        fleet.accept(confirm(order))
    fleet.world.run(lambda: len(rows(fleet)) >= 10, 10.0)
    with fleet.database.write() as connection:
        connection.execute(buckets.delete())
    run(fleet)
    assert set(states_of(fleet)) == {"succeeded"}
    assert fleet.provider.throttles() == 0


def test_a_row_that_was_edited_by_hand_into_the_future_is_not_run_early(scene):
    fleet = scene()
    job_id = fleet.accept(confirm(1), due_in=30.0).job_id
    with fleet.database.write() as connection:
        connection.execute(update(jobs).values(ready=True))
    assert run(fleet) >= 30.0
    assert fleet.states()[job_id] == "succeeded"


def test_a_job_expires_when_nobody_ran_it_in_time(scene):
    fleet = scene()
    fleet.accept(confirm(1), due_in=5.0, expires_in=-1.0)
    run(fleet)
    assert rows(fleet, jobs)[0].error["kind"] == "expired"
    assert rows(fleet) == []


def test_an_expiry_does_not_end_the_doubt_that_an_earlier_job_left(scene):
    lost = Script(
        ConfirmOrderReference=["lost before"], GetOrderReferenceDetails=["500 before"] * 999
    )
    fleet = scene(lost, policy=Policy(doubt_limit=60.0))
    fleet.accept(confirm(1))
    run(fleet)
    fleet.accept(confirm(1), expires_in=60.0)
    run(fleet)
    assert [job.error["kind"] for job in rows(fleet, jobs)] == ["outcome_unknown", "expired"]
    assert rows(fleet, orders)[0].in_doubt


def test_a_worker_without_the_seller_leaves_the_doubt_to_one_that_has_it(scene):
    fleet = scene()
    fleet.accept(confirm(1))
    fleet.world.run(lambda: states_of(fleet) == ["running"], 5.0)
    fleet.kill_one()
    fleet.provider.looks_up = False  # as a worker sees it that does not know the seller
    fleet.world.run(lambda: states_of(fleet) != ["running"], 60.0)
    fleet.provider.looks_up = True
    run(fleet)
    assert states_of(fleet) == ["succeeded"]
    assert [each.step for each in rows(fleet)][1] == "lookup:doubt"


@pytest.mark.parametrize("lost", ["lost before", "lost after"])
def test_a_retry_of_an_unknown_outcome_confirms_once(scene, lost):
    """Whether the lost confirm had taken effect or not, the retry looks before it sends."""
    script = Script(ConfirmOrderReference=[lost], GetOrderReferenceDetails=["500 before"] * 9999)
    fleet = scene(script, policy=Policy(doubt_limit=60.0))
    job_id = fleet.accept(confirm(1)).job_id
    run(fleet)
    assert states_of(fleet) == ["failed"]
    script.faults.clear()  # the provider is healed
    before = len(rows(fleet))
    assert retries.retry(fleet.ledger, job_id, actor="operator").refusal is None
    run(fleet)
    assert states_of(fleet) == ["succeeded"]
    assert rows(fleet)[before].step == "lookup:doubt"
    assert list(fleet.provider.applied.values()) == [1]
    assert not rows(fleet, orders)[0].in_doubt


def test_what_the_schedule_retries_succeeds_once_the_provider_is_healed(scene):
    script = Script(ConfirmOrderReference=["unsent"] * 9999)
    fleet = scene(script, policy=Policy(give_up_after={Task.CONFIRM: 300.0}))
    ids = [fleet.accept(confirm(number)).job_id for number in range(3)]
    run(fleet)
    assert states_of(fleet) == ["failed"] * 3
    due = retries.due_for_retry(fleet.ledger, 3600.0, 3, 2)
    assert [each.why_not for each in due] == [None, None]
    script.faults.clear()
    for each in due:
        retries.retry(fleet.ledger, each.job_id, actor="schedule", by_schedule=True)
    run(fleet)
    assert sorted(fleet.states()[job_id] for job_id in ids) == ["failed", "succeeded", "succeeded"]
    assert [job.retries for job in rows(fleet, jobs)].count(1) == 2


@pytest.mark.parametrize("lookup_after_confirm", [True, False])
def test_where_the_bank_has_a_say_a_200_alone_is_no_success(scene, lookup_after_confirm):
    fleet = scene(
        Script(GetOrderReferenceDetails=["500 before"] * 9999),
        policy=Policy(lookup_after_confirm=lookup_after_confirm),
    )
    fleet.provider.sca = True
    fleet.accept(confirm(1))
    run(fleet, 4 * 3600.0)
    assert states_of(fleet) == ["failed"]
    assert rows(fleet, jobs)[0].error["kind"] == "outcome_unknown"


def test_where_the_bank_has_a_say_an_order_that_was_cancelled_meanwhile_was_never_confirmed(scene):
    fleet = scene(Script(GetOrderReferenceDetails=["500 before"] * 9))
    fleet.provider.sca = True
    fleet.accept(confirm(1))
    fleet.world.run(lambda: len(rows(fleet)) > 3, 60.0)
    fleet.provider.orders["S01-0000000-0000001"] = "Canceled"
    run(fleet)
    assert states_of(fleet) == ["rejected"]


def test_a_late_denial_closes_nobody(scene):
    fleet = scene()
    job_id = fleet.accept(confirm(1)).job_id
    held = claims.claim(fleet.ledger, job_id, "slow worker")
    fleet.world.now += Policy().lease
    recovery.recover(fleet.ledger, "dispatcher")
    denied = Answer(Outcome.DENIED, status=403, code="AccessDenied", scope="seller")
    at = Circumstances(now=fleet.world.now, can_look_up=True)
    assert not settlements.settle(
        fleet.ledger, held, denied, decide(held.job, denied, at, Policy())
    )
    assert {row.closed_for for row in rows(fleet, buckets)} == {None}


def test_the_id_of_another_job_is_refused(scene):
    fleet = scene()
    terms = Terms("chosen", "producer")
    acceptance.accept(fleet.ledger, confirm(1), terms)
    assert not acceptance.accept(fleet.ledger, confirm(1), terms).created
    with pytest.raises(BadInput, match="task_id"):
        acceptance.accept(fleet.ledger, confirm(2), terms)


def test_a_row_that_cannot_be_read_stands_in_nobody_elses_way(scene):
    fleet = scene()
    odd, good = fleet.accept(confirm(1), due_in=1.0), fleet.accept(confirm(2), due_in=1.0)
    with fleet.database.write() as connection:
        of_odd = update(jobs).where(jobs.c.id == odd.job_id)
        connection.execute(of_odd.values(step="a newer word", deadline=0.0))
    fleet.world.run(lambda: fleet.states()[good.job_id] == "succeeded", 60.0)


def test_a_clock_that_is_set_back_stops_no_bucket(scene):
    fleet = scene()
    for order in range(10):
        fleet.accept(confirm(order))
    run(fleet)
    fleet.database._clock = lambda: fleet.world.now - 3600.0
    for order in range(10, 15):
        fleet.accept(confirm(order))
    assert run(fleet) < 60.0
    assert fleet.provider.throttles() == 0


def test_what_a_second_asker_hangs_on_its_call_is_told_when_the_job_is_final(scene):
    fleet = scene()
    first = fleet.accept(confirm(1), options={"link": ["a"]})
    same = fleet.accept(confirm(1), options={"link": ["a"]})
    other = fleet.accept(confirm(1), options={"link": ["b"]})
    assert first.job_id == same.job_id == other.job_id
    run(fleet)
    continuations.fired(fleet.database, first.job_id)
    with fleet.database.write() as connection:
        now = fleet.world.now
        told = continuations.tell_again(connection, continuations.due(connection, now), now)
        assert [(each.options, each.job.id) for each in told] == [({"link": ["b"]}, first.job_id)]
        assert continuations.due(connection, now + 59.0) == []
        assert continuations.due(connection, now + 61.0) == [told[0].id]
    continuations.fired(fleet.database, told[0].id)
    with fleet.database.read() as connection:
        assert continuations.due(connection, fleet.world.now + 999.0) == []


def test_a_row_that_cannot_be_routed_stands_in_nobody_elses_way(scene):
    fleet = scene()
    odd, good = fleet.accept(confirm(1), due_in=1.0), fleet.accept(confirm(2), due_in=1.0)
    with fleet.database.write() as connection:
        of_odd = update(jobs).where(jobs.c.id == odd.job_id)
        connection.execute(of_odd.values(step="a newer word", bucket="a newer bucket"))
    fleet.world.run(lambda: fleet.states()[good.job_id] == "succeeded", 60.0)


def test_a_row_that_cannot_be_ended_is_left_alone_for_a_while(scene, monkeypatch):
    fleet = scene()
    odd = fleet.accept(confirm(1), due_in=1.0)
    with fleet.database.write() as connection:
        of_odd = update(jobs).where(jobs.c.id == odd.job_id)
        connection.execute(of_odd.values(step="a newer word", deadline=0.0))
    tried, end = [], recovery._end
    monkeypatch.setattr(recovery, "_end", lambda *words: (tried.append(words), end(*words)))
    until = fleet.world.now + 10.0
    fleet.world.run(lambda: fleet.world.now >= until, 20.0)
    assert len(tried) == 1


def test_the_same_call_delivered_again_is_answered_by_its_job(scene):
    fleet = scene()
    fleet.provider.reject = {"S01-0000000-0000001"}
    terms = Terms("chosen", "producer", options={"link": ["a"]})
    acceptance.accept(fleet.ledger, confirm(1), terms)
    run(fleet)
    assert acceptance.accept(fleet.ledger, confirm(1), terms).job_id == "chosen"
    assert len(rows(fleet, jobs)) == 1


def test_the_id_of_an_alias_is_no_new_jobs(scene):
    fleet = scene()
    fleet.accept(confirm(1))
    acceptance.accept(fleet.ledger, confirm(1), Terms("alias", "producer", options={"link": ["a"]}))
    with pytest.raises(BadInput, match="task_id"):
        acceptance.accept(fleet.ledger, confirm(2), Terms("alias", "producer"))


def test_a_worker_that_starts_leaves_other_sellers_jobs_where_they_wait(scene):
    fleet = scene()
    for order in range(5):
        fleet.accept(confirm(order), may_publish=False)
    other = ModelProvider(fleet.world, seller="other", quotas={})
    routing.prepare(replace(fleet.ledger, routes=other))
    assert all(job.bucket for job in rows(fleet, jobs))


def held_twice(fleet):
    """A claim whose lease was taken away, and the one that another worker has on the job now."""
    job_id = fleet.accept(confirm(1)).job_id
    late = claims.claim(fleet.ledger, job_id, "slow worker")
    fleet.world.now += Policy().lease + Policy().call_timeout
    recovery.recover(fleet.ledger, "dispatcher")
    routing.wake_sleepers(fleet.ledger)
    return late, claims.claim(fleet.ledger, job_id, "other worker")


def test_a_late_settle_does_not_end_another_workers_claim(scene):
    fleet = scene()
    late, present = held_twice(fleet)
    before = rows(fleet, jobs)
    answer = Answer(Outcome.APPLIED, status=200)
    assert not settlements.settle(fleet.ledger, late, answer, success_of(late))
    assert not settlements.note(fleet.ledger, late, answer, success_of(late))
    assert rows(fleet, jobs) == before
    assert before[0].worker == present.worker == "other worker"


def test_a_late_worker_gets_no_token_for_another_request(scene):
    fleet = scene()
    late, _ = held_twice(fleet)
    levels = [(row.key, row.level) for row in rows(fleet, buckets)]
    assert claims.take(fleet.ledger, late) is None
    assert [(row.key, row.level) for row in rows(fleet, buckets)] == levels
    assert len(rows(fleet)) == 2


def test_a_worker_that_was_held_up_past_its_lease_sends_nothing(scene):
    fleet = scene(policy=Policy(patience=0.01))  # a retry would have a lease of its own
    job_id = fleet.accept(confirm(1), may_publish=False).job_id
    claim = claims.claim

    def held_up(*words):
        held = claim(*words)
        fleet.world.now += Policy().lease - Policy().call_timeout + 0.1
        return held

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "claim", held_up)
        executor = Executor(
            fleet.ledger, {"acme": fleet.provider}, fleet.world, "slow worker", lambda: 1.0
        )
        executor.run(job_id)
    assert fleet.provider.calls == []
    assert rows(fleet)[0].outcome == "refused"
    assert states_of(fleet) == ["waiting"]
