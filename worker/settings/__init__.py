"""The configuration: one file, the environment above it, and every mistake answered at once.

`load` reads `config/worker.toml` (or the file that `ORDER_WORKER_CONFIG` names) and lays the
`ORDER_WORKER_…` variables over it. What it returns is checked, frozen and free of secrets:
`Settings.seller` fetches a seller's secrets from where the configuration says they are, so
that a process that only records jobs needs none of them.
"""

from worker.settings.loading import Settings, load
from worker.settings.mistakes import ConfigurationError
from worker.settings.references import Withheld
from worker.settings.urls import Url
from worker.settings.values import Duration

__all__ = ["ConfigurationError", "Duration", "Settings", "Url", "Withheld", "load"]
