"""The tour's table on screens of several widths."""

import pytest
from rich.console import Console

from worker.demo import report
from worker.demo.scene import SCENES

SAID = {
    "another application uses the quota": ("RequestThrottled", "200", "200"),
    "Amazon cancelled it": ("InvalidOrderReferenceStatus", "200"),
}


def job(scene):
    codes = SAID.get(scene.note, ("200",))
    at = "2026-01-31T12:00:00.000Z"
    sent = {"claimed_at": at, "step": "apply", "operation": scene.operation, "status": 200}
    return {
        "order_id": scene.order_id,
        "seller": scene.seller,
        "state": str(scene.ends),
        "attempt_count": len(codes),
        "attempts": [{**sent, "code": code} for code in codes],
        "accepted_at": at,
        "finished_at": at,
    }


def shown(monkeypatch, columns, jobs):
    console = Console(width=columns, highlight=False, no_color=True)
    monkeypatch.setattr(report, "console", console)
    monkeypatch.setattr(report, "_usage", lambda _: [])
    with console.capture() as capture:
        code = report.table(SCENES, jobs)
    return code, capture.get().splitlines()


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_it_fits_and_orders_states_and_codes_are_whole(monkeypatch, columns):
    code, told = shown(monkeypatch, columns, [job(scene) for scene in SCENES])
    assert code == 0
    assert max(map(len, told)) <= columns
    rows = {line.split()[0]: line.split() for line in told if line and line[0] != " "}
    assert [scene.order_id for scene in SCENES if str(scene.ends) not in rows[scene.order_id]] == []
    assert any("InvalidOrderReferenceStatus" in line for line in told)
    assert {"requests", "provider"} <= set(rows["order"])


def test_on_a_wide_screen_the_task_and_the_wait_are_told_too(monkeypatch):
    headings = {
        columns: shown(monkeypatch, columns, [job(scene) for scene in SCENES])[1][0]
        for columns in (80, 120)
    }
    assert "task" in headings[120]
    assert "waited for quota" in headings[120]
    assert "task" not in headings[80]


def test_an_order_that_is_missing_or_ended_otherwise_is_told(monkeypatch):
    jobs = [job(scene) for scene in SCENES[1:]]
    jobs[0]["state"] = "failed"
    code, told = shown(monkeypatch, 150, jobs)
    assert code == 1
    assert "missing (not succeeded)" in told[1]
    assert "failed (not succeeded)" in told[2]
    assert told[-1].endswith("2 not as they must.")
