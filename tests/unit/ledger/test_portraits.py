"""Times as people and programs read them; a row that was edited by hand included."""

import pytest

from worker.ledger.portraits import time


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1769903999.123, "2026-01-31T23:59:59.123Z"),
        (1e300, "9999-12-31T23:59:59.000Z"),
        (float("inf"), "9999-12-31T23:59:59.000Z"),
        (-1e300, "0001-01-01T00:00:00.000Z"),
        (float("nan"), None),
    ],
)
def test_every_number_has_a_time(at, shown):
    assert time(at) == shown
