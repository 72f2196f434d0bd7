import pytest

from worker.cli.timeline import BASIS, lines
from worker.domain.outcomes import Basis
from worker.domain.telling import lasting

LATER = "2096-10-02T07:06:40.000Z"


def at(seconds):
    return f"2026-01-31T23:59:{seconds:06.3f}Z"


def transition(seconds, old, new, **more):
    given = {"subject": "job", "waiting_for": None, "actor": "w1", "why": None, **more}
    return {"at": at(seconds), "from": old, "to": new, **given}


def attempt(number, operation, step, began, ended, outcome, **more):
    given = {"status": None, "code": None, "message": None, "request_id": None, **more}
    times = {"claimed_at": at(began), "finished_at": None if ended is None else at(ended)}
    return {
        "number": number,
        "operation": operation,
        "step": step,
        "outcome": outcome,
        **times,
        **given,
    }


def job(**more):
    return {
        "id": "4711-0815",
        "task": "confirm",
        "seller": "acme",
        "order_id": "S01",
        "parent_order_id": None,
        "reason": None,
        "reason_detail": None,
        "priority": 0,
        "state": "waiting",
        "waiting_for": "turn",
        "effect": "none",
        "due_at": LATER,
        "expected_at": None,
        "expected_basis": None,
        "worker": None,
        "lease_until": None,
        "finished_at": None,
        "receipt": None,
        "error": None,
        "attempts": [],
        "transitions": [transition(1, None, "waiting", actor="producer")],
        **more,
    }


def test_a_lost_answer_reads_as_sent_in_doubt_looked_up_done():
    found = {"status": 200, "request_id": "r-2"}
    told = list(
        lines(
            job(
                state="succeeded",
                waiting_for=None,
                finished_at=at(5),
                receipt={"order_state": "Open", "basis": "own", "request_id": "r-2"},
                attempts=[
                    attempt(1, "Confirm", "apply", 2, 3.001, "unknown", message="timed out"),
                    attempt(2, "Get", "lookup:doubt", 4, 5, "applied", **found),
                ],
                transitions=[
                    transition(1, None, "waiting", actor="producer"),
                    transition(2, "waiting", "running"),
                    transition(3, "running", "in_doubt", why="timed out"),
                    transition(4, "in_doubt", "running"),
                    transition(5, "running", "succeeded", why="found Open"),
                    transition(5, None, "Open", subject="order"),
                ],
            )
        )
    )
    assert told == [
        "confirm S01 of acme: succeeded",
        "  job       4711-0815, priority 0",
        "  2026-01-31 (UTC)",
        "    23:59:01.000  accepted from producer",
        "    23:59:02.000  sent Confirm (attempt 1)",
        "    23:59:03.000  came back: unknown (no answer, timed out)",
        "    23:59:03.000  in doubt (timed out)",
        "    23:59:04.000  looked up with Get (attempt 2)",
        "    23:59:05.000  came back: answered (200, request r-2)",
        "    23:59:05.000  succeeded by w1 (found Open)",
        "    23:59:05.000  the order is Open",
        "  end       2026-01-31 23:59:05  done",
        "  receipt   order state Open, basis own (our call), request r-2 (the lookup)",
    ]


def test_the_request_of_a_receipt_is_that_of_the_write_unless_it_says_so():
    sent = attempt(1, "Cancel", "apply", 2, 3, "applied", status=200, request_id="r-1")
    receipt = {"basis": "own", "request_id": "r-1"}
    done = job(state="succeeded", finished_at=at(3), receipt=receipt, attempts=[sent])
    assert list(lines(done))[-1] == "  receipt   basis own (our call), request r-1"


def test_a_job_that_waits_says_for_what_and_until_when():
    (*_, last) = lines(job(waiting_for="quota"))
    assert last == "  next      waits for a token of its quota, due 2096-10-02 07:06:40"


def test_a_job_that_has_been_due_says_only_what_it_waits_for():
    (*_, last) = lines(job(waiting_for="quota", due_at=at(2)))
    assert last == "  next      waits for a token of its quota"


def test_where_it_is_foreseen_when_a_job_runs_that_is_said():
    (*_, last) = lines(job(waiting_for="quota", due_at=at(2), expected_at=LATER))
    assert last == "  next      waits for a token of its quota, expected at 2096-10-02 07:06:40"


def test_an_applied_job_says_that_only_its_details_are_left():
    told = list(lines(job(effect="applied", due_at=at(2))))
    assert told[0] == "confirm S01 of acme: waiting: turn (applied)"
    assert told[-1].endswith("it is applied; to read the order's details it waits for its turn")


