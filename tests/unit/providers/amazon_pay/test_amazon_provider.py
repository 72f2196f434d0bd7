"""A seller from its configuration to the wire and back, against a real socket."""

import re
from urllib.parse import parse_qsl

import pytest
from amazon_answers import DATE, NOW, job, order

from worker.domain.jobs import Request, Step, Task
from worker.domain.outcomes import Basis, Outcome, Standing
from worker.providers.amazon_pay.provider import AmazonPay
from worker.providers.amazon_pay.signing import signature, string_to_sign

ACCESS_KEY = "AKIA-not-real"
SECRET_KEY = "not/a+secret"
CONFIRMED = "<ConfirmOrderReferenceResponse/>"
CANCELLED = "<CancelOrderReferenceResponse/>"
EU = {
    "region": "eu",
    "success_url": "https://shop.example/ok",
    "failure_url": "https://shop.example/no?a=b&c=d",
}


def http(body: str, status: int = 200, headers: str = "") -> bytes:
    raw = body.encode()
    head = f"HTTP/1.1 {status} X\r\nDate: {DATE}\r\nContent-Length: {len(raw)}\r\n{headers}\r\n"
    return head.encode() + raw


def refusal(code: str, message: str = "", status: int = 400) -> bytes:
    inside = f"<Code>{code}</Code><Message>{message}</Message>"
    return http(f"<ErrorResponse><Error>{inside}</Error></ErrorResponse>", status)


class Acme:
    """A seller, and the server that it talks to."""

    def __init__(self, server, now: float = NOW, **options: object) -> None:
        self.server = server
        self.provider = AmazonPay.from_configuration(
            "acme",
            {
                "region": "na",
                "environment": "sandbox",
                "seller_id": "A1B2C3",
                "access_key": ACCESS_KEY,
                "secret_key": SECRET_KEY,
                "endpoint": f"http://127.0.0.1:{server.port}",
                **options,
            },
            call_timeout=5,
            user_agent="order-worker/test",
            clock=lambda: now,
        )

    @property
    def sent(self) -> tuple[str, dict[str, str]]:
        """Head and form of the last request."""
        head, _, body = self.server.requests[-1].decode().partition("\r\n\r\n")
        return head, dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))


@pytest.fixture
def acme(serve):
    def start(answer: bytes, **options: object) -> Acme:
        return Acme(serve(answer), **options)

    return start


def test_a_confirm_is_one_signed_post(acme):
    seller = acme(http(CONFIRMED))
    answer = seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY))
    assert answer.outcome is Outcome.APPLIED
    head, form = seller.sent
    assert head.startswith("POST /OffAmazonPayments_Sandbox/2013-01-01 HTTP/1.1\r\n")
    host = f"127.0.0.1:{seller.server.port}"
    assert f"\r\nHost: {host}\r\n" in head + "\r\n"
    assert "\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8" in head
    assert "\r\nUser-Agent: order-worker/test" in head
    claimed = form.pop("Signature")
    assert form == {
        "AWSAccessKeyId": ACCESS_KEY,
        "Action": "ConfirmOrderReference",
        "AmazonOrderReferenceId": "S01-1234567-1234567",
        "SellerId": "A1B2C3",
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": "2023-05-06T07:08:09Z",
        "Version": "2013-01-01",
    }
    body = seller.server.requests[-1].decode().partition("\r\n\r\n")[2]
    query = re.sub(r"&Signature=[^&]*$", "", body)
    path = "/OffAmazonPayments_Sandbox/2013-01-01"
    assert claimed == signature(SECRET_KEY, string_to_sign("POST", host, path, query))


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        (None, {}),
        ("", {"CancelationReason": ""}),
        ("aus + € & =*~ \n", {"CancelationReason": "aus + € & =*~ \n"}),
    ],
)
def test_a_cancel_carries_its_reason_even_an_empty_one(acme, reason, sent):
    seller = acme(http(CANCELLED))
    answer = seller.provider.perform(job(Task.CANCEL, reason, step=Step.APPLY))
    assert answer.outcome is Outcome.APPLIED
    form = seller.sent[1]
    assert form["Action"] == "CancelOrderReference"
    assert {name: form[name] for name in form if name.startswith("Cancel")} == sent


def test_a_confirm_in_the_eu_says_where_the_buyer_returns_to(acme):
    seller = acme(http(CONFIRMED), **EU)
    seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY, success_url="https://own.example/"))
    form = seller.sent[1]
    assert form["SuccessUrl"] == "https://own.example/"
    assert form["FailureUrl"] == EU["failure_url"]


def test_other_regions_and_a_cancel_know_no_such_addresses(acme):
    for options, task, answer in (
        ({**EU, "region": "na"}, Task.CONFIRM, CONFIRMED),
        (EU, Task.CANCEL, CANCELLED),
    ):
        seller = acme(http(answer), **options)
        seller.provider.perform(job(task, step=Step.APPLY))
        assert not {"SuccessUrl", "FailureUrl"} & seller.sent[1].keys()


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("step", [step for step in Step if step.is_lookup])
def test_every_lookup_reads_the_order(acme, task, step):
    body = order("Open", "<LastUpdateTimestamp>2023-05-06T07:00:00Z</LastUpdateTimestamp>")
    seller = acme(http(body))
    answer = seller.provider.perform(job(task, step=step))
    assert answer.outcome is Outcome.APPLIED
    confirm = task is Task.CONFIRM
    assert answer.order.standing is (Standing.REACHED if confirm else Standing.NOT_YET)
    assert answer.order.basis is Basis.OTHER
    form = seller.sent[1]
    assert form["Action"] == seller.provider.operation(task, step) == "GetOrderReferenceDetails"
    assert form["AmazonOrderReferenceId"] == "S01-1234567-1234567"


