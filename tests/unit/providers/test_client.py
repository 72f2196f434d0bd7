"""Sign, send, parse; and the clock that is learnt from the provider's answers."""

from dataclasses import dataclass, field

import pytest

from worker.domain.outcomes import Answer, Outcome
from worker.providers.client import Client
from worker.providers.transport import HttpReply, HttpRequest, Transport


@dataclass
class Seller:
    """Calls a real server; `answers` is the script of what the parser finds in the replies."""

    client: Client
    url: str
    answers: list[Answer]
    signed: list[float] = field(default_factory=list)

    def call(self) -> Answer:
        return self.client.call(self.sign, self.parse)

    def sign(self, now: float) -> HttpRequest:
        self.signed.append(now)
        return HttpRequest("POST", self.url, {}, b"a=1")

    def parse(self, reply: HttpReply, now: float) -> Answer:
        assert reply.body == b"ok"
        assert now == self.signed[-1], "the parser judges by the time that was signed"
        return self.answers.pop(0)


APPLIED = Answer(Outcome.APPLIED, status=200)
THROTTLED = Answer(Outcome.THROTTLED, status=503)


def expired(offset: float | None) -> Answer:
    return Answer(Outcome.CLOCK_EXPIRED, status=400, clock_offset=offset)


@pytest.fixture
def seller(serve, make_transport):
    def make(*answers: Answer) -> Seller:
        transport: Transport = make_transport()
        return Seller(Client(transport, lambda: 1000.0), serve().url, list(answers))

    return make


def outcomes(seller: Seller) -> list[str]:
    return [seller.call().outcome.value for _ in range(len(seller.answers))]


def test_the_next_request_is_signed_with_the_corrected_clock(seller):
    acme = seller(expired(600.0), APPLIED, APPLIED)
    assert outcomes(acme) == ["clock_expired", "applied", "applied"]
    assert acme.signed == [1000.0, 1600.0, 1600.0]


def test_a_second_expiry_in_a_row_denies_the_seller_and_forgets_the_correction(seller):
    acme = seller(expired(600.0), expired(5.0), APPLIED)
    assert acme.call().outcome is Outcome.CLOCK_EXPIRED
    denied = acme.call()
    assert (denied.outcome, denied.scope) == (Outcome.DENIED, "seller")
    assert "clock" in denied.advice
    acme.call()
    assert acme.signed == [1000.0, 1600.0, 1000.0]


def test_an_expiry_without_a_date_denies_the_seller(seller):
    assert outcomes(seller(expired(None))) == ["denied"]


@pytest.mark.parametrize("offset", [2.5e11, -2.5e11, float("inf")])
def test_a_date_of_another_age_denies_the_seller_and_corrects_nothing(seller, offset):
    acme = seller(expired(offset), APPLIED)
    assert outcomes(acme) == ["denied", "applied"]
    assert acme.signed == [1000.0, 1000.0]


def test_an_expiry_after_a_success_corrects_the_clock_again(seller):
    acme = seller(expired(600.0), APPLIED, expired(-590.0), APPLIED)
    assert outcomes(acme) == ["clock_expired", "applied", "clock_expired", "applied"]
    assert acme.signed[-1] == 1010.0


def test_a_throttle_does_not_prove_the_corrected_clock(seller):
    acme = seller(expired(600.0), THROTTLED, expired(5.0))
    assert outcomes(acme) == ["clock_expired", "throttled", "denied"]


def test_a_late_answer_to_the_old_clock_does_not_deny(seller):
    acme = seller()
    acme.client._keep_clock(expired(600.0), 0.0)
    assert acme.client._keep_clock(expired(600.5), 0.0).outcome is Outcome.CLOCK_EXPIRED
    assert acme.client._offset == 600.5


def test_what_could_not_be_sent_is_refused_and_may_be_an_outage(make_transport):
    client = Client(make_transport(), lambda: 1000.0)
    request = HttpRequest("POST", "http://provider.invalid/?Signature=hidden", {}, b"")
    answer = client.call(lambda _: request, lambda *_: pytest.fail("nothing came"))
    assert (answer.outcome, answer.outage, answer.answered) == (Outcome.REFUSED, True, False)
    assert answer.message == "provider.invalid: name resolution failed before anything was sent"


def test_what_was_sent_without_an_answer_is_unknown_and_may_be_an_outage(serve, make_transport):
    client = Client(make_transport(), lambda: 1000.0)
    request = HttpRequest("POST", serve(lambda wire: wire.request()).url, {}, b"")
    answer = client.call(lambda _: request, lambda *_: pytest.fail("nothing came"))
    assert (answer.outcome, answer.outage, answer.answered) == (Outcome.UNKNOWN, True, False)
