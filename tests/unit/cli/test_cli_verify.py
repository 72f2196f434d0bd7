"""`order-worker verify`: exit codes, words for people, one array for programs."""

import json

ORDER = "S01-1234567-0000001"


def by_hand(shop, statement):
    with shop.ledger.database.write() as connection:
        connection.exec_driver_sql(statement)


def test_a_ledger_in_order_has_no_findings(shop):
    shop.asks("confirm", ORDER, "--seller", "acme")
    result = shop.run("verify")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no findings.\n")
    assert shop.told("verify") == []


def test_what_breaks_an_invariant_is_named_with_what_to_do(shop):
    job_id = shop.asks("confirm", ORDER, "--seller", "acme")
    by_hand(shop, "UPDATE order_worker_transitions SET new = 'rejected'")
    result = shop.run("verify")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0] == (
        f"job {job_id} (order {ORDER} of acme): is waiting, and its last transition went to"
        " rejected"
    )
    assert lines[1] == "  broken  5. A job's state is that of its last transition."
    assert lines[2].startswith("  to do   Its transitions tell")
    assert result.stderr == "1 finding.\n"
    (told,) = json.loads(shop.run("verify", "--json").stdout)
    assert told | {"to_do": None} == {
        "invariant": 5,
        "rule": "A job's state is that of its last transition.",
        "subject": "job",
        "id": job_id,
        "seller": "acme",
        "order_id": ORDER,
        "found": "is waiting, and its last transition went to rejected",
        "to_do": None,
    }


def test_a_secret_of_the_configuration_is_found_and_not_shown(shop):
    shop.asks("cancel", ORDER, "--seller", "acme", "--reason", "not-a-real-secret")
    result = shop.run("verify")
    assert result.exit_code == 1
    assert "a secret stands in its reason" in result.stdout
    assert "not-a-real-secret" not in result.stdout


def test_what_is_checked_can_be_listed(shop):
    rules = shop.told("verify", "--rules")
    assert {rule["invariant"] for rule in rules} == set(range(1, 11))
    text = shop.run("verify", "--rules").stdout
    assert all(rule["rule"] in text for rule in rules)


def test_a_ledger_that_is_not_there_is_not_made(configured, shop, tmp_path):
    path = configured()
    path.write_text(path.read_text().replace("ledger.db", "elsewhere.db"))
    result = shop.run("verify")
    assert result.exit_code == 3
    assert "There is no ledger at" in result.stderr
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_configuration_that_is_wrong_is_said_to_be_so(shop, configured):
    path = configured()
    path.write_text(path.read_text().replace("worker = {", "worker = { leese = 3,"))
    assert shop.run("verify").exit_code == 2
