"""`order-worker keep`: no sweep cancels these orders."""

from typing import TYPE_CHECKING

import click

from worker.cli import printing, session

if TYPE_CHECKING:
    from worker.producers import Producers


@click.command("keep", short_help="Keep orders from the sweep of stale ones.")
@click.argument("order_id", nargs=-1, required=True)
@click.option("--seller", required=True, help="The seller whose orders these are.")
@click.option("--why", help="Kept with the order.")
@click.option("--release", is_flag=True, help="Let the sweep have them again.")
@printing.as_json
def command(
    order_id: tuple[str, ...], seller: str, why: str | None, release: bool, as_json: bool
) -> None:
    """Keep orders from being cancelled as stale, whatever has been begun; or release them.

    A cancel that somebody asks for is none of a sweep's, and is not kept from.
    """
    from worker.errors import BadInput
    from worker.ledger import keeping

    now = session.runtime()
    if seller not in now.sellers:
        known = ", ".join(now.sellers) or "none"
        raise BadInput("seller", f"{seller!r} is not configured; there are {known}.")
    told = []
    for name in dict.fromkeys(order_id):
        _check(now.producers, seller, name)
    for name in dict.fromkeys(order_id):
        changed = keeping.keep(
            now.ledger, seller, name, actor=session.person(), why=why, kept=not release
        )
        told.append({"seller": seller, "order_id": name, "result": _result(release, changed)})
    if as_json:
        printing.array(told)
        return
    for each in told:
        click.echo(f"{printing.plain(each['order_id'])}  {each['result']}")


def _check(producers: "Producers", seller: str, order_id: str) -> None:
    """Raise BadInput for what can be no order of the seller: it would keep nothing."""
    from worker.domain.jobs import Request, Task
    from worker.errors import BadInput

    try:
        producers.check(Request(Task.CANCEL, seller, order_id, reason="kept"))
    except BadInput as error:
        if error.field == "order_id":
            raise


def _result(release: bool, changed: bool) -> str:
    if release:
        return "released" if changed else "was not kept"
    return "kept" if changed else "was kept before"
