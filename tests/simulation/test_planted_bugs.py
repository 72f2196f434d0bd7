"""That the histories can see: each of the bugs that were planted on purpose is found in time.

`test_histories` plays the same seeds with the worker as it is, and finds nothing.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.simulation.planting import HERE, bugs, find, plant

BUGS = bugs()


@pytest.fixture(scope="module")
def found(request):
    """The searches for the selected bugs, which all of the machine's cores are at."""
    names = {item.callspec.params["bug"] for item in request.session.items if of_bug(item)}
    with ThreadPoolExecutor(os.cpu_count()) as searches:
        yield {bug.name: searches.submit(find, bug) for bug in BUGS if bug in names}


def of_bug(item):
    return item.module.__name__ == __name__ and "bug" in getattr(item, "fixturenames", ())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(found, bug):
    seed, wrong = (found[bug.name].result()[name] for name in ("seed", "wrong"))
    assert seed is not None, f"not found within {bug.within} histories: {bug.what}"
    assert wrong


def test_each_patch_has_its_line_in_the_table():
    assert {path.stem for path in (HERE / "bugs").iterdir()} == {bug.name for bug in BUGS}
    assert len(BUGS) >= 12


def test_a_patch_that_no_longer_applies_says_so(tmp_path):
    (tmp_path / "module.py").write_text("other = 1\n")
    patch = "--- a/module.py\n+++ b/module.py\n@@ -1 +1 @@\n-one = 1\n+one = 2\n"
    with pytest.raises(AssertionError, match=r"module\.py has this 0 times"):
        plant(patch, tmp_path)
