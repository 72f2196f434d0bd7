import gc
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections import deque
from itertools import islice

import pytest
from terminals import on_terminal

from worker.cli import enqueue
from worker.errors import LedgerUnavailable

HEADER = "task,seller,order_id,reason,priority\n"


def order(number):
    return f"S01-1234567-{number:07}"


def test_every_line_is_recorded_and_counted(shop):
    path = shop.file(HEADER + "".join(f"cancel,acme,{order(n)},x,\n" for n in range(250)))
    result = shop.run("enqueue", path)
    assert result.exit_code == 0
    assert result.stderr == f"{path}: 250 recorded, 0 asked before, 0 broken.\n"
    jobs = shop.told("jobs", "--limit", "1000")
    assert [job["order_id"] for job in reversed(jobs)] == [order(n) for n in range(250)]
    assert {job["priority"] for job in jobs} == {10}


def test_to_run_it_again_finds_what_was_recorded(shop):
    path = shop.file(HEADER + f"cancel,acme,{order(1)},x,\n")
    shop.run("enqueue", path)
    assert "0 recorded, 1 asked before, 0 broken" in shop.run("enqueue", path).stderr


def test_broken_lines_are_told_by_line_and_field_and_the_others_recorded(shop):
    path = shop.file(
        HEADER
        + f"cancel,acme,{order(1)},x,\n"
        + f"cancel,nobody,{order(2)},x,\n"
        + "cancel,acme,nonsense,x,\n"
        + f"keep,acme,{order(3)},x,\n"
        + f"cancel,acme,{order(4)},x,soon\n"
        + f"confirm,acme,{order(5)},x,\n"
        + f"cancel,acme,{order(6)},x,1\n"
    )
    result = shop.run("enqueue", path)
    told = result.stderr.splitlines()
    assert result.exit_code == 2
    assert [line.removeprefix(f"{path}:").split(": ")[:2] for line in told[:-1]] == [
        ["3", "seller"],
        ["4", "order_id"],
        ["5", "task"],
        ["6", "priority"],
        ["7", "reason"],
    ]
    assert told[-1] == f"{path}: 2 recorded, 0 asked before, 5 broken."
    assert [job["order_id"] for job in shop.told("jobs")] == [order(6), order(1)]


def test_a_line_of_json_with_another_type_is_told_and_the_others_recorded(shop):
    good = f'{{"task": "confirm", "seller": "acme", "order_id": "{order(1)}"}}'
    odd = ['{"task": ["confirm"], "order_id": "x"}', '{"task": {}, "order_id": "x"}']
    path = shop.file("\n".join([*odd, good]), "requests.jsonl")
    result = shop.run("enqueue", path)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == f"{path}:1: task: ['confirm'] is not confirm or cancel."
    assert result.stderr.splitlines()[-1] == f"{path}: 1 recorded, 0 asked before, 2 broken."


def test_a_line_without_an_end_is_told_and_the_others_recorded(shop):
    lines = [order(1), "x" * 3_000_000, order(2)]
    path = shop.file("\n".join(["order_id", *lines]) + "\n")
    result = shop.run("enqueue", path, "--task", "confirm", "--seller", "acme")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{path}:3: line: has more than 1048576 bytes.",
        f"{path}: 2 recorded, 0 asked before, 1 broken.",
    ]
    assert [job["order_id"] for job in shop.told("jobs")] == [order(2), order(1)]


def test_a_column_of_the_other_task_is_told_in_the_words_of_a_request(shop):
    path = shop.file(f"task,seller,order_id,parent_order_id\nconfirm,acme,{order(1)},4711\n")
    said = f"{path}:2: parent_order_id: is for cancel only; leave it out."
    assert said in shop.run("enqueue", path).stderr


def test_an_empty_cell_is_not_given(shop):
    path = shop.file(f"task,seller,order_id,parent_order_id\nconfirm,acme,{order(1)}, \n")
    assert "1 recorded" in shop.run("enqueue", path).stderr


def test_a_line_is_recorded_as_asked_on_the_command_line(shop):
    path = shop.file(f"task,seller,order_id\nconfirm,acme,{order(1)}\n")
    shop.run("enqueue", path)
    assert shop.told("jobs")[0]["transitions"][0]["actor"] == "command line"


def test_on_one_terminal_nothing_falls_into_the_array(shop):
    lines = [{"task": "confirm", "seller": "acme", "order_id": order(n)} for n in (1, 2)]
    path = shop.file(f"{json.dumps(lines[0])}\nnonsense\n{json.dumps(lines[1])}\n")
    array, bracket, told = on_terminal("enqueue", path, "--json").rpartition("]")
    assert [each["line"] for each in json.loads(array + bracket)] == [1, 3]
    assert told.split() == [
        *f"{path}:2: line: is not JSON (Expecting value); write one object a line.".split(),
        *f"{path}: 2 recorded, 0 asked before, 1 broken.".split(),
    ]


def test_options_stand_in_for_columns(shop):
    path = shop.file(f"order_id\n{order(1)}\n")
    assert shop.run("enqueue", path, "--task", "confirm", "--seller", "acme").exit_code == 0
    (job,) = shop.told("jobs")
    assert (job["task"], job["seller"]) == ("confirm", "acme")


def test_a_line_without_a_seller_is_told(shop):
    path = shop.file(f"task,order_id\nconfirm,{order(1)}\n")
    assert f"{path}:2: seller: is not given." in shop.run("enqueue", path).stderr


