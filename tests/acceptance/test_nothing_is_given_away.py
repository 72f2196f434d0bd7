"""A canary in every secret and in every field of a buyer, and a search for them in all that is
shown, sent, logged and kept.
"""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest
import redis
from collectors import Collector, exporting_to
from processes import AMAZON_OPERATIONS, CENTER_OPERATIONS, PLENTY, SELLER_ID, USER_ID, opened
from processes import until as wait_until
from routes import walk
from sqlalchemy import select

from tests.servers import OwnRedis, running
from worker.ledger.schema import jobs, metadata
from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.amazon_pay import documents
from worker.sandbox.server import Sandbox
from worker.web.application import application
from worker.web.doorman import SESSION

# However a secret is escaped, the letters of its canary stay as they are.
SECRETS = {
    "ACME_ACCESS_KEY": "AKIDCanaryOfAccessKey",
    "ACME_SECRET_KEY": 'obviously/fake+"CanaryOfSecretKey"&',
    "ACME_TOKEN": "amzn.mws.CanaryOfAuthToken",
    "MALL_API_KEY": "obviously fake CanaryOfApiKey",
}
OF_LEDGER, OF_BROKER = "CanaryOfLedgerUrl", "CanaryOfBrokerUrl"
KEYS = ("CanaryOf",)
FIELDS = ("Name", "AddressLine1", "AddressLine2", "AddressLine3", "District", "County", "Phone")
AREA = ("City", "StateOrRegion", "PostalCode", "CountryCode")
BUYER = "BuyersCanary"
SHOWN_WITH_DETAILS = {
    ("GET", "/v1/jobs/{job_id:path}"),
    ("POST", "/jobs/{job_id:path}/details"),
}
ORDER = "S01-7000000-000000"
SENT = "ConfirmOrderReference"
WHY = "a phone call"


@pytest.fixture
def planted(monkeypatch):
    """Both providers, whose buyers are canaries and whose errors repeat what was sent to them."""
    for name, fields in {"STREET": FIELDS, "AREA": AREA, "BUYER": ("Name", "Email")}.items():
        monkeypatch.setattr(documents, name, {each: f"{BUYER} {name} {each}" for each in fields})
    amazon = dict.fromkeys(AMAZON_OPERATIONS, PLENTY)
    center = dict.fromkeys(CENTER_OPERATIONS, PLENTY)
    key, secret, token, mall = SECRETS.values()
    accounts = [
        AmazonPayAccount(SELLER_ID, key, secret, token, quotas=amazon),
        SellerCenterAccount(USER_ID, mall, quotas=center),
    ]
    echo = f"{key}, {secret}, {token}"
    with Sandbox(accounts) as sandbox:

        def fault(number, **answer):
            match = {"operation": SENT, "order_id": f"{ORDER}{number}"}
            sandbox.add_fault(match=match, answer=answer)

        fault(2, status=400, code="ConstraintsExist", message=echo)
        fault(3, status=503, code="RequestThrottled", message=echo)
        fault(4, status=500, body=f"{BUYER} {echo}")
        fault(5, status=403, code="AccessDenied", message=echo)
        sandbox.add_fault(
            match={"provider": "seller_center"},
            times=None,
            answer={"status": 200, "code": "7", "message": mall},
        )
        yield sandbox


@contextmanager
def messages_of(port):
    """All that anybody says to a Redis meanwhile."""
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(f"AUTH {OF_BROKER}\r\nMONITOR\r\n".encode())

        def listen():
            while some := wire.recv(2**16):
                heard.extend(some)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            wire.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def shop(tmp_path, planted, postgresql):
    """On PostgreSQL and Redis, with a password each. (The server asks for none of ours.)"""
    with running(OwnRedis) as broker, opened(tmp_path, planted.url) as shop:
        with redis.Redis.from_url(broker.url) as server:
            server.config_set("requirepass", OF_BROKER)
        ledger = postgresql.replace("postgres@", f"postgres:{OF_LEDGER}@")
        assert OF_LEDGER in ledger
        shop.environ |= {
            **SECRETS,
            "ORDER_WORKER_LEDGER__URL": ledger,
            "ORDER_WORKER_BROKER__URL": broker.url.replace("redis://", f"redis://:{OF_BROKER}@"),
        }
        shop.configuration(
            worker__max_attempts=2,
            worker__lookup_after_confirm=True,
            sellers__acme__mws_auth_token={"env": "ACME_TOKEN"},
        )
        shop.broker = broker
        yield shop


def found(canaries, text):
    return sorted({canary for canary in canaries if canary in text})


