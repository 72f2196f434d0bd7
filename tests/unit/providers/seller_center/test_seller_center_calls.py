"""Each request over real HTTP: what is sent, how often, and what becomes of the answer."""

import hashlib
import hmac
from urllib.parse import quote, urlsplit

import pytest
from seller_center_answers import FORMATS, failure, items, success
from seller_center_seller import KEY, Clock, job, seller
from seller_center_server import open_mall

from worker.domain.jobs import Step, Task
from worker.domain.outcomes import Basis, Outcome, Standing

HTML = b"<html><body><h1>503 Service Unavailable</h1></body></html>"

forms = pytest.mark.parametrize("form", FORMATS)


def signed_rightly(path):
    """The signature over the query as it came over the wire."""
    text, _, signature = urlsplit(path).query.partition("&Signature=")
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest() == signature


@forms
def test_a_cancel_is_posted_with_all_parameters_in_the_signed_query(mall, form):
    mall.will_answer(success(form))
    answer = seller(mall.endpoint, format=form.upper()).perform(job())
    assert answer.outcome is Outcome.APPLIED
    ((method, path, _, body),) = mall.asked
    assert (method, body) == ("POST", b"")
    assert signed_rightly(path)
    query = mall.queries()[0]
    del query["Signature"]
    assert query == {
        "Action": "SetStatusToCanceled",
        "Format": form.upper(),
        "OrderItemId": "10937342",
        "Reason": "SHORTAGE",
        "Timestamp": "2015-07-01T11:11:11+00:00",
        "UserID": "look@me.com",
        "Version": "1.0",
    }


def test_the_reason_is_the_requests_own_before_the_configured_one(mall):
    for _ in range(2):
        mall.will_answer(success("xml"))
    configured = seller(mall.endpoint, reason="Wrong address")
    configured.perform(job())
    configured.perform(job(reason="SHORTAGE", reason_detail="Größe"))
    first, second = mall.queries()
    assert first["Reason"] == "Wrong address"
    assert "ReasonDetail" not in first
    assert (second["Reason"], second["ReasonDetail"]) == ("SHORTAGE", "Größe")


def test_the_reasons_parameter_is_configuration(mall):
    mall.will_answer(success("xml"))
    seller(mall.endpoint, reason_parameter="ReasonId", reason="15").perform(job())
    assert mall.queries()[0]["ReasonId"] == "15"
    assert "Reason" not in mall.queries()[0]


@pytest.mark.parametrize(
    "reason", ["couldn't find (it)!", "a+b c*~", "Größe 缺货 🙂", "100% & more="]
)
def test_odd_characters_arrive_as_they_were_signed(mall, reason):
    mall.will_answer(success("xml"))
    seller(mall.endpoint).perform(job(reason=reason))
    path = mall.asked[0][1]
    assert signed_rightly(path)
    assert f"Reason={quote(reason, safe='')}&" in path
    assert "+" not in path


def test_each_attempt_is_signed_with_the_time_of_that_attempt(mall):
    clock = Clock()
    long_lived = seller(mall.endpoint, clock)
    for _ in range(2):
        mall.will_answer(HTML, 503)
        long_lived.perform(job())
        clock.now += 3600
    first, second = mall.queries()
    assert second["Timestamp"] == "2015-07-01T12:11:11+00:00"
    assert first["Signature"] != second["Signature"]
    assert all(signed_rightly(path) for _, path, _, _ in mall.asked)


@pytest.mark.parametrize("body", [HTML, failure("xml", 7, "E007: Login failed")])
def test_one_perform_is_one_request(mall, body):
    mall.will_answer(body, 503)
    seller(mall.endpoint).perform(job())
    assert len(mall.asked) == 1


def test_an_envelope_is_read_at_an_http_error(mall):
    mall.will_answer(failure("xml", 20, 'E020: "1" Invalid Order Item ID'), 400)
    assert seller(mall.endpoint).perform(job()).code == "E020"


