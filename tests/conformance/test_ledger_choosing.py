"""What a round chooses: in whose turn, for how many slots, and at what price."""

import functools
import math
import random
from collections import Counter

import pytest
from sqlalchemy import update

from tests.conformance.steps import LOOKUP, Quotas, accept, at_once, confirm, hold, rows
from tests.conformance.test_ledger_plans import recorded
from worker.domain import bucket as arithmetic
from worker.ledger import rounds, routing
from worker.ledger.openings import SOON, Openings, next_opening
from worker.ledger.rows import bucket_of
from worker.ledger.schema import buckets, jobs

ALONE = ("acme",)
SEVERAL = ("acme", "other", "third")
PLENTY = 100.0  # tokens


@pytest.fixture
def of_sellers(open_ledger):
    """A ledger in which each of these sellers has so many ready jobs."""

    def made(ready, known=SEVERAL, capacity=PLENTY, rate=1.0):
        ledger = open_ledger(Quotas(capacity, rate, known=known))
        routing.prepare(ledger)
        for seller, number in ready.items():
            for each in range(number):
                accept(ledger, confirm(each, seller=seller), may_publish=False)
        return ledger

    return made


def published(ledger, slots, worker="w"):
    found = rounds.dispatch(ledger, worker, slots, (), 1.0).messages
    return [(message.job.seller, message.job.order_id[-1]) for message in found]


def by_seller(ledger, slots):
    return Counter(seller for seller, _ in published(ledger, slots))


def set_bucket(ledger, seller, **values):
    with ledger.database.write() as connection:
        of = (buckets.c.seller == seller, buckets.c.operation != LOOKUP)
        connection.execute(update(buckets).where(*of).values(**values))


def test_the_least_recently_served_bucket_is_first_and_each_gives_one_in_turn(of_sellers):
    ledger = of_sellers({"acme": 3, "other": 3, "third": 3})
    for seller, served_at in (("acme", 30.0), ("other", 10.0), ("third", 20.0)):
        set_bucket(ledger, seller, served_at=served_at)
    assert published(ledger, 2) == [("other", "0"), ("third", "0")]
    by_turns = [("other", "1"), ("third", "1"), ("acme", "0"), ("other", "2")]
    assert published(ledger, 4) == by_turns


def test_of_a_bucket_the_best_ranked_are_first_and_no_more_than_it_has_tokens(of_sellers):
    ledger = of_sellers({"acme": 5}, capacity=3.0, rate=0.001)
    with ledger.database.write() as connection:
        last = jobs.c.order_id == confirm(4).order_id
        connection.execute(update(jobs).where(last).values(priority=-1))
    assert published(ledger, 5) == [("acme", "4"), ("acme", "0"), ("acme", "1")]
    assert published(ledger, 5) == []


def test_a_seller_has_half_of_the_slots_while_others_could_use_the_rest(of_sellers):
    ledger = of_sellers({"acme": 20, "other": 20})
    for _ in range(4):
        hold(ledger, next(row.id for row in rows(ledger) if row.state == "waiting"), "w")
    assert by_seller(ledger, 8) == {"other": 4}
    assert by_seller(ledger, 16) == {"acme": 4, "other": 8}


def test_what_the_others_leave_a_seller_may_have_but_for_the_last_quarter(of_sellers):
    assert by_seller(of_sellers({"acme": 20, "other": 1}), 8) == {"acme": 6, "other": 1}


def test_the_only_seller_has_all_slots(of_sellers):
    assert by_seller(of_sellers({"acme": 20}, known=ALONE), 8) == {"acme": 8}


def test_a_process_of_few_slots_keeps_none_of_them_free(of_sellers):
    assert by_seller(of_sellers({"acme": 20}), 2) == {"acme": 2}


def test_while_no_slot_is_free_no_bucket_is_asked(of_sellers):
    ledger = of_sellers({"acme": 3, "other": 3})
    hold(ledger, rows(ledger)[0].id, "w")
    with recorded(ledger) as statements:
        assert published(ledger, 1) == []
    assert not [each for each in statements if f"{buckets.name}.served_at" in each]


