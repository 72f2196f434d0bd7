"""The fleet's workers as a supervisor keeps them: one that has ended is started again."""

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable

LOOK = 0.1  # seconds between two looks at the workers
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

    def kill(self, number: int) -> None:
        with self._lock:
            self._workers[number].kill()

    def pause(self, number: int, seconds: float) -> None:
        """Stop a worker where it stands, and let it go on later."""
        with self._lock:
            self._workers[number].send_signal(signal.SIGSTOP)
            self._asleep[number] = time.monotonic() + seconds

    def leave(self) -> list[str]:
        """End all of them as a supervisor does; which had to be killed in the end."""
        self._over.set()
        self._thread.join()
        for worker in self._workers:
            worker.send_signal(signal.SIGCONT)
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
            worker.send_signal(signal.SIGCONT)
        if worker.poll() is not None:
            self.ended[worker.returncode] += 1
            self._asleep.pop(number, None)
            self._workers[number] = self._start(number)
