"""What one signature costs, from the parameters of a ConfirmOrderReference to the signed request.

order-worker, amazon-pay 2.7.1, boto 2.49.0 and mws 0.8.15 in one process, each by the function
that it calls for a request, timestamp and encoding included, sending not. 2 000 signatures at a
time, the four in turn, 10 turns; the best turn of each, since what else runs on a machine only
ever slows.
"""

import time
from collections.abc import Callable
from typing import Any

from benchmarks import machine
from benchmarks.provider import ACCESS_KEY, SECRET_KEY
from benchmarks.report import OURS, THEIRS, Report
from tests.foreign.foreign_clients import revive_boto
from worker.providers.amazon_pay.signing import Credentials, Endpoint, sign

SELLER, ORDER = "A1NOTREAL", "S01-1234567-1234567"
HOST, PATH = "mws.amazonservices.com", "/OffAmazonPayments/2013-01-01"
ACTION = {"Action": "ConfirmOrderReference", "AmazonOrderReferenceId": ORDER}


def main(*, small: bool) -> None:
    times, turns = (200, 2) if small else (2_000, 10)
    report = Report(
        "signing",
        "One signature",
        ("", "microseconds", "times order-worker's"),
        machine.look(),
    )
    signers = {
        "order-worker": _ours(),
        "amazon-pay 2.7.1": _amazon_pay(),
        "boto 2.49.0": _boto(),
        "mws 0.8.15": _mws(),
    }
    best = dict.fromkeys(signers, float("inf"))
    for _ in range(turns):
        for name, signer in signers.items():
            best[name] = min(best[name], _seconds(signer, times))
    for name, seconds in best.items():
        report.add(name, f"{seconds * 1e6:.1f}", f"{seconds / best['order-worker']:.2f}")
    report.notes.append("![microseconds of one signature](signing.svg)")
    report.write(lambda axes: _draw(axes, best), keep=not small)


def _seconds(signer: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        signer()
    return (time.perf_counter() - began) / times


def _ours() -> Callable[[], object]:
    endpoint = Endpoint("https", HOST, 443, PATH)
    credentials = Credentials(SELLER, ACCESS_KEY, SECRET_KEY)

    def signer() -> str:
        return sign(
            {**ACTION, "Version": "2013-01-01"},
            method="POST",
            endpoint=endpoint,
            credentials=credentials,
            date=time.time(),
        )

    return signer


def _amazon_pay() -> Callable[[], object]:
    import warnings

    from amazon_pay.payment_request import PaymentRequest

    warnings.simplefilter("ignore", DeprecationWarning)  # a warning at each call costs time
    configuration = {
        "mws_access_key": ACCESS_KEY,
        "mws_secret_key": SECRET_KEY,
        "api_version": "2013-01-01",
        "merchant_id": SELLER,
        "mws_endpoint": f"https://{HOST}{PATH}",
        "headers": {},
        "handle_throttle": True,
    }
    return lambda: PaymentRequest(ACTION, configuration)._querystring(ACTION)  # noqa: SLF001


def _boto() -> Callable[[], object]:
    revive_boto()
    from boto.connection import HTTPRequest
    from boto.mws.connection import MWSConnection

    connection = MWSConnection(ACCESS_KEY, SECRET_KEY, SellerId=SELLER)
    handler = connection._auth_handler  # noqa: SLF001
    words = {**ACTION, "SellerId": SELLER, "Version": "2013-01-01"}

    def signer() -> Any:
        request = HTTPRequest("POST", "https", HOST, 443, PATH, PATH, dict(words), {}, "")
        handler.add_auth(request)
        return request

    return signer


def _mws() -> Callable[[], object]:
    from mws import mws
    from mws.offamazonpayments import OffAmazonPayments

    client = OffAmazonPayments(ACCESS_KEY, SECRET_KEY, SELLER)

    def signer() -> str:  # the first half of its `make_request`
        parameters = client.get_params()
        parameters.update(ACTION)
        parameters = mws.clean_params_dict(mws.remove_empty_param_keys(parameters))
        description = mws.calc_request_description(parameters)
        signature = client.calc_signature("POST", description)
        return f"{client.domain}{client.uri}?{description}&Signature={mws.quote(signature)}"

    return signer


def _draw(axes: Any, best: dict[str, float]) -> None:
    shown = list(best.items())[::-1]
    colors = [OURS if name == "order-worker" else THEIRS for name, _ in shown]
    bars = axes.barh([name for name, _ in shown], [each * 1e6 for _, each in shown], color=colors)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_xlabel("microseconds")
