"""The sections of the sweeps: none without a section, bounded with one, in the provider's words."""

import pytest

from worker.settings import ConfigurationError, load
from worker.sweeps.policies import policies

ACME = """
[sellers.acme]
provider = "amazon_pay"
"""
MALL = """
[sellers.mall]
provider = "seller_center"
"""
SHOP = "postgresql://shop:not-a-real-password@127.0.0.1/shop"


@pytest.fixture
def read(tmp_path):
    def from_text(text, **environ):
        path = tmp_path / "worker.toml"
        path.write_text(text)
        return load(path, environ)

    return from_text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('[stale]\nafter = "0s"', "stale.after .*a duration above zero"),
        ("[stale]\nlimit = 0", "stale.limit .*a whole number of at least 1"),
        ("[stale]\nlimit = 10001", "stale.limit .*at most 10000.*must not empty a shop"),
        ("[stale]\nstates = []", "stale.states: must name at least one state"),
        ("[stale]\nstates = [1]", "stale.states: must be a list of states"),
        ("[retry]\nat_most = 0", "retry.at_most .*a whole number of at least 1"),
        (f'{MALL}[sellers.mall.stale]\nshop_url = "{SHOP}"', "shop_url: has a password"),
        (f"{MALL}[sellers.mall.stale]\nshop = 1", 'stale.shop: is not an option; did you mean "sh'),
    ],
)
def test_what_would_go_wrong_is_refused_with_a_sentence(read, text, answer):
    with pytest.raises(ConfigurationError, match=answer) as refused:
        read(text)
    assert "not-a-real-password" not in str(refused.value)


def test_without_a_section_there_is_no_sweep(read):
    assert policies(read(ACME + MALL)) == {}


def test_a_section_is_for_the_sellers_that_confirm_and_bounded_by_itself(read):
    (policy,) = policies(read(f"[stale]\n{ACME}{MALL}")).values()
    assert (policy.seller, policy.states, policy.limit) == ("acme", ("Open",), 100)
    assert policy.after == 72 * 3600


def test_a_seller_takes_when_and_how_much_from_it_and_has_words_of_its_own(read):
    text = f'[stale]\nevery = "7s"\nlimit = 3\n{MALL}[sellers.mall.stale]\nreason = "SHORTAGE"\n'
    policy = policies(read(text))["mall"]
    assert (policy.every, policy.limit) == (7.0, 3)
    assert (policy.states, policy.reason, policy.from_ledger) == (("pending",), "SHORTAGE", False)


def test_a_seller_can_be_left_out(read):
    assert policies(read(f"[stale]\n{ACME}[sellers.acme.stale]\nenabled = false\n")) == {}


def test_states_are_spelt_as_the_provider_spells_them(read):
    policy = policies(read(f'[stale]\nstates = ["draft", "OPEN"]\n{ACME}'))["acme"]
    assert policy.states == ("Draft", "Open")


def test_a_state_that_cannot_be_cancelled_is_refused_with_those_that_can(read):
    with pytest.raises(ConfigurationError, match=r"Closed cannot be cancelled .*Draft, Open, Susp"):
        policies(read(f'[stale]\nstates = ["Closed"]\n{ACME}'))


def test_states_of_the_environment_are_a_text_with_commas(read):
    settings = read(f"[stale]\n{ACME}", ORDER_WORKER_STALE__STATES="Open, Suspended")
    assert policies(settings)["acme"].states == ("Open", "Suspended")


def test_the_shops_database_is_the_ledgers_unless_it_is_named(read):
    text = f'{MALL}[sellers.mall.stale]\nshop_query = "SELECT 1"\n'
    settings = read(text)
    assert policies(settings)["mall"].source.url == settings.ledger.url.full
    named = read(f'{text}shop_url = {{ env = "SHOP" }}\n', SHOP=SHOP)
    assert policies(named)["mall"].source.url.endswith("@127.0.0.1/shop")
    assert "not-a-real-password" in named.secrets()
    assert "not-a-real-password" not in repr(named)


def test_a_shops_url_that_is_not_there_is_told(read):
    text = f'{MALL}[sellers.mall.stale]\nshop_query = "SELECT 1"\nshop_url = {{ env = "SHOP" }}\n'
    with pytest.raises(ConfigurationError, match=r"stale.shop_url: the variable SHOP is not set"):
        policies(read(text))
