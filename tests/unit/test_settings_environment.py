"""Variables over the file: names, case, and what they may say."""

import pytest

from worker.settings import ConfigurationError, load

FILE = """
[worker]
patience = "3s"
[sellers.acme]
provider = "amazon_pay"
region = "na"
[sellers.acme.quotas.ConfirmOrderReference]
capacity = 10
restore_rate = 1
[sellers."look@me.com"]
provider = "seller_center"
api_key = { file = "/run/secrets/mall" }
[sellers.my__shop]
provider = "seller_center"
"""


@pytest.fixture
def overridden(tmp_path):
    path = tmp_path / "worker.toml"
    path.write_text(FILE)

    def over(**variables: str):
        return load(path, {f"ORDER_WORKER_{name}": text for name, text in variables.items()})

    return over


def test_a_variable_wins_over_the_file_and_leaves_the_rest(overridden):
    settings = overridden(WORKER__CONCURRENCY="4", WORKER__LOOKUP_AFTER_CONFIRM="false")
    assert settings.worker.concurrency == 4
    assert settings.worker.lookup_after_confirm is False
    assert settings.worker.patience == 3


@pytest.mark.parametrize("name", ["WORKER__PATIENCE", "worker__patience", "Worker__Patience"])
def test_sections_and_keys_are_matched_whatever_their_case(overridden, name):
    assert overridden(**{name: "1s"}).worker.patience == 1


@pytest.mark.parametrize("spelling", ["acme", "ACME", "Acme"])
def test_a_seller_of_the_file_is_matched_whatever_its_case(overridden, spelling):
    settings = overridden(**{f"SELLERS__{spelling}__REGION": "eu"})
    assert settings.seller("acme")["region"] == "eu"
    assert spelling == "acme" or spelling not in settings.sellers


def test_a_seller_that_a_shell_cannot_spell_is_written_with_underscores(overridden):
    settings = overridden(SELLERS__LOOK_ME_COM__USER_ID="me")
    assert settings.seller("look@me.com", secrets=False)["user_id"] == "me"


def test_a_seller_with_two_underscores_is_matched_as_a_whole(overridden):
    assert overridden(SELLERS__my__shop__USER_ID="me").seller("my__shop")["user_id"] == "me"


def test_a_seller_that_is_not_in_the_file_keeps_its_spelling(overridden):
    settings = overridden(SELLERS__NewOne__PROVIDER="seller_center", SELLERS__NewOne__USER_ID="me")
    assert settings.seller("NewOne") == {"provider": "seller_center", "user_id": "me"}


def test_two_sellers_that_fit_alike_are_refused_by_name(tmp_path):
    path = tmp_path / "worker.toml"
    path.write_text('[sellers.a-b]\nprovider="x"\n[sellers."a.b"]\nprovider="x"\n')
    with pytest.raises(ConfigurationError, match=r'A_B__REGION: fits a-b and "a\.b" alike'):
        load(path, {"ORDER_WORKER_SELLERS__A_B__REGION": "na"})


def test_quotas_are_reached_down_to_the_number(overridden):
    settings = overridden(SELLERS__ACME__QUOTAS__CONFIRMORDERREFERENCE__RESTORE_RATE="0.5")
    assert settings.seller("acme")["quotas"] == {
        "ConfirmOrderReference": {"capacity": 10.0, "restore_rate": 0.5}
    }


def test_a_new_operation_keeps_its_spelling(overridden):
    settings = overridden(
        SELLERS__acme__QUOTAS__GetOrderItems__CAPACITY="2",
        SELLERS__acme__QUOTAS__GetOrderItems__RESTORE_RATE="1",
    )
    assert settings.sellers["acme"].quotas["GetOrderItems"].capacity == 2


def test_values_for_a_provider_stay_text(overridden):
    settings = overridden(SELLERS__acme__SELLER_ID="0123", SELLERS__acme__REGION='{"a": 1}')
    assert settings.seller("acme")["seller_id"] == "0123"
    assert settings.seller("acme")["region"] == '{"a": 1}'


def test_a_secret_in_its_own_variable_is_a_reference_to_it(overridden):
    settings = overridden(SELLERS__LOOK_ME_COM__API_KEY="0123-obviously-fake")
    assert "obviously-fake" not in repr(settings) + str(settings.model_dump())
    assert settings.seller("look@me.com")["api_key"] == "0123-obviously-fake"


def test_a_reference_in_a_variable_replaces_one_of_the_other_kind(overridden):
    settings = overridden(SELLERS__LOOK_ME_COM__API_KEY__ENV="ORDER_WORKER_FAKE", FAKE="fake-key")
    assert settings.seller("look@me.com")["api_key"] == "fake-key"


def test_a_mistake_names_the_variable_it_came_from(overridden):
    with pytest.raises(ConfigurationError) as caught:
        overridden(WORKER__PATIENCE="soon")
    assert str(caught.value).startswith(
        'worker.patience = "soon" (from ORDER_WORKER_WORKER__PATIENCE): must be a duration'
    )


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("WORKER__PATIENC", 'worker.patienc .*did you mean "patience"'),
        ("STALE__EVRY", 'stale.evry .*did you mean "every"'),
        ("LEDGER_URL", "write ORDER_WORKER_LEDGER__URL"),
        ("LEDGER__", "ORDER_WORKER_LEDGER__: names no key"),
        ("SELLERS____REGION", "names no key"),
    ],
)
def test_a_name_that_is_no_option_is_refused(overridden, name, answer):
    with pytest.raises(ConfigurationError, match=answer):
        overridden(**{name: "1"})


def test_two_variables_for_one_key_are_refused(overridden):
    with pytest.raises(ConfigurationError, match=r"worker\.patience: is set by .* and by .*keep"):
        overridden(WORKER__PATIENCE="1s", worker__patience="2s")


def test_a_variable_that_reaches_into_another_is_refused(overridden):
    with pytest.raises(ConfigurationError, match="reaches into a key that another variable sets"):
        overridden(SELLERS__acme__ODD="1", SELLERS__acme__ODD__DEEP="2")


def test_variables_of_others_do_not_matter(overridden):
    # Kubernetes makes such ones for a service named order-worker-broker.
    settings = overridden(BROKER_PORT="tcp://10.0.0.1:80", BROKER_SERVICE_HOST="10.0.0.1")
    assert settings.broker.url.full == "memory://"
