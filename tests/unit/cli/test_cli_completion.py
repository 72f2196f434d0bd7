import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ORDER = "S01-1234567-1234567"
PROGRAM = Path(sys.executable).with_name("order-worker")


def offered(*words, **env):
    """What the shell is given for the last of these words, and what is said beside it."""
    asked = {"COMP_WORDS": " ".join(["order-worker", *words]), "COMP_CWORD": str(len(words))}
    complete = {"_ORDER_WORKER_COMPLETE": "bash_complete"}
    told = subprocess.run(
        [PROGRAM],
        env={**os.environ, **asked, **complete, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [line.partition(",")[2] for line in told.stdout.split("\n") if line], told.stderr


def test_bash_completes_by_the_script_that_it_is_given(shop):
    script = shop.run("completion", "bash").stdout
    typed = """
        COMP_WORDS=(order-worker jobs --seller "") COMP_CWORD=3
        _order_worker_completion order-worker "" --seller
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    env = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    bash = subprocess.run(
        ["bash", "--norc", "-c", script + typed],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (bash.stdout.split(), bash.stderr) == (["acme", "mall"], "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_a_script_that_they_can_read(shop, shell, tmp_path):
    script = shop.run("completion", shell).stdout
    assert "_ORDER_WORKER_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(script)
    subprocess.run([shell, "-n", path], check=True)


def test_commands_options_and_states_are_offered(shop):
    assert "withdraw" in offered("with")[0]
    assert offered("jobs", "--needs")[0] == ["--needs-attention"]
    assert offered("jobs", "--state", "w")[0] == ["waiting", "withdrawn"]


def test_jobs_are_offered_by_the_beginning_of_their_id_or_the_newest(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    assert offered("withdraw", job[:6]) == ([job], "")
    assert offered("show", "") == ([job], "")


@pytest.mark.parametrize("word", ["--seller", "--before"])
def test_what_is_wrong_is_not_said_while_somebody_types(shop, word):
    assert offered("jobs", word, "", ORDER_WORKER_CONFIG="/nowhere.toml") == ([], "")
    away = {"ORDER_WORKER_LEDGER__URL": "sqlite:////nowhere/ledger.db"}
    assert offered("jobs", "--before", "", **away) == ([], "")


def test_the_tab_key_makes_no_ledger(shop, tmp_path):
    new = tmp_path / "new.db"
    assert offered("show", "", ORDER_WORKER_LEDGER__URL=f"sqlite:///{new}") == ([], "")
    assert not new.exists()


def test_the_help_has_a_line_for_each_shell(shop):
    lines = shop.run("completion", "--help").stdout.splitlines()
    starts = [line.split()[0] for line in lines if "completion" in line and "Usage" not in line]
    assert starts == ["bash", "zsh", "fish"]
