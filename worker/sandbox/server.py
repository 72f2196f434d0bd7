"""The sandbox itself: start it in a test, or from the command line, and look into it.

with Sandbox([AmazonPayAccount("A1B2C3", "AKIA…", "secret")]) as sandbox:
    requests.post(f"{sandbox.url}/OffAmazonPayments_Sandbox/2013-01-01", …)
    sandbox.orders()
"""

import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self, TextIO

from worker.sandbox import control
from worker.sandbox.accounts import Account, AmazonPayAccount, SellerCenterAccount
from worker.sandbox.amazon_pay.service import AmazonPay
from worker.sandbox.books import Books
from worker.sandbox.connections import Server
from worker.sandbox.exchange import Reply, Request
from worker.sandbox.faults import Faults
from worker.sandbox.fields import BadSetting
from worker.sandbox.front import Front
from worker.sandbox.log import Entry, RequestLog
from worker.sandbox.quotas import Quotas, check
from worker.sandbox.seller_center.service import SellerCenter
from worker.sandbox.switches import Switches

POLL = 0.01  # seconds between two looks whether to stop


class Sandbox:
    """Both providers on one loopback port; it listens from its construction on.

    `switches` and `faults` are those of the modules of that name; `log` is a path, "-" for
    standard output or a stream, and gets one JSON line a request; `clock` gives epoch seconds;
    `seed` is the one of the faults' probabilities. Raises BadSetting with a sentence for what
    cannot be, OSError for a port that is taken.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        switches: Mapping[str, object] | None = None,
        faults: Sequence[Mapping[str, object]] = (),
        log: Path | str | TextIO | None = None,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        address = loopback(host)
        for account in accounts:
            check(account.quotas)
        in_force, buckets, rules, lock = Switches(switches), Quotas(), Faults(faults, seed), Lock()
        self._amazon_pay = AmazonPay(
            [one for one in accounts if isinstance(one, AmazonPayAccount)], in_force, buckets
        )
        self._seller_center = SellerCenter(
            [one for one in accounts if isinstance(one, SellerCenterAccount)], in_force, buckets
        )
        self._stopped = Event()
        self._clock = clock
        self._log = RequestLog(log)
        self._front = Front(rules, self._log, lock, clock, self._wait)
        services = (self._amazon_pay, self._seller_center)
        self._books = Books(services, in_force, rules, buckets, self._log, lock, clock)
        self._thread: Thread | None = None
        self._started = False
        try:
            self._server = Server((address, port), self._answer, clock)
        except OSError:
            self._log.close()
            raise

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        host, port = str(self._server.server_address[0]), self._server.server_address[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._started = True
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL,), name="sandbox", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Answer in this thread until `close` (from another one), Ctrl-C or an exception.

        A handler of SIGTERM therefore raises instead of calling `close`.
        """
        self._started = True
        try:
            self._server.serve_forever(POLL)
        except KeyboardInterrupt:
            pass
        finally:
            self._finish()

    def close(self) -> None:
        """Stop answering, cut the connections that are kept alive, free the port."""
        self._stopped.set()
        if self._started:
            self._server.shutdown()
        self._finish()
        if self._thread is not None:
            self._thread.join()

    def _finish(self) -> None:
        self._stopped.set()
        self._server.server_close()
        self._server.close_connections()
        self._log.close()

    def _wait(self, seconds: float) -> None:
        """A fault's delay, cut short by a close."""
        if seconds > 0:
            self._stopped.wait(seconds)

    def _answer(self, request: Request) -> tuple[Reply, float]:
        if request.path.startswith(control.ROOT):
            return control.answer(self._books, request), self._clock()
        if request.path in {"/", ""}:
            return self._front.answer(self._seller_center, request)
        return self._front.answer(self._amazon_pay, request)

    # What the control requests do, without HTTP.

    def orders(self, order_id: str | None = None) -> list[dict[str, object]]:
        """Every order (or those of an id) with its state and the books of its writes."""
        return self._books.orders(order_id)

    def order(self, order_id: str) -> dict[str, object]:
        """The one order of an id; raises LookupError if no request or stage named it."""
        found = self._books.orders(order_id)
        if len(found) != 1:
            raise LookupError(f"{len(found)} orders have the id {order_id}.")
        return found[0]

    def stage(self, order_id: str, **fields: object) -> None:
        """Put an order into a state: `stage("S01-…", state="Suspended")`."""
        self._books.stage(order_id, fields)

    def requests(self) -> list[Entry]:
        """Every request so far, in the order of their answers."""
        return self._books.requests()

    def changed_by(self, operation: str) -> list[str]:
        """The orders that an operation moved, one after the other: `"CancelOrderReference"`."""
        return [
            entry.order_id or ""
            for entry in self._books.requests()
            if entry.operation == operation and entry.changed
        ]

    def add_fault(self, rule: Mapping[str, object] | None = None, **fields: object) -> None:
        """Add one rule: `add_fault(match={"operation": "Confirm*"}, when="after", cut=True)`."""
        self._books.add_faults([{**(rule or {}), **fields}])

    def faults(self) -> list[dict[str, object]]:
        """The rules with their counts: `met` and `acted`."""
        return self._books.faults()

    def clear_faults(self) -> None:
        self._books.replace_faults([])

    def switch(self, **values: object) -> None:
        """Set switches: `switch(sca="on")`."""
        self._books.switch(values)

    def reset(self) -> None:
        """Forget orders, buckets, faults and requests; the switches are those of the start."""
        self._books.reset()


def loopback(host: str) -> str:
    """The address to listen on; raises BadSetting unless only this machine reaches it."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise BadSetting(
        f"The sandbox does not listen on {host}: it asks for no credentials on its control "
        "requests, so it serves this machine only. Use 127.0.0.1."
    )
