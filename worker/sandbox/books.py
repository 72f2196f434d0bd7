"""All that one sandbox keeps, and what may be asked of it and set from outside."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from worker.sandbox.exchange import Service
from worker.sandbox.faults import Faults
from worker.sandbox.fields import BadSetting
from worker.sandbox.log import Entry, RequestLog
from worker.sandbox.quotas import Quotas
from worker.sandbox.switches import Switches, Value


class Books:
    """Every method takes the lock that the front holds while it changes anything."""

    def __init__(
        self,
        services: Sequence[Service],
        switches: Switches,
        faults: Faults,
        quotas: Quotas,
        log: RequestLog,
        lock: Lock,
        clock: Callable[[], float],
    ) -> None:
        self._services = services
        self._switches = switches
        self._at_start = switches.values()
        self._faults = faults
        self._quotas = quotas
        self._log = log
        self._lock = lock
        self._clock = clock

    def orders(self, order_id: str | None = None) -> list[dict[str, object]]:
        with self._lock:
            now = self._clock()
            return [order for service in self._services for order in service.shown(now, order_id)]

    def stage(self, order_id: str, fields: Mapping[str, object]) -> list[dict[str, object]]:
        """Put an order into a state; returns what it then is."""
        service = next((one for one in self._services if one.owns(order_id)), None)
        if service is None:
            raise BadSetting(
                f"{order_id!r} is no order id: S01-1234567-1234567 is one of Amazon Pay, a number "
                "one of Seller Center."
            )
        with self._lock:
            now = self._clock()
            service.stage(order_id, fields, now)
            return service.shown(now, order_id)

    def requests(self) -> list[Entry]:
        with self._lock:
            return list(self._log.entries)

    def faults(self) -> list[dict[str, object]]:
        with self._lock:
            return self._faults.shown()

    def add_faults(self, rules: Sequence[Mapping[str, object]]) -> None:
        with self._lock:
            for rule in rules:
                self._faults.add(rule)

    def replace_faults(self, rules: Sequence[Mapping[str, object]]) -> None:
        with self._lock:
            self._faults.replace(rules)

    def switches(self) -> dict[str, Value]:
        with self._lock:
            return self._switches.values()

    def switch(self, values: Mapping[str, object]) -> None:
        with self._lock:
            self._switches.update(values)

    def reset(self) -> None:
        """As it was at the start, without any order, request or fault."""
        with self._lock:
            for service in self._services:
                service.forget()
            self._quotas.clear()
            self._faults.replace([])
            self._log.entries.clear()
            self._switches.reset()
            self._switches.update(self._at_start)
