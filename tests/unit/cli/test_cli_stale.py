"""`order-worker stale` and `keep`: what would go, why the others stay, and who says so."""

import sqlite3

import pytest

ORDER = "S01-3000000-000000{}"


@pytest.fixture
def swept(shop, configured):
    """A shop with the sections of the sweeps, and the path of its configuration."""

    def with_(text="[stale]\n"):
        path = configured()
        path.write_text(f"{path.read_text()}\n{text}\n")
        return shop

    return with_


def confirmed(shop, *numbers, days=4):
    """Orders that the ledger has seen open, some days ago."""
    with shop.ledger.database.write() as connection:
        for number in numbers:
            connection.exec_driver_sql(
                "INSERT INTO order_worker_orders (seller, order_id, state, state_at, in_doubt)"
                " VALUES ('acme', ?, 'Open', unixepoch() - ?, false)",
                (ORDER.format(number), days * 86400),
            )


def test_without_a_section_it_says_what_to_add(shop):
    result = shop.run("stale")
    assert result.exit_code == 2
    assert "add a section [stale]" in result.stderr


def test_a_dry_run_tells_what_would_go_and_why_the_others_stay_and_records_nothing(swept):
    shop = swept()
    confirmed(shop, 1, 2, 3)
    confirmed(shop, 4, days=1)
    shop.run("keep", ORDER.format(2), "--seller", "acme")
    open_job = shop.asks("cancel", ORDER.format(3), "--seller", "acme", "--reason", "no stock")
    result = shop.run("stale", "--dry-run")
    assert result.exit_code == 0, result.output
    assert f"{ORDER.format(1)}  would be cancelled, if its lookup lets it" in result.stdout
    assert f"{ORDER.format(2)}  left alone: kept by" in result.stdout
    assert f"{ORDER.format(3)}  left alone: job {open_job} of the order is open" in result.stdout
    assert "acme: 1 to cancel, 2 left alone, 1 not old enough" in result.stdout
    assert len(shop.told("jobs")) == 1


def test_it_records_cancels_behind_everybody_elses_and_once(swept):
    shop = swept()
    confirmed(shop, 1, 2)
    told = shop.told("stale", "--yes")
    assert {each["order_id"] for each in told} == {ORDER.format(1), ORDER.format(2)}
    assert "acme: 0 recorded, 0 left alone" in shop.run("stale", "--yes").stdout
    jobs = shop.told("jobs")
    assert {job["priority"] for job in jobs} == {30}
    assert {job["reason"] for job in jobs} == {"stale"}
    assert {each["job"] for each in told} == {job["id"] for job in jobs}


def test_the_limit_of_the_policy_holds_and_is_told(swept):
    shop = swept("[stale]\nlimit = 1\n")
    confirmed(shop, 1, 2)
    file = shop.file(f"order_id\n{ORDER.format(1)}\n{ORDER.format(2)}\n")
    result = shop.run("stale", "--yes", "--seller", "acme", "--from", file)
    assert "acme: 1 recorded, 0 left alone; there are more" in result.stdout


def test_the_shop_names_orders_in_a_file(swept):
    shop = swept('[stale]\n[sellers.mall.stale]\nreason = "SHORTAGE"\n')
    file = shop.file(
        "seller;order_id;parent_order_id\r\n"
        f"acme;{ORDER.format(7)};\r\n"
        "mall;10937342;4711\r\n"
        "mall;10937343;\r\n"
        "nobody;1;\r\n"
    )
    result = shop.run("stale", "--yes", "--from", file, "--dry-run")
    assert result.exit_code == 2
    assert f"{file}:5: seller: 'nobody' has no policy for stale orders" in result.stderr
    assert "10937343  left alone: cannot be read at the provider without its paren" in result.stdout
    shop.run("stale", "--yes", "--from", file)
    jobs = {job["order_id"]: job for job in shop.told("jobs")}
    assert jobs.keys() == {ORDER.format(7), "10937342"}
    assert jobs["10937342"]["parent_order_id"] == "4711"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('{"order_id": 7}', "order_id: is int, not text"),
        ('{"parent_order_id": "7"}', "order_id: is not given"),
        ('{"order_id": "7", "colour": "red"}', "colour"),
        ("{", "requests.csv:1: line: is not JSON"),
    ],
)
def test_a_line_that_says_nothing_costs_itself_only(swept, line, answer):
    shop = swept()
    file = shop.file(f'{line}\n{{"order_id": "{ORDER.format(1)}"}}\n')
    result = shop.run("stale", "--yes", "--seller", "acme", "--from", file)
    assert result.exit_code == 2
    assert answer in result.stderr
    assert "acme: 1 recorded" in result.stdout


