"""The shop's query for its stale orders: it reads, in its time, and has the columns."""

import socket
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import text

from worker.domain.staleness import ShopOrder, Source
from worker.errors import BadInput, LedgerUnavailable
from worker.ledger import shop
from worker.ledger.database import Database

FIELD = "sellers.mall.stale.shop_query"
GOOD = "SELECT order_id, parent_order_id FROM unpaid ORDER BY order_id"
ENDLESS = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted)
SELECT n AS order_id FROM counted WHERE n < 0
"""


@pytest.fixture
def unpaid(connect):
    """A table of the shop's, with two orders."""
    database = connect()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE unpaid (order_id integer, parent_order_id text)"))
        connection.execute(text("INSERT INTO unpaid VALUES (1, 'A'), (2, NULL)"))
    return database


def asked(url, query, timeout=5.0):
    return list(shop.orders(Source(url, query, timeout), FIELD))


def still_there(database: Database):
    with database.read() as connection:
        return connection.execute(text("SELECT count(*) FROM unpaid")).scalar()


def test_orders_come_as_text_with_their_parents(url, unpaid):
    assert asked(url, GOOD) == [ShopOrder("1", "A"), ShopOrder("2")]
    like = "SELECT order_id FROM unpaid WHERE parent_order_id LIKE 'A%' -- of the first shop;"
    assert asked(url, like) == [ShopOrder("1")]
    assert asked(url, "SELECT order_id AS ORDER_ID FROM unpaid WHERE order_id = 2") == [
        ShopOrder("2")
    ]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM unpaid",
        "DELETE FROM unpaid RETURNING order_id",
        "SELECT order_id FROM unpaid; DELETE FROM unpaid",
        "COMMIT; DELETE FROM unpaid",
        "SET TRANSACTION READ WRITE; DELETE FROM unpaid",
        "WITH gone AS (DELETE FROM unpaid RETURNING order_id) SELECT order_id FROM gone",
        "PRAGMA query_only = OFF",
        "DROP TABLE unpaid",
        "SELECT order_id FROM unpaid) AS a; DELETE FROM unpaid; SELECT * FROM (SELECT 1",
    ],
)
def test_a_query_that_writes_is_refused_and_writes_nothing(url, unpaid, query):
    with pytest.raises(BadInput, match=FIELD):
        asked(url, query)
    assert still_there(unpaid) == 2


def test_a_query_that_hangs_is_ended(url, unpaid):
    with pytest.raises(BadInput, match=r"took longer than 0\.2 s"):
        asked(url, ENDLESS, timeout=0.2)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT order_number FROM unpaid", "cannot be used .*order_number"),
        ("SELECT parent_order_id FROM unpaid", "must give a column order_id; it gives parent"),
        ("SELECT order_id, 1 AS colour FROM unpaid", "gives colour; only order_id and parent"),
        ("SELEC", "must be one SELECT that only reads"),
        ("", "must be one SELECT that only reads"),
    ],
)
def test_a_query_with_other_columns_or_none_is_told(url, unpaid, query, answer):
    with pytest.raises(BadInput, match=answer):
        asked(url, query)


def test_an_order_without_an_id_is_passed_over(url, unpaid):
    assert asked(url, "SELECT NULL AS order_id") == []


def test_a_value_that_cannot_be_read_is_told_as_such(url):
    if url.startswith("postgresql"):
        with pytest.raises(BadInput, match="gives a value that cannot be read"):
            asked(url, "SELECT 'infinity'::date AS order_id")


def test_the_options_of_the_shops_own_url_hold(url, unpaid):
    if not url.startswith("postgresql"):
        return
    with unpaid.write() as connection:
        connection.execute(text("CREATE SCHEMA shop"))
        connection.execute(text("CREATE TABLE shop.unpaid (order_id text)"))
        connection.execute(text("INSERT INTO shop.unpaid VALUES ('of the shop')"))
    own = f"{url}?options=-csearch_path%3Dshop"
    assert asked(own, "SELECT order_id FROM unpaid") == [ShopOrder("of the shop")]
    with pytest.raises(BadInput, match=FIELD):
        asked(own, "DELETE FROM unpaid")


def test_a_server_that_falls_silent_is_left_in_time(url, monkeypatch):
    """Its own limit of time is of no use: nothing of it arrives."""
    if not url.startswith("postgresql"):
        return
    monkeypatch.setattr(shop, "GRACE", 0.2)
    with silent_before(b"SELECT * FROM (") as port, pytest.raises(BadInput, match="took longer"):
        asked(url.replace(":5432", f":{port}"), "SELECT 'a' AS order_id", timeout=0.5)


def test_a_files_name_may_hold_what_a_uri_would_read(tmp_path):
    path = tmp_path / "shop#1?.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE unpaid (order_id text)")
    assert asked(f"sqlite:///{tmp_path}/shop%231%3F.db", "SELECT order_id FROM unpaid") == []
    assert [file.name for file in tmp_path.iterdir()] == ["shop#1?.db"]


@contextmanager
def silent_before(words):
    """A port before PostgreSQL's that forwards everything until it hears the words."""
    done = threading.Event()

    def pump(source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                if words in data:
                    done.wait(30)
                    return
                target.sendall(data)

    def serve(server):
        with suppress(OSError):
            accepted, _ = server.accept()
            with accepted, socket.create_connection(("127.0.0.1", 5432)) as upstream:
                for pair in ((accepted, upstream), (upstream, accepted)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()
                done.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        done.set()


def test_a_shop_that_is_away_is_told_without_its_password(tmp_path):
    for url in (
        f"sqlite:///{tmp_path}/missing/shop.db",
        "postgresql+psycopg://shop:not-a-real-password@127.0.0.1:9/shop",
    ):
        with pytest.raises(LedgerUnavailable, match="shop's database") as told:
            asked(url, GOOD)
        assert "not-a-real-password" not in str(told.value)
        assert not (tmp_path / "missing").exists()