def test_a_server_that_hangs_up_leaves_it_open(mall):
    mall.will_hang_up()
    answer = seller(mall.endpoint).perform(job())
    assert (answer.outcome, answer.outage, answer.answered) == (Outcome.UNKNOWN, True, False)
    assert KEY not in answer.message
    assert "Signature" not in answer.message


def test_a_server_that_is_not_there_was_sent_nothing():
    with open_mall() as closed:
        endpoint = closed.endpoint
    answer = seller(endpoint).perform(job())
    assert (answer.outcome, answer.outage) == (Outcome.REFUSED, True)


def test_an_answer_that_ends_too_soon_leaves_it_open(mall):
    body = success("json")
    mall.will_answer(body[:-9], content_length=str(len(body)))
    answer = seller(mall.endpoint).perform(job())
    assert (answer.outcome, answer.answered) == (Outcome.UNKNOWN, True)


def test_a_redirect_is_not_followed(mall):
    mall.will_answer(b"", 302, location=f"{mall.endpoint}/elsewhere")
    assert seller(mall.endpoint).perform(job()).outcome is Outcome.UNKNOWN
    assert len(mall.asked) == 1


@forms
def test_a_lookup_reads_the_parent_orders_items(mall, form):
    item = {"OrderItemId": "10937342", "Status": "canceled", "Reason": "SHORTAGE"}
    mall.will_answer(items(form, item))
    answer = seller(mall.endpoint, format=form.upper()).perform(job(Step.DOUBT))
    assert (answer.order.standing, answer.order.basis) == (Standing.REACHED, Basis.OWN)
    method, path, _, _ = mall.asked[0]
    assert method == "GET"
    assert signed_rightly(path)
    assert mall.queries()[0]["Action"] == "GetOrderItems"
    assert mall.queries()[0]["OrderId"] == "4711"


def test_a_cancelled_item_with_the_configured_reason_is_our_own(mall):
    item = {"OrderItemId": "10937342", "Status": "canceled", "Reason": "Wrong address"}
    for _ in range(2):
        mall.will_answer(items("xml", item))
    ours = seller(mall.endpoint, reason="Wrong address").perform(job(Step.DOUBT))
    theirs = seller(mall.endpoint).perform(job(Step.DOUBT))
    assert (ours.order.basis, theirs.order.basis) == (Basis.OWN, Basis.OTHER)


def test_an_expired_time_corrects_the_next_signature(mall):
    mall.will_answer(failure("xml", 3, "E003"), date="Wed, 01 Jul 2015 11:21:11 GMT")
    mall.will_answer(success("xml"))
    corrected = seller(mall.endpoint)
    assert corrected.perform(job()).outcome is Outcome.CLOCK_EXPIRED
    assert corrected.perform(job()).outcome is Outcome.APPLIED
    assert mall.queries()[1]["Timestamp"] == "2015-07-01T11:21:11+00:00"


@pytest.mark.parametrize(
    ("configured", "sent"),
    [(None, "order-worker/test"), ("JJJ123/PHP/8.1.7/PROPIA/FACL",) * 2],
)
def test_the_user_agent_is_configuration(mall, configured, sent):
    mall.will_answer(success("xml"))
    seller(mall.endpoint, user_agent=configured).perform(job())
    assert mall.asked[0][2]["User-Agent"] == sent


def test_a_path_of_the_endpoint_is_kept(mall):
    mall.will_answer(success("xml"))
    seller(f"{mall.endpoint}/seller-center").perform(job())
    assert mall.asked[0][1].startswith("/seller-center?Action=")


@pytest.mark.parametrize(
    "arguments", [{"task": Task.CONFIRM}, {"order_id": "S01-1"}, {"success_url": "https://a.b/"}]
)
@pytest.mark.parametrize("step", [Step.APPLY, Step.DOUBT])
def test_what_the_door_refuses_is_rejected_and_not_sent(mall, step, arguments):
    answer = seller(mall.endpoint).perform(job(step, **arguments))
    assert (answer.outcome, answer.status) == (Outcome.REJECTED, None)
    assert answer.message.startswith(next(iter(arguments)))
    assert mall.asked == []
