"""The tour: forty orders of two sellers, with what goes wrong with them in real life.

It starts a sandbox and `order-worker run` as processes of their own, hands them a file of
orders, shows how they move, and ends with a table. `main` returns 0 only when every job ended
as it must.
"""

import csv
import os
from pathlib import Path

from worker.demo.scene import SCENES

FIELDS = ("task", "seller", "order_id", "reason", "parent_order_id")


def main() -> int:
    """Play the tour."""
    from worker.demo import report, stage

    with stage.opened(SCENES) as here:
        # From here on this process reads the tour's ledger, and nobody else's.
        for name in [name for name in os.environ if name.startswith("ORDER_WORKER_")]:
            del os.environ[name]
        os.environ.update(here.environ)
        orders = here.folder / "orders.csv"
        _write(orders)
        report.heading(f"{len(SCENES)} orders of two sellers, 10 calls at once and 1 a second each")
        here.order_worker("enqueue", str(orders))
        jobs = report.follow(len(SCENES))
        return report.table(SCENES, jobs)


def _write(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(FIELDS)
        for scene in SCENES:
            out.writerow([getattr(scene, name) for name in FIELDS])
