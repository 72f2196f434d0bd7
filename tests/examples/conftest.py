import pytest
from sites import open_site

from examples import start
from tests import browsers

browser = browsers.browser


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
