from worker.ledger.schema import HEAD


def test_a_ledger_of_a_newer_version_is_left_alone_with_a_sentence(shop):
    assert shop.run("migrate").stdout.endswith(f"has the schema {HEAD} already.\n")
    with shop.ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE order_worker_version SET version_num = '9999'")
    result = shop.run("migrate")
    assert result.exit_code == 3
    assert "9999" in result.stderr
    assert result.stdout == ""
