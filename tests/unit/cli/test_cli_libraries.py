import sys

import pytest

from worker.cli import libraries
from worker.settings import Url


@pytest.mark.parametrize("absent", ["redis", "packaging"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_broker_whose_library_is_missing_is_bad_input(
    shop, configured, monkeypatch, command, absent
):
    configured(broker="redis://:hidden@127.0.0.1:1/0")
    monkeypatch.setitem(sys.modules, absent, None)
    result = shop.run(command)
    assert result.exit_code == 2
    assert f"({absent}): install" in result.output
    assert 'install "order-worker[redis]".' in result.output
    assert "hidden" not in result.output


@pytest.mark.parametrize("url", ["memory://", "amqp://host", "redis://host", "rediss://host"])
def test_nothing_is_missing_where_everything_is_installed(url):
    assert libraries.missing(Url(url)) is None
