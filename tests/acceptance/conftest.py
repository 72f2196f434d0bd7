import pytest
from processes import both_providers, opened


@pytest.fixture
def sandbox():
    """Both providers, in the test's own process: look into it, add faults to it."""
    with both_providers() as running:
        yield running


@pytest.fixture
def shop(tmp_path, sandbox):
    """A configuration with the sellers acme (Amazon Pay) and mall (Seller Center), and the
    processes that a test starts with it; all of them are gone when the test ends.
    """
    with opened(tmp_path, sandbox.url) as shop:
        yield shop
