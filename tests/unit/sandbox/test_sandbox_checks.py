"""What is refused at the door, and in which order when several things are wrong."""

import pytest
from sandbox_clients import (
    ACCESS_KEY,
    API_KEY,
    ORDER,
    SANDBOX,
    SECRET,
    SELLER,
    USER,
    Amazon,
    Center,
    encoded,
    send,
)

from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox

OLD = "2012-10-03T19:01:11Z"

# Each request carries its own mistake and all the later ones.
AMAZON_ORDER = [
    ("InvalidAddress", {"Action": "DoNothing"}),
    ("InvalidParameterValue", {"Version": None}),
    ("InvalidAccessKeyId", {"AWSAccessKeyId": "AKIANOBODY"}),
    ("InvalidParameterValue", {"Timestamp": OLD}),
    ("SignatureDoesNotMatch", {"Signature": "wrong"}),
    ("RequestThrottled", {}),
]


@pytest.mark.parametrize("step", range(len(AMAZON_ORDER)))
def test_amazon_checks_in_the_documented_order(clock, step):
    account = AmazonPayAccount(
        SELLER, ACCESS_KEY, SECRET, quotas={"ConfirmOrderReference": (1, 0.001)}
    )
    with Sandbox([account], clock=clock) as sandbox:
        amazon = Amazon(sandbox.url, clock)
        amazon.confirm()
        changes = {}
        for _, mistake in reversed(AMAZON_ORDER[step:]):
            changes |= mistake
        signature = changes.pop("Signature", None)
        signed = amazon.sign(amazon.parameters("ConfirmOrderReference", "nonsense") | {
            name: value for name, value in changes.items() if value
        })  # fmt: skip
        signed = {name: text for name, text in signed.items() if changes.get(name, text)}
        if signature:
            signed["Signature"] = signature
        assert amazon.post(signed).code == AMAZON_ORDER[step][0]


CENTER_ORDER = [
    ("E001", {"UserID": None}),
    ("E002", {"Version": "2.0"}),
    ("E004", {"Timestamp": "yesterday"}),
    ("E003", {"Timestamp": OLD}),
    ("E007", {"Signature": "wrong"}),
    ("E008", {"Action": "SetStatusToCancelled"}),
    ("E429", {}),
]


@pytest.mark.parametrize("step", range(len(CENTER_ORDER)))
def test_seller_center_checks_in_the_documented_order(clock, step):
    account = SellerCenterAccount(USER, API_KEY, quotas={"SetStatusToCanceled": (1, 0.001)})
    with Sandbox([account], clock=clock) as sandbox:
        center = Center(sandbox.url, clock)
        center.cancel()
        changes = {}
        for _, mistake in reversed(CENTER_ORDER[step:]):
            changes |= mistake
        signature = changes.pop("Signature", None)
        parameters = center.parameters("SetStatusToCanceled", OrderItemId="abc") | changes
        signed = center.sign({name: text for name, text in parameters.items() if text})
        if signature:
            signed["Signature"] = signature
        assert center.post(signed).code == CENTER_ORDER[step][0]


@pytest.mark.parametrize(
    "name",
    [
        "AWSAccessKeyId",
        "Action",
        "SellerId",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "Version",
        "Signature",
        "AmazonOrderReferenceId",
    ],
)
def test_amazon_misses_each_required_parameter(amazon, sandbox, name):
    signed = amazon.sign(amazon.parameters("ConfirmOrderReference"))
    del signed[name]
    answer = amazon.post(signed)
    assert (answer.status, answer.code) == (400, "InvalidParameterValue")
    assert name in answer.text("Message")
    sandbox.switch(missing_parameter_code="MissingParameter")
    assert amazon.post(signed).code == "MissingParameter"


@pytest.mark.parametrize("name", ["Action", "Timestamp", "UserID", "Version", "Signature"])
def test_seller_center_misses_each_required_parameter(center, name):
    signed = center.sign(center.parameters("SetStatusToCanceled", OrderItemId="1", Reason="x"))
    del signed[name]
    answer = center.post(signed)
    assert answer.text("ErrorMessage") == f"E001: Parameter {name} is mandatory"


@pytest.mark.parametrize("name", ["OrderItemId", "Reason"])
def test_seller_center_misses_the_parameters_of_a_cancel(center, name):
    parameters = {"OrderItemId": "1", "Reason": "SHORTAGE", name: None}
    answer = center("SetStatusToCanceled", **parameters)
    assert answer.text("ErrorMessage") == f"E001: Parameter {name} is mandatory"


