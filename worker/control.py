"""Celery's remote control, of which a revoke of a job needs nobody to listen.

Celery tells all workers to drop the messages of an id, and whoever is not there or cannot be
reached (an in-memory broker, from another process) does not hear of it. A job that waits is a
row of the ledger: it is withdrawn here and now, and the workers have nothing to remember.
"""

from typing import Any

from celery.app.control import Control as CeleryControl
from celery.utils.functional import maybe_list


class Control(CeleryControl):
    def revoke(self, task_id: Any, *args: Any, **options: Any) -> Any:
        """Withdraw the jobs among the ids that wait, and tell the workers of the other ids."""
        backend = self.app.backend
        others = [each for each in maybe_list(task_id) if not backend.withdraw(each, "revoked")]
        return super().revoke(others, *args, **options) if others else None
