import re
import tomllib

from worker.cli.sandbox import EXAMPLE
from worker.sandbox import faults
from worker.sandbox.switches import SWITCHES, Switches


def test_the_switches_are_listed_and_can_be_given_as_they_stand_there(shop):
    told = shop.run("sandbox", "--list-switches")
    assert told.exit_code == 0
    listed = dict(line.partition("  (")[0].split("=", 1) for line in told.stdout.splitlines())
    assert listed.keys() == SWITCHES.keys()
    given = Switches(listed)
    assert given.values() == Switches().values()


def test_the_help_has_a_file_of_faults_that_can_be_read(shop):
    told = shop.run("sandbox", "--help").stdout
    shown = [line for line in EXAMPLE.splitlines() if line.startswith("    ")]
    assert all(line in told for line in shown)
    rules = tomllib.loads("\n".join(shown))["fault"]
    assert len([faults.read(rule) for rule in rules]) == 2


def test_a_file_of_faults_without_a_fault_is_bad_input(shop):
    path = shop.file("[[rule]]\ncut = true\n", "faults.toml")
    result = shop.run("sandbox", "--faults", path, "--port", "0")
    assert result.exit_code == 2
    assert re.search(r"has rule: write its rules as \[\[fault\]\]", result.stderr)
