"""The sandbox, to clients that others wrote for Amazon Pay."""

import gc

import pytest
from foreign_clients import AmazonPaySdk, Boto, Mws, Refused

ORDER = "S01-1234567-1234567"
REASON = 'Größe 38 ~ it\'s *gone* + "sold" (a/b)'

# They are years old, and speak of it: deprecated calls, connections that nobody closes.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::ResourceWarning"
)


@pytest.fixture(autouse=True)
def connections_left_open_are_collected():
    yield
    gc.collect()


@pytest.fixture(params=[AmazonPaySdk, Boto, Mws])
def client_class(request):
    return request.param


def test_an_order_is_confirmed_read_canceled_and_read(client_class, sandbox):
    client = client_class(sandbox.url)
    client.confirm(ORDER)
    assert client.state(ORDER) == "Open"
    client.cancel(ORDER, "out of stock")
    assert client.state(ORDER) == "Canceled"
    assert [(entry.operation, entry.status) for entry in sandbox.requests()] == [
        ("ConfirmOrderReference", 200),
        ("GetOrderReferenceDetails", 200),
        ("CancelOrderReference", 200),
        ("GetOrderReferenceDetails", 200),
    ]


def test_a_reason_of_many_signs_arrives_as_it_was_written(client_class, sandbox):
    client_class(sandbox.url).cancel(ORDER, REASON)
    assert sandbox.order(ORDER)["reason_description"] == REASON


@pytest.mark.parametrize("verb", ["confirm", "state"])
def test_a_wrong_secret_is_refused_and_changes_nothing(client_class, sandbox, verb):
    with pytest.raises(Refused) as refused:
        getattr(client_class(sandbox.url, "another-secret"), verb)(ORDER)
    assert refused.value.code == "SignatureDoesNotMatch"
    assert [entry.status for entry in sandbox.requests()] == [403]
    assert sandbox.orders() == []


def test_a_refused_transition_reaches_the_client_with_its_code(client_class, sandbox):
    client = client_class(sandbox.url)
    client.cancel(ORDER, "out of stock")
    with pytest.raises(Refused, match="InvalidOrderReferenceStatus"):
        client.confirm(ORDER)


def test_mws_is_refused_where_it_signs_the_scheme_as_part_of_the_host(sandbox):
    with pytest.raises(Refused) as refused:
        Mws(sandbox.url, bare_host=False).confirm(ORDER)
    assert refused.value.code == "SignatureDoesNotMatch"
