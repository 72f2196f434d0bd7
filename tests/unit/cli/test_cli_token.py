import pytest

from worker.ledger import sessions, tokens

SCOPES = "read,operate"


@pytest.fixture
def database(shop):
    return shop.ledger.database


def made(shop, name="till", *more):
    result = shop.run("token", name, "--scopes", SCOPES, *more)
    assert result.exit_code == 0, result.output
    return result


def test_a_token_is_printed_once_alone_on_the_last_line_and_kept_as_a_hash(shop, database):
    result = made(shop)
    secret = result.stdout.splitlines()[-1]
    assert result.stdout == f"{secret}\n"
    token = tokens.find(database, secret)
    assert (token.name, token.scopes) == ("till", {"read", "operate"})
    assert secret not in shop.run("token", "--list").output
    assert not any(secret.encode() in file.read_bytes() for file in shop.directory.glob("ledger*"))


def test_each_token_is_another(shop):
    assert made(shop, "a").stdout != made(shop, "b").stdout


def test_a_revoked_token_is_none_and_its_name_is_free_again(shop, database):
    secret = made(shop).stdout.strip()
    assert shop.run("token", "till", "--revoke").exit_code == 0
    assert tokens.find(database, secret) is None
    assert shop.run("token", "till", "--revoke").exit_code == 1
    assert tokens.find(database, made(shop).stdout.strip()).name == "till"
    assert [each["revoked_at"] is None for each in shop.told("token", "--list")] == [False, True]


def test_a_name_is_one_tokens(shop):
    made(shop)
    result = shop.run("token", "till", "--scopes", "read")
    assert (result.exit_code, "revoke that one" in result.output) == (2, True)


def test_a_token_ends_when_it_expires(shop, database, monkeypatch):
    secret = made(shop, "till", "--expires", "1h").stdout.strip()
    began = database.time()
    monkeypatch.setattr(database, "_clock", lambda: began + 3599.0)
    assert tokens.find(database, secret)
    monkeypatch.setattr(database, "_clock", lambda: began + 3601.0)
    assert tokens.find(database, secret) is None


def test_a_session_ends_with_its_token_by_itself_and_by_logging_out(shop, database, monkeypatch):
    token = tokens.find(database, made(shop).stdout.strip())
    first, second, third = (sessions.begin(database, token) for _ in range(3))
    assert sessions.find(database, first) == token
    assert sessions.find(database, f"{first}x") is None
    sessions.end(database, first)
    assert sessions.find(database, first) is None
    shop.run("token", "till", "--revoke")
    assert sessions.find(database, second) is None
    other = tokens.find(database, made(shop).stdout.strip())
    began = database.time()
    fourth = sessions.begin(database, other)
    monkeypatch.setattr(database, "_clock", lambda: began + sessions.LONGEST + 60.0)
    assert sessions.find(database, fourth) is None
    assert sessions.find(database, third) is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("till", "--scopes", "read,write"), "there are read, enqueue, operate"),
        (("till", "--scopes", ","), "at least one"),
        ((" till", "--scopes", "read"), "without blanks"),
        (("a\nb", "--scopes", "read"), "printable"),
        (("x" * 101, "--scopes", "read"), "1 to 100"),
        (("till",), "--scopes"),
        ((), "Give NAME"),
        (("till", "--list"), "Give NAME"),
        (("till", "--revoke", "--scopes", "read"), "of a new token"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(shop, args, said):
    result = shop.run("token", *args)
    assert result.exit_code == 2
    assert said in result.output


def test_the_list_tells_who_made_what(shop):
    made(shop, "till", "--expires", "90d")
    (told,) = shop.told("token", "--list")
    assert (told["name"], told["scopes"]) == ("till", ["read", "operate"])
    assert told["expires_at"] > told["created_at"]
    assert told["created_by"]
    assert "till" in shop.run("token", "--list").output
