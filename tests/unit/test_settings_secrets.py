"""Secrets: referred to, fetched late, never shown."""

import pytest

from worker.settings import ConfigurationError, Withheld, load

SECRET = "obviously-fake"
FILE = """
[sellers.acme]
provider = "amazon_pay"
secret_key = { env = "ACME_SECRET_KEY" }
deep = { list = ["plain", { env = "ACME_DEEP" }] }
[sellers.mall]
provider = "seller_center"
api_key = { file = "FILE" }
"""


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "mall"


@pytest.fixture
def configured(tmp_path, key_file):
    path = tmp_path / "worker.toml"
    path.write_text(FILE.replace("FILE", str(key_file)))
    return path


def refusal(tmp_path, line: str) -> str:
    path = tmp_path / "worker.toml"
    path.write_text(f'[sellers.a]\nprovider = "x"\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    return str(caught.value)


def test_a_seller_has_its_secrets_wherever_they_stand(configured):
    environ = {"ACME_SECRET_KEY": SECRET, "ACME_DEEP": "fake-too"}
    assert load(configured, environ).seller("acme") == {
        "provider": "amazon_pay",
        "secret_key": SECRET,
        "deep": {"list": ["plain", "fake-too"]},
    }


@pytest.mark.parametrize(
    ("content", "value"), [("k3y-fake\n", "k3y-fake"), ("k3y\n\n", "k3y\n"), ("k3y\r\n", "k3y")]
)
def test_the_trailing_newline_of_a_file_is_not_part_of_the_secret(
    configured, key_file, content, value
):
    key_file.write_bytes(content.encode())
    assert load(configured, {}).seller("mall")["api_key"] == value


def test_a_process_without_the_secrets_can_load_and_know_its_sellers(configured):
    options = load(configured, {}).seller("acme", secrets=False)
    assert options["secret_key"] == Withheld("the variable ACME_SECRET_KEY")
    assert options["deep"]["list"] == ["plain", Withheld("the variable ACME_DEEP")]
    assert str(options["secret_key"]) == "***"


def test_a_secret_is_withheld_also_when_it_is_there(configured):
    settings = load(configured, {"ACME_SECRET_KEY": SECRET})
    assert SECRET not in repr(settings.seller("acme", secrets=False))


def test_every_missing_secret_is_listed_with_key_name_and_what_to_do(configured, key_file):
    with pytest.raises(ConfigurationError) as caught:
        load(configured, {"ACME_DEEP": " "}).check_secrets()
    assert str(caught.value) == (
        "sellers.acme.secret_key: the variable ACME_SECRET_KEY is not set;"
        " export it with the secret as its value\n"
        "sellers.acme.deep.list.1: the variable ACME_DEEP is empty; put the secret into it\n"
        f"sellers.mall.api_key: the file {key_file} does not exist;"
        " create it with the secret as its only content"
    )


def test_nothing_is_wrong_when_every_secret_is_there(configured, key_file):
    key_file.write_text("k3y-fake")
    environ = {"ACME_SECRET_KEY": SECRET, "ACME_DEEP": "fake-too"}
    settings = load(configured, environ)
    settings.check_secrets()
    assert set(settings.secrets()) == {SECRET, "fake-too", "k3y-fake"}


@pytest.mark.parametrize(
    ("content", "answer"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "not UTF-8")]
)
def test_a_file_without_a_secret_is_refused(configured, key_file, content, answer):
    key_file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"mall\.api_key: the file .* {answer}"):
        load(configured, {}).seller("mall")


def test_a_file_that_cannot_be_read_is_refused(configured, key_file):
    key_file.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(configured, {}).seller("mall")


@pytest.mark.parametrize(
    "key",
    [
        "secret_key",
        "api_key",
        "access_key",
        "mws_auth_token",
        "client_secret",
        "password",
        "API_KEY",
    ],
)
def test_a_literal_secret_is_refused_and_not_shown(tmp_path, key):
    answer = refusal(tmp_path, f'{key} = "{SECRET}"')
    assert answer.startswith(f"sellers.a.{key}: is a secret")
    assert '{ env = "NAME" } or { file = "/path" }' in answer
    assert SECRET not in answer


@pytest.mark.parametrize(
    "value", ["12345678", "true", '["obviously-fake"]', '{ env = "A", x = "b" }']
)
def test_only_a_reference_will_do_for_a_secret(tmp_path, value):
    assert refusal(tmp_path, f"api_key = {value}").startswith("sellers.a.api_key: is a secret")


def test_a_url_with_a_password_is_a_secret_too(tmp_path):
    answer = refusal(tmp_path, f'proxy = "http://u:{SECRET}@proxy:3128"')
    assert answer.startswith("sellers.a.proxy: is a secret")
    assert SECRET not in answer


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ('{ env = "A", file = "b" }', "names both a variable and a file"),
        ('{ env = "" }', "env must name a variable"),
        ("{ file = 3 }", "file must name a file"),
    ],
)
def test_a_bad_reference_is_answered(tmp_path, value, answer):
    assert answer in refusal(tmp_path, f"anything = {value}")


@pytest.mark.parametrize("key", ["public_key_id", "seller_id", "keyboard", "tokens"])
def test_names_that_only_resemble_a_secrets_may_be_written_out(tmp_path, key):
    path = tmp_path / "worker.toml"
    path.write_text(f'[sellers.a]\nprovider = "x"\n{key} = "plain"\n')
    assert load(path, {}).seller("a")[key] == "plain"


def test_an_error_keeps_nothing_of_the_input(tmp_path):
    path = tmp_path / "worker.toml"
    path.write_text(f'[sellers.a]\nprovider = 3\nsecret_key = "{SECRET}"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    assert caught.value.__context__ is None
    assert SECRET not in f"{caught.value!s}{caught.value!r}{caught.value.args}"
