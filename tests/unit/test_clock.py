import time

import pytest

from worker import clock
from worker.providers.calls import Call

NO_BOOTTIME = "only Linux has a clock that goes on while the machine is suspended"


@pytest.mark.skipif(clock.SUSPENDED_TOO is None, reason=NO_BOOTTIME)
def test_a_request_of_before_the_machine_was_suspended_is_not_sent_after_it(monkeypatch):
    call = Call(10.0, 10.0, lambda: None)
    assert call.remaining() > 0
    awake = time.clock_gettime
    monkeypatch.setattr("worker.clock.time.clock_gettime", lambda which: awake(which) + 11.0)
    with pytest.raises(TimeoutError):
        call.remaining()


@pytest.mark.skipif(clock.SUSPENDED_TOO is None, reason=NO_BOOTTIME)
def test_the_executors_clock_counts_the_seconds_of_a_suspended_machine(monkeypatch):
    before = clock.SystemClock().monotonic()
    awake = time.clock_gettime
    monkeypatch.setattr("worker.clock.time.clock_gettime", lambda which: awake(which) + 11.0)
    assert clock.SystemClock().monotonic() - before >= 11.0
