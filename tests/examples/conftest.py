import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright
from sites import open_site

from examples import start
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


@pytest.fixture(scope="module", params=start.SHOPS)
def site(request, browser, tmp_path_factory):
    """Each of the three shops, open for all tests of a module."""
    with open_site(request.param, tmp_path_factory.mktemp(request.param)) as site:
        yield site


@pytest.fixture
def page(browser, site):
    """A buyer's own browser, on the shelf; none of the shop's scripts may fail in it."""
    failed = []
    with browser.new_context(base_url=site.url) as buyer:
        page = buyer.new_page()
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto("/")
        yield page
    assert failed == []
