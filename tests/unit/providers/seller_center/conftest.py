import pytest
from seller_center_server import open_mall


@pytest.fixture
def mall():
    with open_mall() as mall:
        yield mall
