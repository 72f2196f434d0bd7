"""Each row of the published error table, in both formats; and no row more or less than ours."""

import json
from pathlib import Path

import pytest
from seller_center_answers import FORMATS, failure, reply

from worker.domain.outcomes import Outcome
from worker.providers.seller_center.codes import CODES, OTHER_CODES
from worker.providers.seller_center.responses import parse

ROWS = json.loads((Path(__file__).parents[3] / "vectors/seller_center/errors.json").read_text())
ADVISED = (Outcome.REJECTED, Outcome.DENIED, Outcome.STATE_REFUSED)

forms = pytest.mark.parametrize("form", FORMATS)


def answer_to(row, form, status=200):
    body = failure(form, row["code"], row["message"], kind=row["type"], detail=row.get("detail"))
    return parse(reply(body, status), 0.0, action="SetStatusToCanceled")


@forms
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['printed']}-{row['type']}")
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_published_error_comes_to_its_outcome_whatever_the_http_status(row, form, status):
    answer = answer_to(row, form, status)
    assert answer.outcome == row["outcome"]
    assert answer.code == row["printed"]
    assert answer.scope == row.get("scope", "operation")
    assert answer.status == status
    assert (answer.message or "").startswith(row["message"] if row["code"] is not None else "HTTP")


@forms
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['printed']}-{row['type']}")
def test_who_has_to_act_is_told_what_to_do(row, form):
    answer = answer_to(row, form)
    assert bool(answer.advice) == (answer.outcome in ADVISED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['printed']}-{row['type']}")
def test_an_error_with_a_code_is_no_outage(row):
    assert answer_to(row, "xml", 503).outage == (row["code"] is None)


def test_the_published_table_and_ours_hold_the_same_codes():
    published = {row["code"] for row in ROWS} - {None, 0, 777}  # without one; not in any table
    assert published == CODES.keys() | OTHER_CODES.keys()


def test_no_code_stands_in_both_of_our_tables():
    assert not CODES.keys() & OTHER_CODES.keys()
    assert all(code == meaning.code for code, meaning in CODES.items())
