"""What holds for the files of the repository, whatever they say."""

import json
import re
import subprocess
import tomllib
from itertools import combinations
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-foreign.lock", "requirements-bench.lock")
PIN = re.compile(
    r"^([a-z0-9.-]+)==([^\s;]+)(?: ; [^\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+$"
)


def tracked():
    """Every file that is, or would be, part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode:
        pytest.skip("This is no git checkout.")
    return [ROOT / name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def modules():
    return sorted((ROOT / "worker").rglob("*.py"))


def lines_with(pattern):
    return [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if re.search(pattern, line)
    ]


def pins(lock):
    """Name and version of every package that a lock file pins with hashes."""
    text = re.sub(r"^ *#.*\n?", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    found = {}
    for entry in re.split(r"\n(?=\S)", text.rstrip("\n")):
        pinned = PIN.match(entry)
        assert pinned, f"{lock}: not pinned with hashes: {entry[:80]}"
        found[pinned[1]] = pinned[2]
    return found


def requirements():
    """What pyproject.toml asks for, by the package, each of its extras and each group."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    asked = {"project": project["dependencies"]}
    asked |= project["optional-dependencies"]
    asked |= groups
    return {
        group: [
            Requirement(one)
            for one in listed
            if isinstance(one, str) and not one.startswith(project["name"])
        ]
        for group, listed in asked.items()
    }


def test_no_file_names_a_place_on_somebodys_machine():
    assert lines_with(r"(?<![\w.:/>-])/(?:home|Users|root|work|opt|private)/[A-Za-z]") == []


def test_no_file_names_a_package_registry():
    assert (
        lines_with(r"(?i)\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)|--(?:extra-)?index-url") == []
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_names_no_address(lock):
    assert "://" not in (ROOT / lock).read_text()
    assert len(pins(lock)) > 10


@pytest.mark.parametrize("group", requirements())
def test_the_lock_holds_what_pyproject_asks_for(group):
    own = f"requirements-{group}.lock"
    pinned = pins(own if own in LOCKS else "requirements.lock")
    for asked in requirements()[group]:
        version = pinned.get(canonicalize_name(asked.name))
        assert version, f"{asked} is not in the lock: make lock"
        assert asked.specifier.contains(version), f"{asked}, but {version} in the lock: make lock"


@pytest.mark.parametrize(("one", "other"), list(combinations(LOCKS, 2)))
def test_locks_agree_where_they_overlap(one, other):
    first, second = pins(one), pins(other)
    assert {name: first[name] for name in first.keys() & second.keys()} == {
        name: second[name] for name in first.keys() & second.keys()
    }


def test_modules_are_small():
    lengths = {path: len(path.read_text().splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_modules_are_named_by_their_subject():
    meaningless = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
    libraries = {name.replace("-", "_") for name in pins("requirements.lock")}
    names = {path.stem if path.stem != "__init__" else path.parent.name for path in modules()}
    assert names & (meaningless | libraries) == set()


def test_test_modules_have_names_of_their_own():
    """Without packages, two of one name cannot be told apart."""
    others = {"conftest.py", "__main__.py"}  # found by their folders
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in others]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (ROOT / "tests" / "vectors").rglob("*") if path.is_file()),
    ids=lambda path: path.relative_to(ROOT / "tests" / "vectors").as_posix(),
)
def test_vectors_have_rows_and_no_row_twice(path):
    text = path.read_text()
    read = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    tables = read.values() if isinstance(read, dict) else [read]
    for rows in tables:
        written = [json.dumps(row, sort_keys=True) for row in rows]
        assert written
        assert len(written) == len(set(written))
