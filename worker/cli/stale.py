"""`order-worker stale`: run the sweep of stale orders now, or see what it would do."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import click

from worker.cli import printing, session
from worker.cli.acting import SHOWN
from worker.cli.failures import BAD_INPUT, say
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.cli.intake import Words
    from worker.domain.staleness import ShopOrder
    from worker.errors import BadInput
    from worker.sweeps.stale import StaleSweep, Swept

COLUMNS = ("seller", "order_id", "parent_order_id")


@click.command("stale", short_help="Cancel orders that went stale.")
@click.option("--seller", help="Only orders of this seller.")
@click.option(
    "--from", "file", type=click.File("rb"), help="The orders to look at: CSV, or JSON lines."
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go, and why the others stay.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@printing.as_json
def command(
    seller: str | None, file: IO[bytes] | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Record a cancel for each stale order, as the schedule of [stale] does.

    Which orders are stale is read from the ledger and by the shop's query; or the shop gives them
    in a file with the columns order_id, parent_order_id and seller. A worker looks each order up
    before it is cancelled: one that has an authorization or a capture is left alone.
    """
    from worker import bootstrap

    sweep = bootstrap.sweeps(session.asking(may_make=False)).stale
    given, odd = _given(sweep, seller, file) if file else ({}, 0)
    sellers = list(given) if file else _configured(sweep, seller)
    if not (dry_run or yes) and session.somebody_answers():
        would = [sweep.run(name, given.get(name), dry_run=True) for name in sellers]
        if not _agreed([order_id for each in would for order_id in each.taken]):
            say("Nothing was recorded.")
            return
    swept = [sweep.run(name, given.get(name), dry_run=dry_run) for name in sellers]
    if as_json:
        printing.array(_told(swept))
    else:
        for line in _lines(swept, dry_run=dry_run):
            click.echo(line)
    if odd:
        raise click.exceptions.Exit(BAD_INPUT)


def _configured(sweep: "StaleSweep", seller: str | None) -> list[str]:
    """The sellers to sweep. Raises BadInput if there is no policy for what was asked."""
    from worker.errors import BadInput

    if seller is None and not sweep.policies:
        raise BadInput(
            "stale", "is not configured: add a section [stale] (see config/worker.toml)."
        )
    if seller is not None and seller not in sweep.policies:
        known = ", ".join(sweep.policies) or "none"
        raise BadInput(
            "seller",
            f"{seller!r} has no policy for stale orders, by [stale] or by"
            f" [sellers.{seller}.stale]; there are {known}.",
        )
    return list(sweep.policies) if seller is None else [seller]


def _given(
    sweep: "StaleSweep", seller: str | None, file: IO[bytes]
) -> tuple[dict[str, list["ShopOrder"]], int]:
    """The orders of a file by seller, and how many lines say nothing that can be used."""
    from worker.cli import intake
    from worker.errors import BadInput

    orders: dict[str, list[ShopOrder]] = {}
    odd = 0

    def complain(line: int, error: BadInput) -> None:
        nonlocal odd
        odd += 1
        say(f"{plain(file.name)}:{line}: {plain(error)}")

    try:
        for record in intake.read(intake.lines_of(file), COLUMNS):
            try:
                name, order = _order(sweep, seller, record.words)
            except BadInput as error:
                complain(record.line, error)
            else:
                orders.setdefault(name, []).append(order)
    except BadInput as error:  # of the header: nothing after it can be read
        complain(1, error)
    return orders, odd


def _order(
    sweep: "StaleSweep", seller: str | None, words: "Words | BadInput"
) -> tuple[str, "ShopOrder"]:
    """The seller and the order of a record. Raises BadInput."""
    from worker.domain.staleness import ShopOrder
    from worker.errors import BadInput

    if isinstance(words, BadInput):
        raise words
    for name, value in words.items():
        if value is not None and not isinstance(value, str):
            raise BadInput(name, f"is {type(value).__name__}, not text.")
    if not (owner := words.get("seller") or seller):
        raise BadInput("seller", "is not given: name it by --seller, or in a column.")
    _configured(sweep, owner)
    if not words.get("order_id"):
        raise BadInput("order_id", "is not given.")
    return owner, ShopOrder(words["order_id"], words.get("parent_order_id") or None)


def _agreed(order_ids: list[str]) -> bool:
    for order_id in order_ids[:SHOWN]:
        say(f"  {plain(order_id)}")
    if len(order_ids) > SHOWN:
        say(f"  … and {len(order_ids) - SHOWN} more")
    orders = f"{len(order_ids)} orders" if len(order_ids) != 1 else "1 order"
    return not order_ids or click.confirm(f"Cancel {orders}, if a lookup lets it?", err=True)


def _told(swept: "list[Swept]") -> Iterator[dict[str, Any]]:
    for each in swept:
        for order_id in each.taken:
            job = each.jobs.get(order_id)
            yield {"seller": each.seller, "order_id": order_id, "job": job, "left_alone": None}
        for order_id, why in each.left.items():
            yield {"seller": each.seller, "order_id": order_id, "job": None, "left_alone": why}


def _lines(swept: "list[Swept]", *, dry_run: bool) -> Iterator[str]:
    for each in swept:
        for order_id in each.taken:
            job = each.jobs.get(order_id)
            what = "would be cancelled, if its lookup lets it" if dry_run else f"job {job}"
            yield f"{plain(order_id)}  {what}"
        for order_id, why in each.left.items() if dry_run else ():
            yield f"{plain(order_id)}  left alone: {plain(why)}"
        yield _sum(each, dry_run=dry_run)


def _sum(swept: "Swept", *, dry_run: bool) -> str:
    verb = "to cancel" if dry_run else "recorded"
    parts = [f"{len(swept.taken)} {verb}", f"{len(swept.left)} left alone"]
    if swept.younger:
        parts.append(f"{swept.younger} not old enough")
    more = "; there are more, for the next sweep (limit)" if swept.full else ""
    return f"{plain(swept.seller)}: {', '.join(parts)}{more}"
