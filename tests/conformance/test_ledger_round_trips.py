"""How often a transaction on PostgreSQL waits for the network, over a wire that is slow."""

from tests.conformance.steps import REFUSED, accept, confirm, decision_on, hold, settle
from worker.domain.jobs import Policy
from worker.ledger import acceptance, claims, outside, settlements
from worker.ledger.acceptance import Terms

# In a bucket whose row is there. Whoever decides asks once, each question under the locks before
# it, and writes once. "ask" is `delay`, whose id nobody can have; "accept" looks for its id first.
MOST = {
    "ask": 1,
    "read": 1,
    "accept": 4,
    "claim": 2,
    "claim again": 2,
    "note": 2,
    "take": 2,
    "settle": 2,
}


def test_each_verb_waits_for_as_few_answers_as_it_can(wire, over_wire):
    ledger = over_wire(policy=Policy(lookup_after_confirm=False))
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))
    counted = {}

    def count(name, verb, *words):
        with wire.counting() as said:
            done = verb(ledger, *words)
        counted[name] = len(said)
        return done

    asked = count("ask", acceptance.accept, confirm(3), Terms("new", "producer", new_id=True))
    assert asked.created
    count("read", lambda ledger: outside.find_job(ledger.database, "new"))
    job_id = count("accept", accept, confirm(2)).job_id
    held = count("claim", claims.claim, job_id, "w")  # of a new order
    count("note", settlements.note, held, REFUSED, decision_on(ledger, held, REFUSED))
    held = count("take", claims.take, held)
    assert count("settle", settle, held)
    again = accept(ledger, confirm(2), again=True).job_id
    assert count("claim again", claims.claim, again, "w").job.id == again
    assert counted == MOST