@pytest.mark.parametrize(
    "change", [{"SignatureMethod": "HmacMD5"}, {"SignatureVersion": "4"}, {"Version": "2014-01-01"}]
)
def test_amazon_refuses_a_value_that_it_does_not_know(amazon, change):
    assert amazon.confirm(**change).code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("2023-11-14T22:13:20Z", None),
        ("2023-11-14T22:13:20.000Z", None),
        ("2023-11-14T15:13:20.093-07", None),
        ("2023-11-15T00:13:20+02:00", None),
        ("2023-11-14T22:13:20", None),
        ("2023-11-14T22:13:20.123456", None),
        ("2023-11-14T22:28:20Z", None),
        ("2023-11-14T22:28:21Z", "InvalidParameterValue"),
        ("2023-11-14T21:58:19Z", "InvalidParameterValue"),
        ("2023-11-14", "InvalidParameterValue"),
        ("2023-11-14T22:13Z", "InvalidParameterValue"),
        ("2023-13-14T22:13:20Z", "InvalidParameterValue"),
    ],
)
def test_amazon_reads_every_spelling_of_a_timestamp_in_use(amazon, spelling, code):
    assert amazon.confirm(Timestamp=spelling).code == code


def test_how_amazon_calls_an_old_timestamp_is_a_switch(amazon, sandbox):
    sandbox.switch(timestamp_error="RequestExpired")
    assert amazon.confirm(Timestamp=OLD).code == "RequestExpired"
    sandbox.switch(timestamp_tolerance_s=10**9)
    assert amazon.confirm(Timestamp=OLD).code is None


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("2023-11-14T22:13:20+00:00", None),
        ("2023-11-15T00:13:20+02:00", None),
        ("2023-11-14T22:13:20+0000", None),
        ("2023-11-14T22:13:20Z", None),
        ("2023-11-14T22:13Z", None),
        ("2023-11-14T22:13+0000", None),
        ("2023-11-14T22:13:20-0000", None),
        ("2023-11-14T22:13:20.123456Z", None),
        ("2023-11-14T22:13:20", "E004"),
        ("1700000000", "E004"),
        ("2023-11-14T22:13:20+25:00", "E004"),
        ("2023-11-14T22:18:21Z", "E003"),
        ("2023-11-14T22:08:19Z", "E003"),
    ],
)
def test_seller_center_reads_every_spelling_of_a_timestamp_in_use(center, spelling, code):
    assert center.cancel(Timestamp=spelling).code == code


@pytest.mark.parametrize(
    ("switch", "value", "spelling", "code"),
    [
        ("timestamp_naive", "accept", "2023-11-14T22:13:20", None),
        ("timestamp_fraction", "E004", "2023-11-14T22:13:20.5Z", "E004"),
        ("timestamp_no_seconds", "E004", "2023-11-14T22:13Z", "E004"),
        ("timestamp_window_s", 10**9, OLD, None),
    ],
)
def test_which_spellings_seller_center_takes_is_a_switch(
    center, sandbox, switch, value, spelling, code
):
    sandbox.switch(**{switch: value})
    assert center.cancel(Timestamp=spelling).code == code


@pytest.mark.parametrize(
    ("path", "code"),
    [("/OffAmazonPayments/2012-01-01", "InvalidAddress"), ("/x", "InvalidAddress")],
)
def test_a_path_that_is_none_is_an_invalid_address(sandbox, path, code):
    answer = send(sandbox.url, "POST", path)
    assert (answer.status, answer.code) == (400, code)
    sandbox.switch(invalid_address_status=404)
    assert send(sandbox.url, "GET", path).status == 404


@pytest.mark.parametrize("code", ["InvalidAddress", "InvalidParameterValue", "InvalidAction"])
def test_how_amazon_calls_an_unknown_operation_is_a_switch(amazon, sandbox, code):
    sandbox.switch(unknown_action_code=code)
    assert amazon("DeleteEverything").code == code


def test_how_an_unknown_key_and_user_are_called_are_switches(amazon, center, sandbox):
    sandbox.switch(unknown_key_code="InvalidClientTokenId", unknown_user="E009")
    assert amazon.confirm(AWSAccessKeyId="AKIANOBODY").code == "InvalidClientTokenId"
    assert center.cancel(UserID="nobody@me.com").code == "E009"


