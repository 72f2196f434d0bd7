"""Shops of every kind: each has a transaction of its own on the ledger's database."""

import os
import sqlite3
from contextlib import contextmanager, suppress

import psycopg
import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session

KINDS = ("driver", "connection", "session", "django")
HOOKED = ("session", "django")  # they tell of a commit


class Undo(Exception):
    """What makes a block roll back."""


class Shop:
    """`connection` is what the shop hands over; its table is called shop."""

    def __init__(self, url):
        self.connection = self.open(url)

    def begin(self):
        pass

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()

    def close(self):
        self.connection.close()

    def execute(self, sql):
        self.connection.execute(sql)

    @contextmanager
    def savepoint(self):
        self.execute("SAVEPOINT inner_one")
        try:
            yield
        except Undo:
            self.execute("ROLLBACK TO SAVEPOINT inner_one")
        self.execute("RELEASE SAVEPOINT inner_one")


class Driver(Shop):
    def open(self, url):
        if url.startswith("sqlite"):
            return sqlite3.connect(make_url(url).database, check_same_thread=False)
        return psycopg.connect(url.replace("+psycopg", ""))

    def begin(self):
        if isinstance(self.connection, sqlite3.Connection):
            self.connection.execute("BEGIN")


class Engine(Shop):
    def close(self):
        self.connection.close()
        self.engine.dispose()

    @contextmanager
    def savepoint(self):
        with suppress(Undo), self.connection.begin_nested():
            yield


class OfConnection(Engine):
    def open(self, url):
        self.engine = create_engine(url)
        return self.engine.connect()

    def execute(self, sql):
        self.connection.exec_driver_sql(sql)


class OfSession(Engine):
    def open(self, url):
        self.engine = create_engine(url)
        return Session(self.engine)

    def execute(self, sql):
        self.connection.connection().exec_driver_sql(sql)


class OfDjango(Shop):
    """`connections["shop"]` of Django, whose transaction is an atomic block."""

    def open(self, url):
        connections = django().connections
        parsed = make_url(url)
        backend = "sqlite3" if url.startswith("sqlite") else "postgresql"
        words = {"HOST": parsed.host, "PORT": parsed.port, "USER": parsed.username}
        database = {"ENGINE": f"django.db.backends.{backend}", "NAME": parsed.database, **words}
        shop = connections.configure_settings({"default": {}, "shop": database})["shop"]
        connections.settings["shop"] = shop
        return connections["shop"]

    def begin(self):
        self.block = django().transaction.atomic(using="shop")
        self.block.__enter__()

    def commit(self):
        self.block.__exit__(None, None, None)

    def rollback(self):
        self.block.__exit__(Undo, Undo(), None)

    def execute(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def close(self):
        self.connection.close()
        del django().connections["shop"]

    @contextmanager
    def savepoint(self):
        with suppress(Undo), django().transaction.atomic(using="shop"):
            yield


OF_KIND = {"driver": Driver, "connection": OfConnection, "session": OfSession, "django": OfDjango}


def django():
    """Django, configured for no database of its own; without it skipped, and failed in CI."""
    try:
        from django import db, setup
        from django.conf import settings
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no Django here: pip install django")
    if not settings.configured:
        settings.configure(USE_TZ=True, DATABASES={})
        setup()
    return db