def test_json_lines_come_from_standard_input(shop):
    lines = [{"task": "confirm", "seller": "acme", "order_id": order(n)} for n in (1, 2)]
    given = "\n".join(map(json.dumps, lines))
    result = shop.run("enqueue", "-", "--json", stdin=given)
    told = json.loads(result.stdout)
    assert [(each["line"], each["created"]) for each in told] == [(1, True), (2, True)]
    assert {each["id"] for each in told} == {job["id"] for job in shop.told("jobs")}


def test_a_key_with_other_arguments_is_a_broken_line(shop):
    path = shop.file(
        f"task,seller,order_id,key\nconfirm,acme,{order(1)},k\nconfirm,acme,{order(2)},k\n"
    )
    result = shop.run("enqueue", path)
    assert f"{path}:3: key: 'k' belongs to job" in result.stderr
    assert "1 recorded, 0 asked before, 1 broken" in result.stderr


def test_a_header_that_is_none_is_told_once(shop):
    path = shop.file(f"confirm,acme,{order(1)}\n")
    result = shop.run("enqueue", path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{path}:1: header: 'confirm' is no column")
    assert shop.told("jobs") == []


def test_what_was_told_is_in_the_ledger_even_if_the_rest_is_never_read(shop):
    from worker import bootstrap

    defaults = {"task": "confirm", "seller": "acme", "priority": 0}
    intake = enqueue.Intake(bootstrap.runtime(), "test", defaults)

    def lines():
        yield b"order_id\n"
        for number in range(300):
            yield f"{order(number)}\n".encode()

    told = list(islice(intake.record(lines(), 100), 150))
    recorded = {job["id"] for job in shop.told("jobs", "--limit", "500")}
    assert {each["id"] for each in told} <= recorded
    assert len(recorded) == 200


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_a_file_that_cannot_be_read_is_a_sentence(shop, name):
    result = shop.run("enqueue", str(shop.directory / name))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(str(shop.directory / name).removesuffix("/."))


def test_a_ledger_that_goes_away_is_told_with_what_was_recorded(shop, monkeypatch):
    from worker.ledger import acceptance

    accept_each, batches = acceptance.accept_each, []

    def away_after_one(*args):
        batches.append(args)
        if len(batches) > 1:
            raise LedgerUnavailable("The ledger is away.")
        return accept_each(*args)

    monkeypatch.setattr(acceptance, "accept_each", away_after_one)
    path = shop.file(HEADER + "".join(f"cancel,acme,{order(n)},x,\n" for n in range(250)))
    result = shop.run("enqueue", path)
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        f"{path}: 100 recorded, 0 asked before, 0 broken.",
        f"{path}: interrupted after line 101. Run it again: what was recorded is found by its key.",
        "The ledger is away.",
    ]
    assert len(shop.told("jobs", "--limit", "500")) == 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_batch_at_hand_end_and_the_same_command_goes_on(
    shop, monkeypatch, number
):
    from worker.ledger import acceptance

    accept_each, batches = acceptance.accept_each, []

    def interrupted(*args):
        batches.append(args)
        if len(batches) == 2:
            os.kill(os.getpid(), number)
        return accept_each(*args)

    monkeypatch.setattr(acceptance, "accept_each", interrupted)
    path = shop.file(HEADER + "".join(f"cancel,acme,{order(n)},x,\n" for n in range(350)))
    result = shop.run("enqueue", path)
    assert result.exit_code == 128 + number
    assert result.stderr.splitlines() == [
        f"{path}: 200 recorded, 0 asked before, 0 broken.",
        f"{path}: interrupted after line 201. Run it again: what was recorded is found by its key.",
    ]
    assert shop.run("enqueue", path).stderr == (
        f"{path}: 150 recorded, 200 asked before, 0 broken.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_at_once_what_waits_for_a_line(shop, number):
    command = [sys.executable, "-m", "worker", "enqueue", "-", "--json"]
    asking = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    line = {"task": "confirm", "seller": "acme", "order_id": order(1)}
    asking.stdin.write(json.dumps(line).encode() + b"\n")
    asking.stdin.flush()
    assert asking.stdout.readline() == b"[\n"  # written, it is in the ledger
    asking.send_signal(number)
    _, told = asking.communicate(timeout=30)
    assert asking.returncode == 128 + number
    assert b"stdin: 1 recorded, 0 asked before, 0 broken." in told
    assert len(shop.told("jobs")) == 1


def test_what_is_recorded_takes_no_memory(shop):
    from worker import bootstrap

    defaults = {"task": "confirm", "seller": "acme", "priority": 10}
    intake = enqueue.Intake(bootstrap.runtime(), "test", defaults)
    lines = iter([b"order_id\n", *(f"{order(number)}\n".encode() for number in range(1_100))])
    told = intake.record(lines, 100)
    deque(islice(told, 200), maxlen=0)  # warm
    tracemalloc.start()
    try:
        deque(islice(told, 200), maxlen=0)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        deque(islice(told, 600), maxlen=0)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert intake.recorded == 1_000
    assert held < 30_000  # the id of each job were twice as much


def test_what_could_not_be_looked_up_is_counted_in_a_line_of_its_own(shop):
    head = "task,seller,order_id,reason,parent_order_id\n"
    lines = [f"cancel,mall,1093734{n},SHORTAGE,{'' if n else 4711}\n" for n in range(3)]
    result = shop.run("enqueue", shop.file(head + "".join(lines)))
    assert result.exit_code == 0
    assert "2 requests have no parent_order_id: the item cannot be looked up" in result.stderr
