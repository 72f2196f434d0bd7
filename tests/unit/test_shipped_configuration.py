"""config/worker.toml and config/env.example are what settings say they are."""

import re
import tomllib
from pathlib import Path

import pytest

from worker.settings import Settings, load
from worker.settings.references import references

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config" / "worker.toml"
EXAMPLE = ROOT / "config" / "env.example"
SECTIONS = ("ledger", "broker", "worker")


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
    assert {*SECTIONS, "sellers"} == set(Settings.model_fields)
    assert set(tomllib.loads(FILE.read_text())) == set(Settings.model_fields)


def test_the_quota_that_is_shown_as_a_comment_is_valid(tmp_path):
    text = re.sub(
        r"^# (\[sellers.*|capacity.*|restore_rate.*)$", r"\1", FILE.read_text(), flags=re.MULTILINE
    )
    (tmp_path / "worker.toml").write_text(text)
    quota = load(tmp_path / "worker.toml", {}).sellers["acme"].quotas["ConfirmOrderReference"]
    assert (quota.capacity, quota.restore_rate) == (10, 1)


def test_the_example_names_every_secret_of_the_file_and_nothing_else():
    sellers = load(FILE, {}).sellers.values()
    wanted = {found.name for seller in sellers for _, found in references(seller.options)}
    assert set(variables()) == wanted | {"ORDER_WORKER_CONFIG"}


def test_with_the_example_every_secret_is_there(monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = load(environ=variables())
    settings.check_secrets()
    assert set(settings.sellers) == {"acme", "mall"}
