"""config/worker.toml and config/env.example are what settings say they are."""

import re
import tomllib
from pathlib import Path

import certifi
import pytest
from pydantic_core import PydanticUndefined

from worker.providers.amazon_pay.configuration import Configuration as AmazonPay
from worker.providers.amazon_pay.operations import CONFIRM
from worker.providers.seller_center.configuration import Configuration as SellerCenter
from worker.providers.seller_center.operations import SET_STATUS_TO_CANCELED
from worker.settings import Settings, load
from worker.settings.references import references
from worker.settings.sweeps import Retry, SellerStale, Stale

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config" / "worker.toml"
EXAMPLE = ROOT / "config" / "env.example"
SECTIONS = ("ledger", "broker", "worker", "web")
SWEEPS = {"stale": Stale, "retry": Retry}  # shown as comments: with a section there is a sweep
MODELS = {"acme": AmazonPay, "mall": SellerCenter}


def variables() -> dict[str, str]:
    lines = EXAMPLE.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_stands_in_it_and_no_other(section):
    model = Settings.model_fields[section].annotation
    assert set(tomllib.loads(FILE.read_text())[section]) == set(model.model_fields)


def test_what_stands_in_it_is_the_default():
    shipped, defaults = load(FILE, {}).model_dump(), Settings().model_dump()
    assert {name: shipped[name] for name in SECTIONS} == {name: defaults[name] for name in SECTIONS}


def test_there_is_no_section_without_a_place_in_it():
    assert {*SECTIONS, *SWEEPS, "sellers"} == set(Settings.model_fields)
    assert set(tomllib.loads(FILE.read_text())) == {*SECTIONS, "sellers"}


@pytest.fixture(scope="module")
def uncommented(tmp_path_factory):
    """The sellers' tables with each option that the file shows as a comment."""
    text = FILE.read_text()
    section = r"\[(?:sellers\..*|stale|retry)\]"
    shown = re.sub(rf"^# ({section}|[a-z_]+ = .*)$", r"\1", text, flags=re.MULTILINE)
    path = tmp_path_factory.mktemp("shipped") / "worker.toml"
    path.write_text(shown)
    wanted = set(re.findall(r'env = "([A-Z_]+)"', shown))
    return load(path, {**variables(), **dict.fromkeys(wanted, "not-a-real-secret")})


@pytest.mark.parametrize(("section", "model"), SWEEPS.items())
def test_what_is_shown_of_a_sweep_is_its_default(uncommented, section, model):
    shown = getattr(uncommented, section)
    assert shown == model()
    assert shown.model_fields_set == set(model.model_fields)


def test_every_option_of_a_sellers_sweep_is_shown_somewhere(uncommented):
    shown = [uncommented.sellers[seller].stale.model_fields_set for seller in MODELS]
    assert set.union(*shown) == set(SellerStale.model_fields)
    assert uncommented.sellers["acme"].stale.enabled is SellerStale().enabled
    assert uncommented.sellers["mall"].stale.shop_timeout == SellerStale().shop_timeout


@pytest.mark.parametrize(("seller", "model"), MODELS.items())
def test_every_option_of_a_seller_stands_in_it_and_no_other(uncommented, seller, model):
    assert set(uncommented.seller(seller)) == set(model.model_fields)


@pytest.mark.parametrize(("seller", "model"), MODELS.items())
def test_what_is_shown_of_a_seller_is_valid(uncommented, seller, model):
    options = uncommented.seller(seller) | {"ca_bundle": certifi.where()}
    model.model_validate(options)


@pytest.mark.parametrize(("seller", "model"), MODELS.items())
def test_what_is_shown_of_a_seller_as_a_comment_is_the_default(uncommented, seller, model):
    shown = uncommented.seller(seller)
    defaults = {
        name: field.default
        for name, field in model.model_fields.items()
        if field.default not in (PydanticUndefined, None) and name != "quotas"
    }
    assert {name: shown[name] for name in defaults} == defaults


@pytest.mark.parametrize(
    ("seller", "operation"),
    [("acme", CONFIRM), ("mall", SET_STATUS_TO_CANCELED)],
)
def test_the_quota_that_is_shown_is_the_providers_own(uncommented, seller, operation):
    shown = uncommented.sellers[seller].quotas[operation.action]
    own = operation.quota("production") if seller == "acme" else operation.quota
    assert (shown.capacity, shown.restore_rate) == (own.capacity, own.restore_rate)


def test_the_example_names_every_secret_of_the_file_and_nothing_else():
    sellers = load(FILE, {}).sellers.values()
    wanted = {found.name for seller in sellers for _, found in references(seller.options)}
    assert set(variables()) == wanted | {"ORDER_WORKER_CONFIG"}


def test_with_the_example_every_secret_is_there(monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = load(environ=variables())
    settings.check_secrets()
    assert set(settings.sellers) == {"acme", "mall"}
