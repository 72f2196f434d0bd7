import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.settings.values import seconds

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2s", 2),
        ("500ms", 0.5),
        ("5m", 300),
        ("72h", 259200),
        ("30d", 2592000),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 2s ", 2),
        ("90", 90),
        (90, 90),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_seconds(text, expected):
    assert seconds(text) == pytest.approx(expected)


@given(st.lists(st.integers(0, 400), min_size=5, max_size=5).filter(any))
def test_the_terms_of_a_duration_add_up(counts):
    text = "".join(f"{n}{unit}" for n, unit in zip(counts, UNITS, strict=True) if n)
    total = sum(n * unit for n, unit in zip(counts, UNITS.values(), strict=True))
    assert seconds(text) == pytest.approx(total)


@given(st.floats(min_value=1e-9, max_value=3e9))
def test_a_plain_number_is_itself(number):
    assert seconds(number) == number


@pytest.mark.parametrize(
    "value",
    ["", "0", "0s", 0, -1, "-1s", "s", "1m1h", "1s1s", "1w", "1e3", "٣s", True, None, [], math.nan],
)
def test_what_is_no_duration_above_zero_is_refused_with_an_example(value):
    with pytest.raises(ValueError, match=r'duration above zero, such as "500ms"'):
        seconds(value)


@pytest.mark.parametrize("value", [math.inf, "36501d", 10**400, "9" * 400])
def test_more_than_a_hundred_years_is_refused(value):
    with pytest.raises(ValueError, match="at most a hundred years"):
        seconds(value)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_else_is_a_number_of_seconds_above_zero_or_a_sentence(value):
    try:
        number = seconds(value)
    except ValueError as error:
        assert str(error).startswith("must be ")  # noqa: PT017
    else:
        assert 0 < number < math.inf
