"""`order-worker confirm`: ask for orders to be confirmed."""

import click

from worker.cli import asking


@click.command("confirm", short_help="Confirm orders.")
@asking.orders
@click.option("--success-url", help="Where the buyer goes after an authentication (EU).")
@click.option("--failure-url", help="Where the buyer goes after a failed one (EU).")
@asking.terms
def command(
    order_id: tuple[str, ...],
    success_url: str | None,
    failure_url: str | None,
    **terms: object,
) -> None:
    """Confirm orders: one line for each, with its job's id."""
    words = {"success_url": success_url, "failure_url": failure_url}
    asking.ask("confirm", order_id, words, asking.Terms(**terms))  # type: ignore[arg-type]
