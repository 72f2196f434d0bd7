"""Every code of the sheets can be had, in the provider's own document."""

import pytest

from worker.sandbox.amazon_pay.errors import CODES
from worker.sandbox.seller_center.errors import CODES as NUMBERS

# code: status, as the tables of the sheet's section 6 give it
AMAZON = {
    503: "RequestThrottled QuotaExceeded ServiceUnavailable",
    500: "InternalError InternalServerError",
    400: "InputStreamDisconnected InvalidParameterValue InvalidAddress MissingParameter "
    "RequestExpired ConstraintsExist DuplicateReferenceId DuplicateRequest CurrencyMismatch "
    "CurrencyUnsupported BillingAgreementConstraintsExist",
    401: "AccessDenied",
    403: "InvalidAccessKeyId InvalidClientTokenId SignatureDoesNotMatch InvalidAccountStatus",
    404: "InvalidOrderReferenceId InvalidAddressConsentToken",
    405: "OrderReferenceNotModifiable InvalidOrderReferenceStatus InvalidCancelAttempt "
    "InvalidCloseAttempt InvalidAuthorizationStatus CaptureNotRefundable "
    "BillingAgreementNotModifiable",
}
UNCONFIRMED = (
    "InvalidSandboxSimulationSpecified InvalidTransactionId MissingAuthenticationToken "
    "PaymentMethodNotUpdated TransactionAmountExceeded TransactionCountExceeded "
    "OrderReferenceCountExceeded PeriodicAmountExceeded UnauthorizedAccess"
)


@pytest.mark.parametrize(
    ("code", "status"), [(code, status) for status in AMAZON for code in AMAZON[status].split()]
)
def test_each_code_of_amazon_comes_with_its_status(amazon, sandbox, code, status):
    sandbox.add_fault(answer={"code": code})
    answer = amazon.confirm()
    assert (answer.status, answer.code) == (status, code)
    assert answer.text("Type") == ("Sender" if status < 500 else "Server")
    assert answer.text("Message")
    assert answer.text("RequestId") == answer.headers["x-mws-request-id"]


@pytest.mark.parametrize("code", UNCONFIRMED.split())
def test_each_code_whose_status_nobody_knows_is_a_senders(amazon, sandbox, code):
    sandbox.add_fault(answer={"code": code})
    answer = amazon.confirm()
    assert answer.code == code
    assert 400 <= answer.status < 500


def test_a_code_that_no_page_knows_can_be_had_too(amazon, sandbox):
    sandbox.add_fault(answer={"code": "BrandNew", "status": 507, "message": "Hello."})
    answer = amazon.confirm()
    assert (answer.status, answer.code, answer.text("Message")) == (507, "BrandNew", "Hello.")


def test_the_table_of_amazon_holds_nothing_but_the_sheet_and_one_switch():
    sheet = {code for codes in AMAZON.values() for code in codes.split()}
    assert set(CODES) == sheet | set(UNCONFIRMED.split()) | {"InvalidAction"}


SHEET = (
    "0 1 2 3 4 5 6 7 8 9 10 11 20 21 22 28 30 429 1000 12 14 16 17 18 19 23 24 25 26 29 31 32 34 "
    "35 36 37 38 39 56 63 73 74 75 91 94 95 96 97 98 100 119 121 122"
)


@pytest.mark.parametrize("number", [int(number) for number in SHEET.split()])
def test_each_number_of_seller_center_comes_in_both_formats(center, sandbox, number):
    sandbox.add_fault(times=2, answer={"code": f"E{number:03d}"})
    xml = center.cancel()
    assert (xml.status, xml.text("ErrorCode")) == (200, str(number))
    assert xml.text("ErrorType") == ("Platform" if number in {6, 21, 1000} else "Sender")
    message = xml.text("ErrorMessage")
    assert message.startswith(f"E{number:03d}: ") or (number == 0 and not message)
    assert center.cancel("2", Format="JSON").code == f"E{number:03d}"


def test_a_format_error_is_a_senders_and_says_where_it_is(center, sandbox):
    sandbox.add_fault(answer={"code": "E1000", "message": "Format Error Detected"})
    answer = center.cancel()
    assert answer.text("ErrorMessage") == "E1000: Format Error Detected"
    assert answer.text("ErrorType") == "Sender"
    assert answer.text("ErrorDetail/Field") == "OrderItemId"


def test_the_table_of_seller_center_is_the_sheet():
    assert set(NUMBERS) == {int(number) for number in SHEET.split()}
