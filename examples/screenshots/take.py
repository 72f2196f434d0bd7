"""`make screenshots`: the pictures of the README, taken in Debian's Chromium of a shop at work.

The sandbox, the worker and the orders are those of `order-worker demo`; an hour of a busy shop lies
behind them, which is written into the ledger before.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from past import write_past
from playwright.sync_api import Browser, Page, sync_playwright

from worker import bootstrap
from worker.demo import stage
from worker.demo.scene import SCENES, Scene, confirm
from worker.domain.jobs import FINAL, Task
from worker.ledger import queries, tokens, upgrade
from worker.ledger.acceptance import Terms
from worker.ledger.filters import Filters
from worker.producers import new_id
from worker.settings import load

HERE = Path(__file__).resolve().parent
SIZE = {"width": 1240, "height": 900}
LOOKED_AT = "P01-1000000-0000014"  # whose answer was lost
WAITING = tuple(confirm(number) for number in range(100, 124))
DOUBTED = confirm(99, faults=({"when": "after", "cut": True},))
PATIENCE = 90.0  # seconds until the orders of the tour are done


def main() -> None:
    """Take them all; those that are there are replaced."""
    random.seed(4711)  # the same hour each time
    with stage.opened((*SCENES, DOUBTED)) as here:
        os.environ.update(here.environ)
        now = bootstrap.build(load(here.folder / "worker.toml", here.environ))
        upgrade.upgrade(now.ledger.database)
        write_past(now)
        _never_answers(here.url)
        _ask(now, *SCENES, DOUBTED)
        _wait(now)
        _ask(now, *WAITING)
        with _web(here) as url, _chromium() as browser:
            secret = tokens.create(
                now.ledger.database, "ann", ("read", "operate"), actor="screenshots"
            )
            for scheme in ("light", "dark"):
                _take(browser, url, secret, scheme, _job(now, LOOKED_AT))
        now.ledger.database.engine.dispose()


def _never_answers(url: str) -> None:
    """One order stays in doubt: its lookups are refused."""
    match = {"operation": "GetOrderReferenceDetails", "order_id": DOUBTED.order_id}
    answer = {"status": 503, "code": "ServiceUnavailable"}
    rule = {"match": match, "times": None, "answer": answer}
    requests.post(f"{url}/_sandbox/faults", json=rule, timeout=5).raise_for_status()


def _ask(now: bootstrap.Runtime, *scenes: Scene) -> None:
    for scene in scenes:
        words = {"seller": scene.seller}
        if scene.task is Task.CANCEL:
            words |= {"reason": scene.reason, "parent_order_id": scene.parent_order_id}
        request = now.producers.request(scene.task, (scene.order_id,), words)
        now.producers.accept(request, Terms(new_id(), "shop", may_publish=False))


def _wait(now: bootstrap.Runtime) -> None:
    """Until all is done that will be."""
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        told = queries.find(now.ledger, Filters(), len(SCENES) + 1)
        if sum(job["state"] not in FINAL for job in told) <= 1:
            return
        time.sleep(0.5)
    sys.exit("The orders of the tour have not come to their ends.")


def _job(now: bootstrap.Runtime, order_id: str) -> str:
    return queries.of_order(now.ledger, order_id)[0]


@contextmanager
def _web(here: stage.Stage) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "worker", "web", "--port", "0"],
        env=here.environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = process.stderr.readline() if process.stderr else ""
            found = re.search(r"http://\S+:\d+", said)
            if found is None:
                sys.exit(f"The web has not started: {said}")
            yield found[0]
        finally:
            process.terminate()


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("No chromium is installed (on Debian and Ubuntu: apt install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def _take(browser: Browser, url: str, secret: str, scheme: str, job: str) -> None:
    with browser.new_context(base_url=url, viewport=SIZE, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Token").fill(secret)
        page.get_by_role("button", name="Log in").click()
        _picture(page, "/", f"overview-{scheme}")
        _picture(page, f"/jobs/{job}", f"job-{scheme}")


def _picture(page: Page, path: str, name: str) -> None:
    page.goto(path)
    page.get_by_text("Live", exact=True).wait_for()
    page.screenshot(path=HERE / f"{name}.png")


if __name__ == "__main__":
    main()
