"""`order-worker keep`: no sweep cancels these orders."""

import click

from worker.cli import printing, session


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
    from worker.ledger import keeping

    now = session.runtime()
    told = []
    for name in dict.fromkeys(order_id):
        now.producers.check_order(seller, name)
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


def _result(release: bool, changed: bool) -> str:
    if release:
        return "released" if changed else "was not kept"
    return "kept" if changed else "was kept before"
