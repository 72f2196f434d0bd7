"""A shop in Flask, on plain sqlite3. `place_order` is what there is to see."""

import os
import sqlite3
from typing import Any

from flask import Flask, abort, g, redirect, render_template, request

from worker import BadInput, LedgerUnavailable, confirm

SANDBOX = os.environ.get("SANDBOX_URL", "http://127.0.0.1:8400")
DATABASE = "shop.db"  # the ledger of the worker is in it, too
SCHEMA = """
CREATE TABLE IF NOT EXISTS shop_product (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL, stock INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS shop_order (
    reference TEXT PRIMARY KEY, product_id INTEGER REFERENCES shop_product, job_id TEXT NOT NULL
);
INSERT OR IGNORE INTO shop_product VALUES
    (1, 'Sencha, 100 g', 12, 50), (2, 'Tea bowl', 24, 20), (3, 'Cast-iron kettle', 90, 1);
"""

app = Flask(__name__, template_folder="../look", static_folder="../look/static")


class SoldOut(Exception):
    """Somebody else was faster."""


@app.get("/")
def shelf() -> str:
    return page("shelf.html", products=database().execute("SELECT * FROM shop_product").fetchall())


@app.post("/orders")
def place_order() -> Any:
    """The order, its piece from the shelf and the job that confirms it: all of them, or none.

    Twice is harmless: a double click finds the same job, a new card after a decline makes one.
    """
    reference, product = request.form["order_reference_id"], request.form["product"]
    with database() as db:
        job = confirm.delay_within(db, reference, seller="acme")
        placed = db.execute(
            "UPDATE shop_order SET job_id = ? WHERE reference = ?", (job.id, reference)
        )
        if not placed.rowcount:
            db.execute("INSERT INTO shop_order VALUES (?, ?, ?)", (reference, product, job.id))
            taken = db.execute(
                "UPDATE shop_product SET stock = stock - 1 WHERE id = ? AND stock > 0", (product,)
            )
            if not taken.rowcount:
                raise SoldOut
    return redirect(f"/orders/{reference}", 303)


@app.get("/orders/<reference>")
def order(reference: str) -> str:
    found = database().execute(
        "SELECT shop_product.*, job_id FROM shop_order"
        " JOIN shop_product ON shop_product.id = product_id WHERE reference = ?",
        (reference,),
    )
    product = found.fetchone() or abort(404)
    job = confirm.AsyncResult(product["job_id"])
    return page("order.html", reference=reference, product=product, state=job.state, info=job.info)


@app.errorhandler(SoldOut)
def sold_out(_: Exception) -> tuple[str, int]:
    return page("sorry.html", what="Somebody else has just bought the last one."), 409


@app.errorhandler(BadInput)
def bad_order(error: BadInput) -> tuple[str, int]:
    return page("sorry.html", what="This order cannot be taken.", why=error), 400


@app.errorhandler(LedgerUnavailable)
@app.errorhandler(sqlite3.OperationalError)
def away(_: Exception) -> tuple[str, int]:
    return page("sorry.html", what="We cannot take orders just now. Please try again soon."), 503


def page(name: str, **words: Any) -> str:
    return render_template(name, sandbox=SANDBOX, **words)


def database() -> sqlite3.Connection:
    """The connection of the request that is being answered."""
    if "database" not in g:
        # IMMEDIATE: a transaction that reads first and writes then waits for its turn, not fails.
        g.database = sqlite3.connect(DATABASE, timeout=2, isolation_level="IMMEDIATE")
        g.database.row_factory = sqlite3.Row
    opened: sqlite3.Connection = g.database
    return opened


@app.teardown_appcontext
def close_database(_: object) -> None:
    if "database" in g:
        g.pop("database").close()


with app.app_context():
    database().executescript(SCHEMA)
