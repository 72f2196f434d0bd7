"""The fleet's workers as a supervisor keeps them: one that has ended is started again."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

LOOK = 0.1  # seconds between two looks at the workers
CATCH_WITHIN = 1.5  # seconds until one that holds no job has to do
ON_THE_WIRE = 0.05  # seconds in which the ledger has written what a stopped worker had sent to it
LEAVES_WITHIN = 20.0  # seconds; a supervisor is not patient for ever


class Crew:
    """`start(number)` starts the worker of a number."""

    def __init__(self, workers: int, start: Callable[[int], "subprocess.Popen[bytes]"]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._workers = [start(number) for number in range(workers)]
        self._asleep: dict[int, float] = {}  # which are stopped, and until when
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.ended: Counter[int] = Counter()  # by exit code
        self._thread.start()

    def __len__(self) -> int:
        return len(self._workers)

    def catch(self, sequence: Sequence[int], holds: Callable[[int], bool]) -> int:
        """Stop one in the middle of a job, and say which: `holds` says whether a process does.

        It is stopped first and looked at then: else it could be done before it is struck.
        """
        give_up_at = time.monotonic() + CATCH_WITHIN
        while True:
            for number in sequence:
                with self._lock:
                    self._signal(number, signal.SIGSTOP)
                    pid = self._workers[number].pid
                time.sleep(ON_THE_WIRE)
                if holds(pid) or time.monotonic() > give_up_at:
                    return number
                if number not in self._asleep:
                    self._signal(number, signal.SIGCONT)

    def kill(self, number: int) -> None:
        """Kill a worker that was caught; the children of its pool are left to themselves."""
        with self._lock:
            self._workers[number].kill()
            self._signal(number, signal.SIGCONT)

    def pause(self, number: int, seconds: float) -> None:
        """Leave a worker that was caught where it stands, its children too, and let it go on
        later.
        """
        with self._lock:
            self._asleep[number] = time.monotonic() + seconds

    def leave(self) -> list[str]:
        """End all of them as a supervisor does; which had to be killed in the end."""
        self._over.set()
        self._thread.join()
        for number, worker in enumerate(self._workers):
            self._signal(number, signal.SIGCONT)
            worker.terminate()
        give_up_at = time.monotonic() + LEAVES_WITHIN
        stayed = []
        for number, worker in enumerate(self._workers):
            try:
                worker.wait(max(0.0, give_up_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                stayed.append(f"worker {number}, {worker.args}")
                worker.kill()
            self.ended[worker.wait()] += 1
        return stayed

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            with self._lock:
                for number, worker in enumerate(self._workers):
                    self._look_after(number, worker)

    def _look_after(self, number: int, worker: "subprocess.Popen[bytes]") -> None:
        if self._asleep.get(number, float("inf")) <= time.monotonic():
            del self._asleep[number]
            self._signal(number, signal.SIGCONT)
        if worker.poll() is not None:
            self.ended[worker.returncode] += 1
            self._asleep.pop(number, None)
            self._workers[number] = self._start(number)

    def _signal(self, number: int, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._workers[number].pid, what)
