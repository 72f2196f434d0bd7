"""A sentence where a traceback would stand: closed streams, full disks, wrong settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


def shell(line, **env):
    """A line of sh, in which $W is the command line; what came of it."""
    return subprocess.run(
        ["sh", "-c", line],
        env={**os.environ, "W": f"{sys.executable} -m worker", **env},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$W quotas >&-", 0),
        ("$W quotas 2>&-", 0),
        ("$W quotas <&-", 0),
        ("$W enqueue - <&-", 0),
        ("$W quotas <&- >&- 2>&-", 0),
        ("$W confirm x --seller nobody >&- 2>&-", 2),
    ],
)
def test_a_stream_that_is_closed_is_no_reason_to_fail(shop, line, code):
    done = shell(line)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("line", ["$W quotas --json > /dev/full", "$W --help > /dev/full"])
def test_a_full_disk_is_told_in_a_sentence(shop, line):
    done = shell(line)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_complaint_that_nobody_can_read_keeps_its_exit_code(shop):
    assert shell("$W confirm x --seller nobody 2> /dev/full").returncode == 2


@pytest.mark.parametrize(
    "url", ["memory://h?foo=1", "amqp://127.0.0.1:1//?heartbeat=x", "amqp://127.0.0.1:1//?foo=1"]
)
@pytest.mark.parametrize("line", ["$W run", "{celery} -A worker.app worker"])
def test_a_broker_with_wrong_options_is_told_in_a_sentence(shop, url, line):
    line = line.format(celery=f"{sys.executable} -m celery")
    done = shell(line, ORDER_WORKER_BROKER__URL=url)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("broker.url: has an option")
    assert done.stderr.count("\n") == 1


def test_celerys_own_command_tells_a_wrong_setting_in_a_sentence(shop):
    line = f"{sys.executable} -m celery -A worker.app worker"
    done = shell(line, ORDER_WORKER_WORKER__LEASE="banana")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("worker.lease = ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["$W jobs", "$W run", "{celery} -A worker.app worker"])
def test_a_ledger_with_wrong_options_is_bad_configuration(shop, command, tmp_path):
    line = command.format(celery=f"{sys.executable} -m celery")
    url = f"sqlite:///{tmp_path}/ledger.db?foo=1"
    done = shell(line, ORDER_WORKER_LEDGER__URL=url)
    assert done.returncode == 2, done.stderr
    assert "has an option that cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
