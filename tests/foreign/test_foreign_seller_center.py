"""The sandbox, to the client that others wrote for Seller Center."""

import pytest
from foreign_clients import Falabella

ITEM = "10937342"


@pytest.fixture
def client(sandbox):
    client = Falabella(sandbox.url)
    yield client
    client.close()


def refusal(envelope):
    return envelope["ErrorResponse"]["Head"]["ErrorCode"]


def test_an_item_is_canceled_by_the_generic_call(client, sandbox):
    assert "SuccessResponse" in client.cancel(ITEM, "SHORTAGE")
    assert sandbox.order(ITEM)["state"] == "canceled"
    assert sandbox.order(ITEM)["reason"] == "SHORTAGE"


def test_a_wrong_key_is_refused_and_changes_nothing(sandbox):
    client = Falabella(sandbox.url, "another-key")
    assert refusal(client.cancel(ITEM, "SHORTAGE")) in {7, "7"}
    assert sandbox.orders() == []
    client.close()


def test_a_space_that_was_signed_as_a_plus_is_refused(client, sandbox):
    assert refusal(client.cancel(ITEM, "SOLD OUT")) in {7, "7"}
    assert sandbox.orders() == []
