"""`order-worker cancel`: ask for orders to be cancelled."""

import click

from worker.cli import asking


@click.command("cancel", short_help="Cancel orders.")
@asking.orders
@click.option("--reason", help="Why; for Seller Center one of its reasons (see `check --seller`).")
@click.option("--reason-detail", help="More about it (Seller Center).")
@click.option("--parent-order-id", help="The order that the item belongs to (Seller Center).")
@asking.terms
def command(
    order_id: tuple[str, ...],
    reason: str | None,
    reason_detail: str | None,
    parent_order_id: str | None,
    **terms: object,
) -> None:
    """Cancel orders: one line for each, with its job's id."""
    words = {
        "reason": reason,
        "reason_detail": reason_detail,
        "parent_order_id": parent_order_id,
    }
    asking.ask("cancel", order_id, words, asking.Terms(**terms))  # type: ignore[arg-type]