def test_no_secret_and_no_buyer_is_given_away(shop):
    now = shop.ledger()
    tokens = {
        name: shop.order_worker("token", name, "--scopes", scopes).stdout.splitlines()[-1]
        for name, scopes in (("till", "read,enqueue,operate"), ("browser", "read,operate"))
    }
    with Collector() as collector, messages_of(shop.broker.port) as heard:
        processes = [
            shop.start_worker("--loglevel", "DEBUG", **exporting_to(collector)),
            shop.start("worker", "web", "--port", "0", **exporting_to(collector)),
        ]
        listens = wait_until(lambda: re.search(r"http://\S+:\d+", shop.log_of(processes[1])))
        headers = {"Authorization": f"Bearer {tokens['till']}"}
        with httpx2.Client(base_url=listens[0], headers=headers) as till:
            ids = worked_on(till)
            answers = walked(now, till, ids)
            session = with_a_browser(now, listens[0], tokens["browser"], ids, answers)
            with ThreadPoolExecutor(2) as pool:
                runs = {words: pool.submit(printed_by, shop, *words) for words in commands(ids)}
            printed = {words: run.result() for words, run in runs.items()}
        secrets = [*KEYS, *tokens.values(), session]

        # What it may be shown in, and that it was there to be found.
        with_buyers = {(each.method, each.path) for each in answers if BUYER in each.told}
        assert with_buyers == SHOWN_WITH_DETAILS
        assert all("details" in each.url for each in answers if BUYER in each.told), (
            "details without having been asked for"
        )
        assert BUYER in printed["show", f"{ORDER}1", "--json"]
        assert {OF_LEDGER, OF_BROKER} <= set(now_and_then(shop))

        for each in answers:
            assert found(secrets, each.told) == [], each.url
        for words, text in printed.items():
            assert found(secrets, text) == [], words
            assert (words[0] == "show" and words[-1] == "--json") or BUYER not in text, words
        lines = "".join(map(shop.log_of, processes))
        assert "attempt" in lines
        assert found([*secrets, BUYER], lines) == []
        spans = b"".join(wait_until(lambda: collector.bodies)).decode(errors="replace")
        assert SENT in spans
        assert found([*secrets, BUYER], spans) == []
        collector.shutdown()
    published = heard.decode()
    assert ids[0] in published
    assert found([*secrets, BUYER], published) == []
    for table, column, text in kept(now):
        assert found(secrets, text) == [], (table, column)
        assert (table, column) == (jobs.name, "receipt") or BUYER not in text, (table, column)
    assert looks(now) >= {"till", "browser"}


def ask(till, *words):
    answer = till.post("/v1/jobs", json=list(words))
    assert answer.status_code == 202, answer.text
    return [job["id"] for job in answer.json()]


def worked_on(till):
    """Jobs that succeed, are rejected, throttled, unknown and denied; as far as each can go."""
    confirms = [
        {"task": "confirm", "seller": "acme", "order_id": f"{ORDER}{number}"}
        for number in range(1, 6)
    ]
    cancel = {"task": "cancel", "seller": "mall", "order_id": "4711", "reason": "SHORTAGE"}

    def came_to(states):
        told = [till.get(f"/v1/jobs/{job_id}").json() for job_id in ids]
        return [job["state"] for job in told] == states and told

    ids = ask(till, *confirms[:4])
    states = ["succeeded", "rejected", "succeeded", "succeeded"]
    wait_until(lambda: came_to(states))
    ids += ask(till, confirms[4], cancel)  # what is denied closes its operation for all
    denied = ["waiting", "waiting"]
    told = wait_until(lambda: all_denied(came_to(states + denied)))
    outcomes = {attempt["outcome"] for job in told for attempt in job["attempts"]}
    assert outcomes == {"applied", "rejected", "throttled", "unknown", "denied"}
    return ids


def all_denied(told):
    return told if told and all(job["attempts"] for job in told) else None


def walked(now, client, ids):
    """Every answer of every route: first what reads, then what acts."""
    orders = [f"{ORDER}{number}" for number in (1, 4)]
    names = {
        "job_id": ids,
        "seller": ["acme"],
        "order_id": orders,
        "deed": ["retry", "withdraw", "keep", "release"],
        "name": ["style.css", "live.js", "icon.svg"],
    }
    app = application(now)
    queries = ("", "?details=1")
    bodies = ({"data": {"why": WHY}}, {"json": {"why": WHY}})
    reads = list(walk(app, client, names, queries, methods=("GET",)))
    unread = {each.path for each in reads} - {
        each.path for each in reads if each.answer.status_code == 200
    }
    assert unread == set()
    acts = list(walk(app, client, names, bodies=bodies, methods=("POST",)))
    assert all(each.answer.status_code not in (429, 500) for each in [*reads, *acts])
    return reads + acts


def with_a_browser(now, url, token, ids, answers):
    """The pages once more by a session, whose secret it gives."""
    with httpx2.Client(base_url=url) as browser:
        door = browser.post("/login", data={"token": token})
        session = browser.cookies[SESSION]
        assert door.status_code == 303
        assert token not in door.text + str(door.headers)
        page = browser.get(f"/jobs/{ids[0]}")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
        names = {"job_id": ids[:1], "seller": ["acme"], "order_id": [f"{ORDER}1"]}
        answers += walk(application(now), browser, names | {"name": ["live.js"]}, methods=("GET",))
        shown = browser.post(f"/jobs/{ids[0]}/details", data={"csrf": csrf})
        assert BUYER in shown.text
        return session


def commands(ids):
    yield "show", f"{ORDER}1", "--json"
    for order in (1, 2, 4):
        yield "show", f"{ORDER}{order}"
    yield ("jobs",)
    for words in (("jobs",), ("quotas",), ("token", "--list")):
        yield (*words, "--json")
    yield "retry", ids[1], "--yes"
    yield "check", "--seller", "mall"
    yield ("verify",)


def printed_by(shop, *words):
    done = shop.order_worker(*words)
    return done.stdout + done.stderr


def now_and_then(shop):
    """The passwords that the configuration really has."""
    return re.findall(r"Canary\w+", " ".join(shop.environ.values()))


def kept(now):
    """Every text that stands in the ledger."""
    with now.ledger.database.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for column, value in row._asdict().items():
                    yield table.name, column, str(value)


def looks(now):
    """Who has looked at a buyer's details, by the history."""
    steps = metadata.tables["order_worker_transitions"]
    shown = select(steps.c.actor).where(steps.c.subject == "details", steps.c.new == "shown")
    with now.ledger.database.read() as connection:
        return set(connection.execute(shown).scalars())
