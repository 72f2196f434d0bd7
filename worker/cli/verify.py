"""`order-worker verify`: does the ledger keep what it promises?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from worker.cli import printing, progress, session
from worker.cli.failures import NOT_SUCCEEDED, say
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.ledger.verification.finding import Finding, Rule


@click.command("verify", short_help="Check the ledger against its invariants.")
@click.option("--rules", is_flag=True, help="Only list what is checked.")
@printing.as_json
def command(rules: bool, as_json: bool) -> None:
    """Replay the ledger, and name each job, order or bucket that breaks an invariant.

    It reads page by page, each of one moment, beside workers that go on; it changes nothing. Exit
    code 1 if something was found.
    """
    from worker.ledger.verification import replay

    if rules:
        _list(replay.rules(), as_json=as_json)
        return
    now = session.runtime()
    found = 0
    with progress.shown(replay.size(now.ledger), as_json=as_json) as tick:

        def told() -> Iterator[dict[str, Any]]:
            nonlocal found
            for finding in replay.findings(now.ledger, now.settings.secrets(), tick):
                found += 1
                yield _as_json(finding)

        if as_json:
            printing.array(told())
        else:
            for each in told():
                for line in _lines(each):
                    click.echo(line)
    say(f"{found or 'no'} finding{'' if found == 1 else 's'}.")
    if found:
        raise click.exceptions.Exit(NOT_SUCCEEDED)


def _list(rules: "list[Rule]", *, as_json: bool) -> None:
    from worker.ledger.verification.finding import INVARIANTS

    if as_json:
        printing.array(
            {"invariant": rule.invariant, "rule": rule.sentence, "to_do": rule.to_do}
            for rule in rules
        )
        return
    number = None
    for rule in rules:
        if rule.invariant != number:
            number = rule.invariant
            click.echo(f"{number}. {INVARIANTS[number]}")
        click.echo(f"   {rule.sentence}")


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {
        "invariant": finding.rule.invariant,
        "rule": finding.rule.sentence,
        "subject": finding.subject,
        "id": finding.id,
        "seller": finding.seller,
        "order_id": finding.order_id,
        "found": finding.what,
        "to_do": finding.rule.to_do,
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    of = f" (order {told['order_id']} of {told['seller']})" if told["order_id"] else ""
    yield f"{told['subject']} {plain(told['id'])}{plain(of)}: {plain(told['found'])}"
    yield f"  broken  {told['invariant']}. {told['rule']}"
    yield f"  to do   {told['to_do']}"