def test_a_check_has_come_back_before_the_write_that_it_lets_go_in_the_same_moment():
    told = list(
        lines(
            job(
                task="cancel",
                attempts=[
                    attempt(1, "Get", "lookup:check", 2, 3, "applied", status=200),
                    attempt(2, "Cancel", "apply", 3, 4, "applied", status=200),
                ],
            )
        )
    )
    (came_back,) = [number for number, line in enumerate(told) if "03.000  came back" in line]
    assert "sent Cancel" in told[came_back + 1]


def test_a_request_in_flight_has_not_come_back():
    running = job(
        state="running",
        waiting_for=None,
        worker="host:7:c0ffee",
        lease_until=at(17),
        attempts=[attempt(1, "Confirm", "apply", 2, None, None)],
    )
    told = list(lines(running))
    assert told[-2:] == [
        "    23:59:02.000  sent Confirm (attempt 1)",
        "  next      host:7:c0ffee has it now, its lease lasts until 2026-01-31 23:59:17",
    ]


def test_an_error_ends_with_what_to_do():
    error = {"code": "E022", "message": "Invalid reason", "advice": "Use another reason."}
    told = list(lines(job(state="rejected", waiting_for=None, finished_at=at(2), error=error)))
    assert told[-2:] == [
        "  error     E022: Invalid reason",
        "  to do     Use another reason.",
    ]


def test_a_lookup_that_found_nothing_out_says_what_it_came_to():
    looked = attempt(2, "Get", "lookup:doubt", 4, 5, "throttled", status=503, code="Throttled")
    told = list(lines(job(attempts=[looked])))
    assert "    23:59:05.000  came back: throttled (503, Throttled)" in told


def test_a_code_that_the_message_begins_with_is_told_once():
    said = {"code": "E028", "message": "E028: It is not possible"}
    sent = attempt(1, "Set", "apply", 2, 3, "state_refused", status=200, **said)
    told = list(
        lines(
            job(state="rejected", waiting_for=None, finished_at=at(3), attempts=[sent], error=said)
        )
    )
    assert "    23:59:03.000  came back: state_refused (200, E028: It is not possible)" in told
    assert told[-1] == "  error     E028: It is not possible"


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("own", "our call"),
        ("other", "found so; somebody else did it"),
        ("inferred", "a repeat was refused by the item's state"),
    ],
)
def test_the_basis_of_a_success_is_said_in_words(basis, words):
    done = job(state="succeeded", waiting_for=None, finished_at=at(2), receipt={"basis": basis})
    assert list(lines(done))[-1] == f"  receipt   basis {basis} ({words})"


def test_every_basis_has_its_words():
    assert set(BASIS) == set(Basis)


def test_a_withdrawal_has_a_reason_and_is_no_error():
    error = {"kind": "withdrawn", "message": "sold out"}
    told = list(lines(job(state="withdrawn", waiting_for=None, finished_at=at(2), error=error)))
    assert told[-1] == "  because   sold out"
    assert not [line for line in told if "error" in line]


def test_a_wait_that_has_ended_says_how_long_it_was():
    waited = job(
        state="running",
        waiting_for=None,
        transitions=[
            transition(1, None, "waiting", actor="producer"),
            transition(2, "waiting", "running"),
            transition(3, "running", "waiting", waiting_for="throttle"),
            transition(18, "waiting", "running"),
        ],
    )
    assert "    23:59:03.000  waits for the end of a throttle: 15 s" in list(lines(waited))


def test_who_waits_for_the_buyer_says_when_it_is_looked_up_again():
    (*_, last) = lines(job(waiting_for="buyer"))
    assert last == (
        "  next      waits for the buyer's authentication, looked up again at 2096-10-02 07:06:40"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.254, "0.25 s"), (12.4, "12 s"), (90, "2 min"), (3900, "1 h 5 min"), (90000, "1 d 1 h")],
)
def test_a_duration_is_told_in_the_units_of_people(seconds, words):
    assert lasting(seconds) == words


def test_what_waits_says_when_its_turn_is_expected_and_on_what_that_rests():
    basis = "Confirm has 0.3 of 10 tokens, 1 a second; 41 jobs rank before it"
    told = list(lines(job(expected_at=at(42), expected_basis=basis)))
    assert told[-2:] == [
        "  next      waits for its turn, expected at 2026-01-31 23:59:42",
        f"  basis     {basis}",
    ]