def test_operations_of_writes_and_their_buckets(acme):
    provider = acme(b"").provider
    assert provider.operation(Task.CONFIRM, Step.APPLY) == "ConfirmOrderReference"
    assert provider.operation(Task.CANCEL, Step.APPLY) == "CancelOrderReference"
    used = {provider.operation(task, step) for task in Task for step in Step}
    assert used == set(provider.buckets())
    assert provider.can_look_up(Request(Task.CANCEL, "acme", "S01-1234567-1234567"))
    assert (provider.name, provider.seller) == ("amazon_pay", "acme")


def test_a_draft_can_be_confirmed_for_three_hours(acme):
    """Amazon Pay, Order reference states and reason codes."""
    provider = acme(http(CONFIRMED)).provider
    assert provider.lifetime(Task.CONFIRM) == 3 * 3600.0
    assert provider.lifetime(Task.CANCEL) is None


def test_a_given_path_is_called_and_signed_with_its_trailing_slash(serve):
    server = serve(http(CONFIRMED))
    seller = Acme(server, endpoint=f"http://127.0.0.1:{server.port}/own/")
    seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY))
    head, form = seller.sent
    assert head.startswith("POST /own/ HTTP/1.1\r\n")
    body = server.requests[-1].decode().partition("\r\n\r\n")[2]
    text = string_to_sign("POST", f"127.0.0.1:{server.port}", "/own/", body.split("&Signature=")[0])
    assert form["Signature"] == signature(SECRET_KEY, text)


def test_a_delegated_developer_sends_the_token(acme):
    seller = acme(http(CONFIRMED), mws_auth_token="tok-en")
    seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY))
    assert seller.sent[1]["MWSAuthToken"] == "tok-en"


def test_an_unknown_order_on_a_lookup_is_rejected(acme):
    seller = acme(refusal("InvalidOrderReferenceId", "The OrderReferenceId X is invalid.", 404))
    answer = seller.provider.perform(job(Task.CONFIRM))
    assert (answer.outcome, answer.code) == (Outcome.REJECTED, "InvalidOrderReferenceId")


def test_the_canonical_text_in_a_refused_signature_is_kept_without_secrets(acme):
    text = f"should have been 'POST AWSAccessKeyId={ACCESS_KEY} {SECRET_KEY} not%2Fa%2Bsecret'"
    answer = acme(refusal("SignatureDoesNotMatch", text, 403)).provider.perform(
        job(Task.CONFIRM, step=Step.APPLY)
    )
    assert (answer.outcome, answer.scope) == (Outcome.DENIED, "seller")
    assert answer.message == "should have been 'POST AWSAccessKeyId=… … …'"


def test_a_code_and_a_request_id_are_kept_without_secrets_too(acme):
    said = f"<Code>{SECRET_KEY}</Code><Message>no</Message>"
    body = (
        f"<ErrorResponse><Error>{said}</Error><RequestId>{ACCESS_KEY}</RequestId></ErrorResponse>"
    )
    answer = acme(http(body, 400)).provider.perform(job(Task.CONFIRM, step=Step.APPLY))
    assert (answer.code, answer.request_id) == ("…", "…")


def test_a_long_message_is_shortened(acme):
    answer = acme(refusal("InvalidAddress", "x" * 5000)).provider.perform(job(Task.CONFIRM))
    assert len(answer.message) == 500
    assert answer.message.endswith("…")


def test_a_wrong_clock_is_corrected_for_the_next_request(acme):
    seller = acme(refusal("RequestExpired", "Request has expired."), now=NOW - 7200)
    answer = seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY))
    assert (answer.outcome, answer.clock_offset) == (Outcome.CLOCK_EXPIRED, 7200.0)
    assert seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY)).outcome is Outcome.DENIED
    assert seller.sent[1]["Timestamp"] == "2023-05-06T07:08:09Z"


def test_a_lost_answer_is_unknown(serve):
    seller = Acme(serve(lambda wire: wire.request()))
    answer = seller.provider.perform(job(Task.CONFIRM, step=Step.APPLY))
    assert (answer.outcome, answer.outage, answer.answered) == (Outcome.UNKNOWN, True, False)
    assert ACCESS_KEY not in repr(answer)


@pytest.mark.parametrize(
    "answer",
    [
        refusal("InvalidOrderReferenceId", status=404),
        http(order("Draft", order_id="S00-0000000-0000000")),
    ],
)
def test_a_probe_succeeds_when_the_provider_answers_about_the_order(acme, answer):
    seller = acme(answer)
    found, lines = seller.provider.probe()
    assert found.outcome is Outcome.APPLIED
    assert "accepts the credentials" in lines[-1]
    assert seller.sent[1]["Action"] == "GetOrderReferenceDetails"
    assert seller.sent[1]["AmazonOrderReferenceId"] == "S00-0000000-0000000"


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (refusal("SignatureDoesNotMatch", status=403), Outcome.DENIED, "secret_key"),
        (refusal("RequestExpired"), Outcome.CLOCK_EXPIRED, "+7200 s"),
        (http("<html/>", 502), Outcome.UNKNOWN, "HTTP 502"),
    ],
)
def test_a_probe_that_fails_says_why(acme, answer, outcome, words):
    found, lines = acme(answer, now=NOW - 7200).provider.probe()
    assert found.outcome is outcome
    assert words in "\n".join(lines)
