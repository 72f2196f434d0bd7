"""Bugs planted on purpose: patches to `worker`, applied to a copy of it that histories run with.

To plant another one, break the code, keep the difference (`git diff -U1 worker` as a file in
`bugs/`), and say in `bugs.toml` within how many histories it has to be found.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Bug:
    name: str
    within: int  # histories, from seed 0 on
    what: str

    @property
    def patch(self) -> str:
        return (HERE / "bugs" / f"{self.name}.patch").read_text()


def bugs() -> list[Bug]:
    table = tomllib.loads((HERE / "bugs.toml").read_text())
    return [Bug(name, **words) for name, words in table.items()]


def find(bug: Bug) -> dict[str, Any]:
    """The first seed at which something is wrong, and what; None if nothing is within the limit."""
    with TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "worker", f"{folder}/worker")
        Path(folder, "tests").symlink_to(ROOT / "tests")
        plant(bug.patch, Path(folder))
        searched = subprocess.run(
            [sys.executable, "-m", "tests.simulation.planting", str(bug.within)],
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=False,
            text=True,
        )
    if searched.returncode:
        raise AssertionError(searched.stderr)
    found: dict[str, Any] = json.loads(searched.stdout)
    assert found["worker"].startswith(str(Path(folder).resolve())), "the bug was not in it"
    return found


def plant(patch: str, root: Path) -> None:
    """Apply a patch by what its hunks say, wherever in the file that is now."""
    for of_file in re.split(r"^--- .*\n", patch, flags=re.MULTILINE)[1:]:
        head, *hunks = re.split(r"^@@.*\n", of_file, flags=re.MULTILINE)
        path = root / head.split()[1].removeprefix("b/")
        text = path.read_text()
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(old) == 1, f"{path.name} has this {text.count(old)} times:\n{old}"
            text = text.replace(old, new)
        path.write_text(text)


def search(within: int) -> dict[str, Any]:
    """Play histories until one fails."""
    import worker
    from tests.simulation.history import drawn
    from tests.simulation.playing import play

    found: dict[str, Any] = {"worker": worker.__file__, "seed": None, "wrong": None}
    for seed in range(within):
        if (wrong := play(drawn(seed)).wrong) is not None:
            return found | {"seed": seed, "wrong": wrong}
    return found


if __name__ == "__main__":
    print(json.dumps(search(int(sys.argv[1]))))  # noqa: T201
