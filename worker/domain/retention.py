"""For how long what is over is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds: buyers' details after their job's end, and jobs after their order's last end."""

    keep_buyer_details: float
    keep_jobs: float
