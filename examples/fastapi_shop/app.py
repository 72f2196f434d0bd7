"""A shop in FastAPI, on SQLAlchemy. `place_order` is what there is to see."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from worker import BadInput, LedgerUnavailable, confirm

LOOK = Path(__file__).parent.parent / "look"
SANDBOX = os.environ.get("SANDBOX_URL", "http://127.0.0.1:8400")

# The ledger of the worker is in this database, too.
engine = create_engine(
    "sqlite:///shop.db", connect_args={"timeout": 2, "isolation_level": "IMMEDIATE"}
)
app = FastAPI()
app.mount("/static", StaticFiles(directory=LOOK / "static"))
templates = Jinja2Templates(LOOK)


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "shop_product"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]
    stock: Mapped[int]


class Order(Base):
    __tablename__ = "shop_order"

    reference: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey(Product.id))
    job_id: Mapped[str]
    product: Mapped[Product] = relationship()


Base.metadata.create_all(engine)
with Session(engine) as empty, empty.begin():
    if not empty.scalar(select(Product)):
        empty.add(Product(name="Sencha, 100 g", price=12, stock=50))
        empty.add(Product(name="Tea bowl", price=24, stock=20))
        empty.add(Product(name="Cast-iron kettle", price=90, stock=1))


class SoldOut(Exception):
    """Somebody else was faster."""


def open_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(open_session)]


@app.get("/")
def shelf(request: Request, session: Database) -> HTMLResponse:
    return page(request, "shelf.html", products=session.scalars(select(Product)).all())


@app.post("/orders")
def place_order(
    session: Database,
    product_id: Annotated[int, Form(alias="product")],
    reference: Annotated[str, Form(alias="order_reference_id")] = "",
) -> Response:
    """The order, its piece from the shelf and the job that confirms it: all of them, or none.

    Twice is harmless: a double click finds the same job, a new card after a decline makes one.
    """
    with session.begin():
        job = confirm.delay_within(session, reference, seller="acme")
        if order := session.get(Order, reference):
            order.job_id = job.id
        else:
            product = session.get(Product, product_id, with_for_update=True)
            if not (product and product.stock):
                raise SoldOut
            product.stock -= 1
            session.add(Order(reference=reference, product=product, job_id=job.id))
    return RedirectResponse(f"/orders/{reference}", 303)


@app.get("/orders/{reference}")
def order(request: Request, reference: str, session: Database) -> HTMLResponse:
    found = session.get(Order, reference)
    if found is None:
        raise HTTPException(404)
    job = confirm.AsyncResult(found.job_id)
    words = {"reference": reference, "product": found.product}
    return page(request, "order.html", **words, state=job.state, info=job.info)


@app.exception_handler(SoldOut)
def sold_out(request: Request, _: Exception) -> HTMLResponse:
    return page(request, "sorry.html", 409, what="Somebody else has just bought the last one.")


@app.exception_handler(BadInput)
def bad_order(request: Request, error: Exception) -> HTMLResponse:
    return page(request, "sorry.html", 400, what="This order cannot be taken.", why=error)


@app.exception_handler(LedgerUnavailable)
@app.exception_handler(OperationalError)
def away(request: Request, _: Exception) -> HTMLResponse:
    what = "We cannot take orders just now. Please try again soon."
    return page(request, "sorry.html", 503, what=what)


def page(request: Request, name: str, status: int = 200, **words: object) -> HTMLResponse:
    words["sandbox"] = SANDBOX
    return templates.TemplateResponse(request, name, words, status)
