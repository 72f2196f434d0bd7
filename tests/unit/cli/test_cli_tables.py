import re

import pytest
from rich.cells import cell_len
from sqlalchemy import update
from terminals import on_terminal

from worker.ledger.schema import jobs

ORDERS = ("S01-1234567-1234567", "S01-1234567-7654321")
WIDTHS = (80, 100, 120)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def asked(shop):
    ids = [shop.asks("confirm", order, "--seller", "acme") for order in ORDERS]
    with shop.ledger.database.write() as connection:
        last_year = {"accepted_at": 1.7e9, "ready": False, "waiting_for": "credentials"}
        connection.execute(update(jobs).where(jobs.c.id == ids[0]).values(**last_year))
    return shop


@pytest.mark.parametrize("columns", WIDTHS)
def test_jobs_fit_and_orders_and_states_are_whole(asked, columns):
    newest, oldest = plain(on_terminal("jobs", columns=columns)).splitlines()[1:]
    assert ORDERS[1] in newest
    assert ORDERS[0] in oldest
    assert "waiting: credentials" in oldest
    assert re.search(r"  \d\d:\d\d:\d\dZ\s*$", newest)
    assert re.search(r"  2023-11-14 22:13Z\s*$", oldest)
    assert max(map(cell_len, (newest, oldest))) <= columns


def test_what_a_narrow_screen_has_no_place_for_is_there_on_a_wide_one(asked):
    narrow, wide = (plain(on_terminal("jobs", columns=n)).splitlines()[0] for n in (80, 120))
    assert wide.split() == [
        *("job", "task", "seller", "order", "state", "requests", "accepted", "finished", "worker")
    ]
    assert {"job", "order", "state"} < set(narrow.split()) < set(wide.split())


@pytest.mark.parametrize("columns", WIDTHS)
def test_quotas_fit_and_operations_are_whole(asked, columns):
    told = plain(on_terminal("quotas", columns=columns)).splitlines()
    assert [line.split()[1] for line in told[1:6]] == [
        "CancelOrderReference",
        "ConfirmOrderReference",
        "GetOrderReferenceDetails",
        "GetFailureReasons",
        "GetOrderItems",
    ]
    assert max(map(cell_len, told)) <= columns


def test_on_a_screen_that_is_too_narrow_for_anything_nothing_is_cut(asked):
    told = plain(on_terminal("jobs", columns=40)).replace("\n", "")
    assert ORDERS[0] in told
    assert "…" not in told
