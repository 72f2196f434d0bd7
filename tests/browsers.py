"""A real browser: Debian's Chromium, driven by playwright."""

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.acceptance.processes import WAIT

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, with a profile that is gone afterwards.

    Not longer than its module: while it runs, this thread has an event loop.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        why = "no chromium is installed (on Debian and Ubuntu: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    expect.set_options(timeout=WAIT * 1000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()
