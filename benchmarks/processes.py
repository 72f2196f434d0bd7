"""The processes of one contestant, with their logs in a folder; gone when the block ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).parents[1]
PATIENCE = 600.0  # seconds
LOOK = 0.1  # seconds between two looks


class Processes:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _: object, _trace: TracebackType | None
    ) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def start(self, *words: str, **environ: str) -> "subprocess.Popen[bytes]":
        """Start `python …`."""
        log = self.directory / f"process-{len(self.started)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environ},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, *words: str, **environ: str) -> None:
        """Run `python …` to its end. Raises RuntimeError with its log if it fails."""
        process = self.start(*words, **environ)
        self.started.remove(process)
        code = process.wait(PATIENCE)
        if code:
            raise RuntimeError(f"{' '.join(words)} ended with {code}:\n{self._tail()}")

    def is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        """Whether a Celery worker has said so. Raises RuntimeError if it has ended."""
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} has ended:\n{self._tail()}")
        return "ready" in self.log_of(process).read_text(encoding="utf-8", errors="replace")

    def log_of(self, process: "subprocess.Popen[bytes]") -> Path:
        return self.directory / f"process-{self.started.index(process)}.log"

    def _tail(self) -> str:
        logs = sorted(self.directory.glob("process-*.log"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text(encoding="utf-8", errors="replace")[-2000:] if logs else ""


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Raises TimeoutError after so many seconds."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(LOOK)
