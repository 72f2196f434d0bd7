import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.masking import masked
from worker.settings import ConfigurationError, load

PASSWORD = "obviously-fake"


def ledger(url: str):
    return load(environ={"ORDER_WORKER_LEDGER__URL": url}).ledger.url


def broker(url: str):
    return load(environ={"ORDER_WORKER_BROKER__URL": url}).broker.url


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_relative_sqlite_path_is_relative_to_the_working_directory(tmp_path, monkeypatch):
    url = ledger("sqlite:///data/jobs.db?timeout=5")
    monkeypatch.chdir("/")
    assert url.full == f"sqlite:///{tmp_path}/data/jobs.db?timeout=5"


def test_an_absolute_sqlite_path_stays():
    assert ledger("sqlite:////var/lib/jobs.db").full == "sqlite:////var/lib/jobs.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_postgresql_means_psycopg(scheme):
    assert ledger(f"{scheme}://u@h:5/d").full == "postgresql+psycopg://u@h:5/d"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite:///x?mode=memory",
    ],
)
def test_a_ledger_in_memory_is_refused(url):
    with pytest.raises(ConfigurationError, match="must name a file"):
        ledger(url)


def test_a_sqlite_url_with_two_slashes_is_told_of_the_third():
    with pytest.raises(ConfigurationError, match="three slashes"):
        ledger("sqlite://jobs.db")


@pytest.mark.parametrize(
    "url", ["", "jobs.db", "mysql://h/d", "postgres://h/d", "postgresql+asyncpg://h/d"]
)
def test_another_ledger_is_refused(url):
    with pytest.raises(ConfigurationError, match=r'ledger\.url = .* must be "sqlite:///"'):
        ledger(url)


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "amqp://h",
        "amqps://h//",
        "redis://h/0",
        "rediss://h",
        "redis://h/0;redis://i/1",
    ],
)
def test_brokers(url):
    assert broker(url).full == url


@pytest.mark.parametrize("url", ["", "redis", "sqs://", "filesystem://", "sqlite:///x.db"])
def test_another_broker_is_refused(url):
    with pytest.raises(ConfigurationError, match=r'broker\.url = .* must be "memory://"'):
        broker(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"amqp://shop:{PASSWORD}@h:5672//", "amqp://shop:***@h:5672//"),
        (f"redis://:{PASSWORD}@h/0", "redis://:***@h/0"),
        (f"redis://h/0?password={PASSWORD}&x=1", "redis://h/0?password=***&x=1"),
        (f"redis://h/0?x=1&%70assword={PASSWORD}", "redis://h/0?x=1&%70assword=***"),
        (f"amqp://a:{PASSWORD}@h1;amqp://b:{PASSWORD}@h2", "amqp://a:***@h2"),
        ("amqp://h/vhost", "amqp://h/vhost"),
    ],
)
def test_a_broker_url_shows_no_password(url, shown):
    found = broker(url)
    assert found.full == url
    assert found.shown == str(found) == f"{found}" == shown
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize("url", ["redis://h/x", "redis://h/0;redis://h/x", "rediss://h/1x"])
def test_a_database_of_redis_is_a_number(url):
    with pytest.raises(ConfigurationError, match="no number"):
        broker(url)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_password_in_the_users_place_is_refused_and_not_shown(scheme):
    with pytest.raises(ConfigurationError, match="behind a colon") as caught:
        broker(f"{scheme}://{PASSWORD}@h/0")
    assert PASSWORD not in str(caught.value)


def test_settings_show_no_password_in_any_form():
    settings = load(
        environ={
            "ORDER_WORKER_LEDGER__URL": f"postgresql://u:{PASSWORD}@h/d",
            "ORDER_WORKER_BROKER__URL": f"amqp://u:{PASSWORD}@h",
        }
    )
    for form in (str(settings), repr(settings), str(settings.model_dump())):
        assert PASSWORD not in form
    assert PASSWORD not in settings.model_dump_json()


@pytest.mark.parametrize(
    "url", [f"mysql://u:{PASSWORD}@h/d", f"postgresql://u:{PASSWORD}/x@h/d", f"u:{PASSWORD}@h"]
)
def test_a_refused_url_shows_no_password(url):
    with pytest.raises(ConfigurationError) as caught:
        ledger(url)
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(caught.value)
    assert caught.value.__context__ is None


def test_a_path_with_an_at_sign_is_shown_whole():
    assert ledger("sqlite:////srv/a@b/jobs.db").shown == "sqlite:////srv/a@b/jobs.db"


def test_the_passwords_of_every_broker_of_a_list_are_redacted():
    url = "amqp://a:fake-1@h1;amqp://b:fake-2@h2"
    secrets = load(environ={"ORDER_WORKER_BROKER__URL": url}).secrets()
    assert {"fake-1", "fake-2"} <= set(secrets)


def test_a_password_that_breaks_the_url_is_told_to_be_encoded():
    with pytest.raises(ConfigurationError, match="percent-encode"):
        ledger(f"postgresql://u:{PASSWORD}/x@h/d")


def test_the_passwords_of_both_urls_are_among_the_secrets_to_redact():
    settings = load(
        environ={
            "ORDER_WORKER_LEDGER__URL": "postgresql://u:obviously%40fake@h/d",
            "ORDER_WORKER_BROKER__URL": "redis://h?password=fake-too",
        }
    )
    assert set(settings.secrets()) == {"obviously%40fake", "obviously@fake", "fake-too"}


@given(st.text(min_size=1), st.sampled_from(["amqp://u:{}@h", "redis://:{}@h/0", "x://{}@h"]))
def test_whatever_the_password_only_what_surrounds_it_is_shown(password, form):
    before, after = form.split("{}")
    if ":" in password and "u:" not in form and not form.startswith("redis://:"):
        return  # then it is a user and a password
    assert masked(form.format(password)) == f"{before}***{after}"


def test_an_at_sign_in_a_password_is_told_before_a_part_of_it_is_taken_for_the_host():
    for read, url in (
        (ledger, f"postgresql://u:{PASSWORD}@tail@h/d"),
        (broker, f"amqp://u:{PASSWORD}@tail@h"),
    ):
        with pytest.raises(ConfigurationError, match="percent-encode") as told:
            read(url)
        assert PASSWORD not in str(told.value)
        assert "tail" not in str(told.value)
