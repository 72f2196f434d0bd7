"""A fork waits until no thread is in the middle of its work; the child begins anew."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def told():
    """Run a program that forks, in a process of its own; what it printed, as JSON."""

    def run(program):
        done = subprocess.run(
            [sys.executable, "-c", "import json, os, threading, time\n" + program],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_fork_waits_for_the_end_of_what_is_held(told):
    program = """
from worker import forks
held, steps = threading.Event(), []

def work():
    with forks.held_off():
        held.set()
        time.sleep(0.3)
        steps.append("work")

thread = threading.Thread(target=work)
thread.start()
held.wait()
if os.fork() == 0:
    os._exit(0 if steps == ["work"] else 1)
steps.append("fork")
print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), steps]))
thread.join()
"""
    assert told(program) == [0, ["work", "fork"]]


def test_a_child_finds_the_gate_open_and_has_forgotten_what_it_shared(told):
    program = """
from worker import forks
shared = ["a connection"]
forks.renew_in_child(shared.clear)
with forks.held_off():  # this very thread's own work
    child = os.fork()
    if child == 0:
        taken = []
        other = threading.Thread(target=lambda: forks.held_off().__enter__() or taken.append(1))
        other.start()
        other.join(5)
        os._exit(0 if taken and not shared else 1)
print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), shared]))
"""
    assert told(program) == [0, ["a connection"]]


def test_a_childs_name_in_the_ledger_begins_with_its_parents(configured, told):
    configured()
    program = """
from worker.bootstrap import runtime
mine = runtime().worker
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, runtime().worker.encode())
    os._exit(0)
os.wait()
print(json.dumps([mine, os.read(read, 1000).decode()]))
"""
    mine, childs = told(program)
    assert childs.startswith(f"{mine}/")
