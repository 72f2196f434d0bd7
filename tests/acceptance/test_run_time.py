"""A changed configuration takes effect within seconds, in a real worker that goes on running."""

from processes import until

from worker.ledger import queries
from worker.ledger.filters import Filters

SOON = 10.0  # seconds; three on a machine that has nothing else to do
RIGHT, WRONG = "not-a-real-amazon-secret", "not-the-amazon-secret"


def order(number):
    return f"S01-7000000-{number:07d}"


def ask(shop, *numbers, seller="acme"):
    orders = [order(number) for number in numbers]
    assert shop.order_worker("confirm", *orders, "--seller", seller).returncode == 0


def job(shop, number):
    (found,) = queries.find(shop.reading.ledger, Filters(order_id=order(number)), 1)
    return found


def succeeds(shop, number):
    return until(lambda: job(shop, number)["state"] == "succeeded", SOON)


def confirms(sandbox):
    log = [entry for entry in sandbox.requests() if entry.operation == "ConfirmOrderReference"]
    return sorted(entry.time for entry in log)


def start(shop):
    shop.reading = shop.ledger()
    worker = shop.start_worker("--loglevel", "INFO")
    until(lambda: "order-worker starts" in shop.log_of(worker), 60.0)
    return worker


def test_a_new_seller_a_smaller_quota_and_a_broken_file(shop, sandbox):
    worker = start(shop)
    ask(shop, 1)
    succeeds(shop, 1)
    second = shop.acme()
    shop.configuration(sellers__second=second, ledger__url="sqlite:///elsewhere.db")
    until(lambda: "only after a restart" in shop.log_of(worker), SOON)
    assert '"options": "ledger.url"' in shop.log_of(worker)
    shop.configuration(sellers__second=second)
    until(lambda: shop.log_of(worker).count("was read anew") == 2, SOON)
    ask(shop, 2, seller="second")
    succeeds(shop, 2)

    shop.configuration(amazon_quota=(3.0, 2.0))
    until(lambda: shop.log_of(worker).count("was read anew") == 3, SOON)
    before = len(confirms(sandbox))
    ask(shop, *range(10, 19))
    for number in range(10, 19):
        succeeds(shop, number)
    came = confirms(sandbox)[before:]
    assert len(came) == 9
    # The level was settled once: what the smaller bucket holds is there, no token less or more.
    assert 3.0 - 0.1 <= came[-1] - came[0] <= 3.0 + 1.0

    shop.path.write_text("[sellers.acme]\nquotas = 'ten'\n", encoding="utf-8")
    until(lambda: "is refused" in shop.log_of(worker), SOON)
    assert "sellers.acme.quotas" in shop.log_of(worker)
    shop.path.replace(shop.directory / "worker.toml.broken")
    shop.configuration(amazon_quota=(3.0, 2.0))
    ask(shop, 30)
    succeeds(shop, 30)


def test_a_wrong_key_closes_its_seller_and_the_right_one_opens_it_without_a_restart(shop, sandbox):
    key = shop.directory / "acme.secret"
    key.write_text(WRONG, encoding="utf-8")
    shop.configuration(sellers__acme__secret_key={"file": str(key)})
    worker = start(shop)
    ask(shop, *range(1, 6))
    until(lambda: job(shop, 1)["waiting_for"] == "credentials", SOON)
    until(lambda: all(job(shop, n)["waiting_for"] == "credentials" for n in range(1, 6)), SOON)
    denied = len(confirms(sandbox))
    assert denied <= 4  # those that were under way; one answer closes it for all
    done = shop.order_worker("cancel", "10937001", "--seller", "mall", "--reason", "x")
    assert done.returncode == 0
    until(lambda: "SetStatusToCanceled" in {entry.operation for entry in sandbox.requests()}, SOON)

    key.write_text(RIGHT, encoding="utf-8")
    for number in range(1, 6):
        succeeds(shop, number)
    assert WRONG not in shop.log_of(worker)
    assert RIGHT not in shop.log_of(worker)
    for number in range(1, 6):
        outcomes = [each["outcome"] for each in job(shop, number)["attempts"]]
        assert outcomes.count("denied") <= 1
        assert job(shop, number)["state"] == "succeeded"
    assert worker.poll() is None
