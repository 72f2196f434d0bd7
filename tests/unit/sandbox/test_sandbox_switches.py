"""The table of switches: what it takes, and that nothing in it is dead."""

from pathlib import Path

import pytest

import worker.sandbox
from worker.sandbox.fields import BadSetting
from worker.sandbox.switches import SWITCHES, TABLE, Kind, Switches


@pytest.mark.parametrize("switch", TABLE, ids=lambda switch: switch.name)
def test_each_switch_takes_its_default_and_its_values_and_nothing_else(switch):
    if switch.default is not None:
        assert switch.read(switch.default) == switch.default
    if not isinstance(switch.allowed, Kind):
        assert switch.allowed[0] == switch.default
        for value in switch.allowed:
            assert switch.read(value) == value
    with pytest.raises(BadSetting, match=f"Switch {switch.name} is .*; allowed: "):
        switch.read({1: 2} if switch.allowed is Kind.NAMES else "no such value")


@pytest.mark.parametrize("switch", TABLE, ids=lambda switch: switch.name)
def test_each_switch_is_read_somewhere(switch):
    folder = Path(worker.sandbox.__file__).parent
    sources = [path for path in folder.rglob("*.py") if path.name != "switches.py"]
    assert any(f'"{switch.name}"' in path.read_text(encoding="utf-8") for path in sources)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("read_lag_s", "2.5", 2.5),
        ("retry_after", "none", None),
        ("retry_after", "3", 3.0),
        ("cancel_from", "pending, shipped", ("pending", "shipped")),
        ("state_error_status", 404, "404"),
    ],
)
def test_a_value_may_be_text(name, text, value):
    switches = Switches({name: text})
    assert switches.values()[name] == value


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, None, "soon"])
def test_a_number_is_finite_and_not_negative(value):
    with pytest.raises(BadSetting, match="a number of at least 0"):
        SWITCHES["read_lag_s"].read(value)