@pytest.mark.parametrize("content", ["order\n1\n", "order_id\n".encode("utf-16")])
def test_a_file_that_cannot_be_read_is_named(swept, content):
    shop = swept()
    file = shop.file(content)
    result = shop.run("stale", "--yes", "--seller", "acme", "--from", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{file}:1: ")


def test_the_shop_names_orders_by_a_query(swept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE unpaid (order_id, parent_order_id)")
        database.execute("INSERT INTO unpaid VALUES ('10937342', '4711')")
    database.close()
    shop = swept(
        '[sellers.mall.stale]\nreason = "SHORTAGE"\nshop_query = "SELECT * FROM unpaid"\n'
        'shop_url = "sqlite:///shop.db"\n'
    )
    assert [each["order_id"] for each in shop.told("stale", "--yes")] == ["10937342"]


def test_a_query_that_cannot_be_used_is_told(swept):
    shop = swept('[sellers.mall.stale]\nshop_query = "DELETE FROM order_worker_jobs"\n')
    result = shop.run("stale", "--yes")
    assert result.exit_code == 2
    assert "sellers.mall.stale.shop_query: cannot be used" in result.stderr


def test_it_asks_somebody_who_answers(swept, monkeypatch):
    shop = swept()
    confirmed(shop, 1)
    monkeypatch.setattr("worker.cli.session.somebody_answers", lambda: True)
    result = shop.run("stale", stdin="n\n")
    assert "Cancel 1 order, if a lookup lets it?" in result.stderr
    assert "Nothing was recorded." in result.stderr
    assert shop.told("jobs") == []


def test_keeping_and_releasing_say_what_changed(shop):
    keep = ("keep", ORDER.format(1), "--seller", "acme")
    assert shop.run(*keep).stdout == f"{ORDER.format(1)}  kept\n"
    assert shop.run(*keep).stdout == f"{ORDER.format(1)}  was kept before\n"
    assert shop.told(*keep, "--release")[0]["result"] == "released"
    assert shop.told(*keep, "--release")[0]["result"] == "was not kept"


def test_keeping_for_a_seller_that_is_not_there_is_refused(shop):
    result = shop.run("keep", ORDER.format(1), "--seller", "nobody")
    assert result.exit_code == 2
    assert "'nobody' is not configured; there are acme, mall" in result.stderr


def test_an_order_that_was_only_kept_is_shown_with_who_did_it_and_why(shop):
    shop.run("keep", ORDER.format(1), "--seller", "acme", "--why", "a phone call")
    result = shop.run("show", ORDER.format(1))
    assert result.exit_code == 0, result.output
    assert "kept" in result.stdout
    assert "a phone call" in result.stdout
    assert "has no job" in shop.run("withdraw", ORDER.format(1)).stderr


@pytest.mark.parametrize("odd", ["", " ", "s01-1", "\x00"])
def test_what_can_be_no_order_is_not_said_to_be_kept(shop, odd):
    result = shop.run("keep", odd, "--seller", "acme")
    assert result.exit_code == 2
    assert "order_id" in result.stderr