@pytest.mark.parametrize("tail", ["", ". Signature mismatching", ". Signature mismatch"])
def test_the_text_of_a_failed_login_is_a_switch(sandbox, clock, tail):
    sandbox.switch(e007_text=f"E007: Login failed{tail}")
    answer = Center(sandbox.url, clock, "wrong").cancel()
    assert answer.text("ErrorMessage") == f"E007: Login failed{tail}"


def test_a_key_serves_its_own_seller_only(amazon):
    answer = amazon.confirm(SellerId="SOMEBODY")
    assert (answer.status, answer.code) == (401, "AccessDenied")


@pytest.mark.parametrize(
    ("token", "code"),
    [("amzn.token", None), ("other", "AccessDenied"), (None, "MissingAuthenticationToken")],
)
def test_a_developer_needs_the_sellers_token(clock, token, code):
    account = AmazonPayAccount(SELLER, ACCESS_KEY, SECRET, mws_auth_token="amzn.token")
    with Sandbox([account], clock=clock) as sandbox:
        assert Amazon(sandbox.url, clock).confirm(MWSAuthToken=token).code == code


def test_accounts_may_share_their_ids(clock):
    accounts = [
        AmazonPayAccount(SELLER, ACCESS_KEY, "first"),
        AmazonPayAccount(SELLER, ACCESS_KEY, "second"),
        SellerCenterAccount(USER, "first"),
        SellerCenterAccount(USER, "second"),
    ]
    with Sandbox(accounts, clock=clock) as sandbox:
        for secret in ("first", "second"):
            assert Amazon(sandbox.url, clock, secret).get().code is None
            assert Center(sandbox.url, clock, secret).items().code is None
        assert Amazon(sandbox.url, clock, "third").get().code == "SignatureDoesNotMatch"


def test_a_user_without_the_role_is_denied(clock):
    with Sandbox([SellerCenterAccount(USER, API_KEY, order_access=False)], clock=clock) as sandbox:
        assert Center(sandbox.url, clock).cancel().code == "E009"


def test_seller_centers_parameters_may_stand_in_a_form_unless_the_switch_says_no(center, sandbox):
    signed = center.sign(
        center.parameters("SetStatusToCanceled", OrderItemId="1", Reason="SHORTAGE")
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = encoded(signed).encode()
    assert send(sandbox.url, "POST", "/", body, form).code is None
    sandbox.switch(param_source="query")
    assert send(sandbox.url, "POST", "/", body, form).code == "E001"


@pytest.mark.parametrize("kind", ["text/xml; charset=UTF8", "text/html", "application/json"])
def test_any_other_body_is_ignored(center, sandbox, kind):
    signed = center.sign(
        center.parameters("SetStatusToCanceled", OrderItemId="1", Reason="SHORTAGE")
    )
    target = "/?" + encoded(signed)
    assert send(sandbox.url, "POST", target, b"<Request/>", {"Content-Type": kind}).code is None


def test_seller_centers_stricter_switches(center, sandbox):
    def cancel(verb="POST", twice=False, agent=None, **more):
        parameters = center.parameters(
            "SetStatusToCanceled", OrderItemId="1", Reason="SHORTAGE", **more
        )
        query = encoded(center.sign(parameters)) + ("&Reason=SHORTAGE" if twice else "")
        return send(sandbox.url, verb, f"/?{query}", headers={"User-Agent": agent or "any"})

    sandbox.switch(cancel_of_canceled="success")
    requests = [{"verb": "GET"}, {"twice": True}, {"Colour": "red"}]
    assert [cancel(**request).code for request in requests] == [None] * 3
    sandbox.switch(verb_check="strict", duplicate_parameters="E005", unknown_parameters="E005")
    assert [cancel(**request).code for request in requests] == ["E005"] * 3
    assert cancel().code is None
    sandbox.switch(user_agent_check="reject")
    assert cancel().status == 403
    assert cancel(agent="JJJ123/PHP/8.1.7/PROPIA/FACL").code is None


def test_a_missing_action_can_be_a_cancel(center, sandbox):
    sandbox.switch(missing_action="SetStatusToCanceled")
    assert center.cancel(Action=None).code is None
    assert sandbox.order("10937342")["state"] == "canceled"


def test_an_unknown_format_is_refused(center):
    assert center.cancel(Format="YAML").code == "E005"


def test_a_body_over_the_limit_is_not_read(sandbox):
    headers = {"Content-Length": str(128 * 2**20 + 1)}
    assert send(sandbox.url, "POST", "/?Action=GetOrder", headers=headers).code == "E011"
    answer = send(sandbox.url, "POST", SANDBOX, headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidParameterValue")
    assert ORDER not in str(sandbox.orders())
