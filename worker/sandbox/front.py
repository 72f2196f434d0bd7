"""One request, from its arrival to its answer: admit, fault, apply, fault.

The order of these steps is what the sandbox promises: a fault "before" finds the request
admitted and nothing done, a fault "after" finds it done, and the log says which it was.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from worker.sandbox.exchange import Call, Refusal, Reply, Request, Service
from worker.sandbox.faults import NO_FAULT, Fault, Faults
from worker.sandbox.log import Entry, RequestLog

HTML = "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"


class Front:
    """`wait(seconds)` blocks for a fault's delay; `lock` guards everything that is kept."""

    def __init__(
        self,
        faults: Faults,
        log: RequestLog,
        lock: Lock,
        clock: Callable[[], float],
        wait: Callable[[float], object],
    ) -> None:
        self._faults = faults
        self._log = log
        self._lock = lock
        self._clock = clock
        self._wait = wait

    def answer(self, service: Service, request: Request) -> tuple[Reply, float]:
        """The reply, and the server's clock as this request sees it (for the Date header)."""
        call = service.read(request)
        entry = Entry(
            request.arrived, call.provider, call.seller[:128], call.operation[:64], call.order_id
        )
        skew = 0.0
        try:
            with self._lock:
                fault = self._faults.meet(call, arriving=True) or NO_FAULT
                skew = fault.clock_skew or 0.0
                entry.fault = fault is not NO_FAULT
                admission = service.admit(call, request.arrived + skew)
                entry.level = admission.level
                if fault is NO_FAULT:
                    fault = self._faults.meet(call, arriving=False) or NO_FAULT
                    entry.fault = fault is not NO_FAULT
            reply = self._carry_out(service, call, fault, skew, entry)
            if admission.headers:
                reply = replace(reply, headers={**admission.headers, **reply.headers})
        except Refusal as refusal:
            entry.throttled = refusal.throttled
            entry.level = refusal.level if refusal.throttled else entry.level
            reply = service.refuse(call, refusal, request.arrived + skew)
        entry.status = None if reply.cut else reply.status
        entry.code = reply.code
        with self._lock:
            self._log.write(entry)
        return reply, self._clock() + skew

    def _carry_out(
        self, service: Service, call: Call, fault: Fault, skew: float, entry: Entry
    ) -> Reply:
        if fault.when == "before":
            self._stage(service, call, fault)
            self._wait(fault.delay)
            if fault.cut or fault.answer is not None:
                return self._instead(service, call, fault, skew, Reply())
        reply = self._apply(service, call, fault, entry, skew)
        if fault.when == "after":
            self._stage(service, call, fault)
            self._wait(fault.delay)
            if fault.cut or fault.answer is not None:
                return self._instead(service, call, fault, skew, reply)
        return reply

    def _stage(self, service: Service, call: Call, fault: Fault) -> None:
        """What somebody else does to the order at this moment."""
        if fault.staged is not None:
            fields = dict(fault.staged)
            order_id = str(fields.pop("order_id", call.order_id))
            with self._lock:
                service.stage(order_id, fields, self._clock())

    def _apply(
        self, service: Service, call: Call, fault: Fault, entry: Entry, skew: float
    ) -> Reply:
        now = self._clock()
        try:
            with self._lock:
                done = service.apply(call, now, fault.read_lag)
        except Refusal as refusal:
            return service.refuse(call, refusal, now + skew)
        entry.applied = done.write
        entry.changed = done.changed
        return done.reply

    def _instead(
        self, service: Service, call: Call, fault: Fault, skew: float, real: Reply
    ) -> Reply:
        """What a rule puts in the place of the real answer."""
        answer = fault.answer
        if fault.cut or answer is None:
            return Reply(cut=True)
        if answer.code is not None:
            refusal = Refusal(answer.code, answer.message, status=answer.status)
            real = service.refuse(call, refusal, self._clock() + skew)
        status = answer.status or real.status
        body, content_type, torn = real.body, real.content_type, False
        match answer.body:
            case "truncated":
                body, torn = body or HTML.format(status=status).encode(), True
            case "empty":
                body = b""
            case "plain":
                text = f"{answer.code or status} {answer.message or ''}".strip()
                body, content_type = text.encode(), "text/plain"
            case str(text) if text != "html":
                body = text.encode()
                content_type = "text/xml" if text.startswith("<") else "text/plain"
            case None if answer.code is not None:
                pass
            case _:
                body, content_type = HTML.format(status=status).encode(), "text/html"
        return Reply(
            status, body, content_type, {**real.headers, **answer.headers}, answer.code, torn=torn
        )
