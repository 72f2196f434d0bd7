"""What must be so of a job that has ended, and of a history that has come to rest."""

from typing import Any

from tests.simulation.watch import FINAL, HOLD_NO_KEY, JobRow


def is_true_at_the_provider(provider: Any, job: JobRow) -> list[str]:
    """What is wrong with how a job has ended, by what the provider knows."""
    told = (
        f"{job.id} is {job.state}, and {job.order_id}"
        f" {provider.orders.get(job.order_id)}: {job.error}"
    )
    changed, error = provider.changed_by[job.id], job.error or ""
    true = {
        "succeeded": job.order_id in provider.opened
        if job.task == "confirm"
        else provider.orders.get(job.order_id) == "Canceled",
        # A lookup may have found what somebody else made of our order.
        "rejected": not changed or '"order_state"' in error,
        "failed": not changed or "outcome_unknown" in error,
        "withdrawn": not changed,
    }
    return [] if true[job.state] else [told]


def at_rest(history: Any) -> list[str]:
    """What is wrong once everything has come to rest."""
    watch, provider = history.witness.watch, history.provider
    wrongs = [f"{job} was accepted, and is lost" for job in history.jobs if job not in watch.jobs]
    wrongs += [
        f"{job} was rolled back, and is there" for job in history.undone if job in watch.jobs
    ]
    keys: set[str] = set()
    for job in watch.jobs.values():
        if job.state not in FINAL:
            wrongs.append(f"{job.id} is {job.state}")
        else:
            wrongs += is_true_at_the_provider(provider, job)
        if job.state not in HOLD_NO_KEY:
            if job.key in keys:
                wrongs.append(f"two jobs have the key {job.key}")
            keys.add(job.key)
    in_flight = sorted(watch.in_flight.values())
    wrongs += [f"{job}'s request {number} is in flight" for job, number, _ in in_flight]
    return wrongs