def test_many_sellers_cost_no_more_statements_than_few(of_sellers):
    sellers = [f"s{number:02}" for number in range(20)]
    ledger = of_sellers(dict.fromkeys(sellers, 2), known=tuple(sellers))
    counts = []
    for slots in (4, 16):
        with recorded(ledger) as statements:
            assert len(published(ledger, slots)) == slots
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 10


def test_for_one_token_one_of_all_workers_wakes_one_job(of_sellers, open_ledger):
    first = of_sellers({"acme": 10}, known=ALONE, capacity=1.0, rate=0.001)
    fleet = [first, *(open_ledger(Quotas(1.0, 0.001, known=ALONE)) for _ in range(3))]
    told = at_once(
        [
            functools.partial(published, ledger, 4, f"w{number}")
            for number, ledger in enumerate(fleet)
        ]
    )
    assert [each for one in told for each in one] == [("acme", "0")]


def test_a_round_wakes_when_the_first_bucket_has_its_next_token(of_sellers):
    ledger = of_sellers({"acme": 1, "other": 1}, capacity=1.0, rate=2.0)
    now = ledger.database.time()
    set_bucket(ledger, "acme", level=0.0, level_at=now + 0.4)
    set_bucket(ledger, "other", level=0.0, level_at=now)
    found = rounds.dispatch(ledger, "w", 4, (), 1.0)
    assert found.messages == []
    assert found.next_in == pytest.approx(now + 0.5 - found.agenda.now, abs=SOON)


ODD = (-1.0, 0.0, 0.5, 1.0, 1e9, math.inf, -math.inf)


def drawn(chance, now):
    """Columns of a bucket: most as a worker writes them, some as nobody would."""
    capacity = chance.choice([1.0, 2.5, 10.0])
    usual = {
        "capacity": capacity,
        "rate": chance.choice([0.001, 1.0, 20.0, 1e5]),
        "margin": chance.choice([0.0, 0.0, 0.3]),
        "level": chance.choice([0.0, 1.0 - 1e-10, 1.0, capacity, chance.uniform(0, capacity)]),
        "level_at": now - chance.choice([-5.0, 0.0, 0.04, 1.0, 1000.0]),
        "open_at": chance.choice([0.0, now - 1.0, now, now + 3.0]),
        "closed_for": chance.choice([None, None, "throttle", "backoff", "credentials"]),
    }
    if chance.random() < 0.3:
        usual[chance.choice(["capacity", "rate", "margin", "level", "open_at"])] = chance.choice(
            ODD
        )
    return usual


@pytest.mark.by_hand
def test_the_database_leaves_out_no_bucket_that_has_a_token(of_sellers):
    sellers = tuple(f"s{number:03}" for number in range(120))
    ledger = of_sellers(dict.fromkeys(sellers, 1), known=sellers)
    now = ledger.database.time()
    chance = random.Random(7)
    for seller in sellers:
        set_bucket(ledger, seller, **drawn(chance, now))
    exact, nexts = {}, {}
    for row in rows(ledger, buckets):
        if row.operation == "ConfirmOrderReference":
            bucket = arithmetic.refilled(bucket_of(row._asdict()), now, 0)
            if tokens := arithmetic.tokens(bucket, now, 0):
                exact[row.key] = tokens
            nexts[row.key] = arithmetic.next_token_at(bucket, 0)
    with ledger.database.read() as connection:
        openings = Openings(connection, now, 16)
        found = {bucket.key: tokens for bucket, tokens in openings}
        next_at = min(openings.next_token_at, next_opening(connection, now))
    assert found == exact
    assert 20 < len(found) < 110
    assert next_at <= min(nexts.values()) + SOON


@pytest.mark.parametrize(("ahead", "is_put_aside"), [(0.3, False), (3600.0, True)])
def test_a_job_that_was_made_ready_during_the_round_is_not_put_aside(
    of_sellers, ahead, is_put_aside
):
    """It was chosen for its write, which another worker has sent since, and is to be looked up."""
    ledger = of_sellers({"acme": 1})
    with ledger.database.write() as connection:
        until = ledger.database.now(connection) + ahead
        connection.execute(update(jobs).values(due_at=until))
    published(ledger, 1)
    (row,) = rows(ledger)
    assert row.ready is not is_put_aside
    assert row.due_at == pytest.approx(until)
