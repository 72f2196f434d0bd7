import os
import pty
import signal
import subprocess
import sys
import time

import pytest

ORDER = "S01-1234567-1234567"


@pytest.mark.parametrize("words", [("--json",), ("--needs-attention",)])
def test_to_watch_is_for_a_table_alone(shop, words):
    result = shop.run("jobs", "--watch", *words)
    assert result.exit_code == 2
    assert "leave --json and --needs-attention out" in result.stderr


def test_where_no_screen_would_show_it_it_is_refused(shop):
    result = shop.run("jobs", "--watch")
    assert result.exit_code == 2
    assert "--watch draws on a terminal" in result.stderr


def test_a_job_is_seen_to_be_withdrawn_and_ctrl_c_is_a_good_end(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    leader, follower = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "worker", "jobs", "--watch"],
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "120", "LINES": "24"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    try:
        shown_until(leader, b"waiting: turn")
        shop.run("withdraw", job)
        shown_until(leader, b"withdrawn")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 0
    finally:
        watching.kill()
        os.close(leader)


def shown_until(leader, words):
    shown, give_up_at = b"", time.monotonic() + 30
    while words not in shown:
        assert time.monotonic() < give_up_at, shown
        shown += os.read(leader, 65536)
    assert b"Traceback" not in shown
