"""Other people's clients behind three verbs, each pointed at a plain-HTTP address of this machine.

None of them was made to talk to a server of one's own: what is overridden for that is the address
and nothing of the signature, and stands in the client's constructor here with its reason.
"""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from defusedxml.ElementTree import fromstring

SELLER, ACCESS_KEY, SECRET = "A1FOREIGN", "AKIAFOREIGN", "fake/secret+key="
USER, API_KEY = "look+shop@me.com", "fake-api-key"
PATH = "/OffAmazonPayments_Sandbox/2013-01-01"


class Refused(Exception):
    """The server's own code, as the client reports it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def text(document: str | bytes, name: str) -> str:
    """The text of the first element of a name, whatever its namespace."""
    found = fromstring(document).find(f".//{{*}}{name}")
    if found is None or found.text is None:
        raise LookupError(f"There is no {name} in {document!r}.")
    return found.text


class AmazonPaySdk:
    """amazon-pay 2.7.1, Amazon's own."""

    def __init__(self, url: str, secret: str = SECRET) -> None:
        from amazon_pay.client import AmazonPayClient

        self._client = AmazonPayClient(
            mws_access_key=ACCESS_KEY,
            mws_secret_key=secret,
            merchant_id=SELLER,
            region="na",
            currency_code="USD",
            sandbox=True,
            handle_throttle=False,
        )
        # Its table of regions holds host names, before which it writes https.
        self._client._mws_endpoint = url + PATH

    def confirm(self, order: str) -> None:
        self._read(self._client.confirm_order_reference(order))

    def cancel(self, order: str, reason: str) -> None:
        self._read(self._client.cancel_order_reference(order, cancelation_reason=reason))

    def state(self, order: str) -> str:
        return text(self._read(self._client.get_order_reference_details(order)), "State")

    def set_details(self, order: str, total: str) -> None:
        self._read(self._client.set_order_reference_details(order, order_total=total))

    def authorize(self, order: str, reference: str, amount: str) -> str:
        """The authorization's id; it is processed at once."""
        done = self._client.authorize(order, reference, amount, transaction_timeout=0)
        return text(self._read(done), "AmazonAuthorizationId")

    def authorization_state(self, authorization: str) -> str:
        return text(self._read(self._client.get_authorization_details(authorization)), "State")

    def capture(self, authorization: str, reference: str, amount: str) -> str:
        """The capture's id."""
        done = self._client.capture(authorization, reference, amount)
        return text(self._read(done), "AmazonCaptureId")

    def capture_state(self, capture: str) -> str:
        return text(self._read(self._client.get_capture_details(capture)), "State")

    def close_order(self, order: str, reason: str) -> None:
        self._read(self._client.close_order_reference(order, closure_reason=reason))

    def _read(self, response) -> str:
        if not response.success:
            raise Refused(text(response.to_xml(), "Code"))
        return response.to_xml()


class Boto:
    """boto 2.49.0."""

    def __init__(self, url: str, secret: str = SECRET) -> None:
        revive_boto()
        from boto.mws.connection import MWSConnection

        address = urlsplit(url)
        self._client = MWSConnection(
            ACCESS_KEY,
            secret,
            SellerId=SELLER,
            sandbox=True,
            host=address.hostname,
            port=address.port,
            is_secure=False,
        )

    def confirm(self, order: str) -> None:
        with self._refusals():
            self._client.confirm_order_reference(AmazonOrderReferenceId=order)

    def cancel(self, order: str, reason: str) -> None:
        with self._refusals():
            self._client.cancel_order_reference(
                AmazonOrderReferenceId=order, CancelationReason=reason
            )

    def state(self, order: str) -> str:
        with self._refusals():
            found = self._client.get_order_reference_details(AmazonOrderReferenceId=order)
        details = found.GetOrderReferenceDetailsResult.OrderReferenceDetails
        return details.OrderReferenceStatus.State

    @staticmethod
    @contextmanager
    def _refusals() -> Iterator[None]:
        from boto.exception import BotoServerError

        try:
            yield
        except BotoServerError as error:
            raise Refused(error.error_code) from error


class Mws:
    """mws 0.8.15."""

    def __init__(self, url: str, secret: str = SECRET, *, bare_host: bool = True) -> None:
        from mws.mws import MWSError
        from mws.offamazonpayments import OffAmazonPayments

        self._error = MWSError
        self._client = OffAmazonPayments(
            ACCESS_KEY, secret, SELLER, domain=url, uri=OffAmazonPayments.SANDBOX_URI
        )
        if bare_host:
            self._sign_the_bare_host()

    def _sign_the_bare_host(self) -> None:
        """It takes https:// off the address before it signs the host, but not http://."""
        client, sign = self._client, self._client.calc_signature

        def signed(method: str, description: str) -> bytes:
            address, client.domain = client.domain, urlsplit(client.domain).netloc
            try:
                return sign(method, description)
            finally:
                client.domain = address

        client.calc_signature = signed

    def confirm(self, order: str) -> None:
        with self._refusals():
            self._client.confirm_order_reference(order)

    def cancel(self, order: str, reason: str) -> None:
        # `cancel_order_reference` knows no reason, the call that it makes does.
        with self._refusals():
            self._client.make_request(
                {
                    "Action": "CancelOrderReference",
                    "AmazonOrderReferenceId": order,
                    "CancelationReason": reason,
                }
            )

    def state(self, order: str) -> str:
        with self._refusals():
            found = self._client.get_order_reference_details(order)
        return text(found.original, "State")

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise Refused(text(str(error), "Code")) from error


class Falabella:
    """falabellaapiclient 0.1.1, by its generic call."""

    def __init__(self, url: str, api_key: str = API_KEY) -> None:
        from FalabellaAPIClient import FalabellaClient

        self._client = FalabellaClient(USER, api_key)
        # It knows the hosts of Falabella and Linio only.
        self._client.url = url

    def cancel(self, item: str, reason: str) -> dict:
        """The envelope, of a success or of a refusal: it takes any 200 as a success."""
        return self._client.query(
            "POST", {"Action": "SetStatusToCanceled", "OrderItemId": item, "Reason": reason}
        )

    def close(self) -> None:
        self._client.session.close()


def revive_boto() -> None:
    """Stand-ins for what Python 3.12 took away, so that boto can be imported.

    Nothing can be imported from its own old copy of six any more, and `imp`, which it needs only
    to load plug-ins from a folder, is gone.
    """
    if "boto" in sys.modules:
        return
    import six

    importer = type(six._importer)("boto.vendored.six")
    importer.known_modules = {
        f"boto.vendored.{name}": module for name, module in six._importer.known_modules.items()
    }
    sys.meta_path.append(importer)
    sys.modules["boto.vendored.six"] = six
    if sys.version_info >= (3, 12):
        sys.modules["imp"] = types.ModuleType("imp")
