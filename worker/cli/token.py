"""`order-worker token`: who may ask over HTTP, and for what."""

from typing import TYPE_CHECKING, Any

import click

from worker.cli import printing, session
from worker.cli.durations import DURATION
from worker.cli.failures import NOT_SUCCEEDED, say
from worker.cli.printing import moment, plain
from worker.cli.tables import Column, table

if TYPE_CHECKING:
    from worker.ledger.database import Database
    from worker.ledger.tokens import Token

COLUMNS = tuple(map(Column, ("name", "scopes", "made", "by", "expires", "revoked")))


@click.command("token", short_help="Make, list or revoke tokens for HTTP.")
@click.argument("name", required=False)
@click.option("--scopes", help="What it permits: read, enqueue, operate, with commas.")
@click.option("--expires", type=DURATION, help="After which it is of no use: 12h, 90d.")
@click.option("--list", "listed", is_flag=True, help="Tell which tokens there are.")
@click.option("--revoke", is_flag=True, help="End the token of this name, at once.")
@printing.as_json
def command(
    name: str | None,
    scopes: str | None,
    expires: float | None,
    listed: bool,
    revoke: bool,
    as_json: bool,
) -> None:
    """Make a token for the web's callers, and print it, this once, alone on the last line.

    read: look at jobs, orders and quotas. enqueue: ask for jobs. operate: retry, withdraw, keep.
    What its holder does stands under NAME in the histories. With --revoke exit code 1 if there is
    no token of this name.
    """
    makes = not (listed or revoke)
    if (name is None) != listed or (listed and revoke):
        raise click.UsageError("Give NAME --scopes …, or NAME --revoke, or --list.")
    if makes != (scopes is not None) or (expires is not None and not makes):
        raise click.UsageError("--scopes (and --expires) are of a new token, which needs them.")
    database = session.runtime().ledger.database
    if listed:
        _list(database, as_json)
    elif revoke:
        _revoke(database, str(name), as_json)
    else:
        _create(database, str(name), str(scopes), expires, as_json)


def _create(
    database: "Database", name: str, scopes: str, expires: float | None, as_json: bool
) -> None:
    from worker.ledger import tokens

    wanted = {scope.strip() for scope in scopes.split(",") if scope.strip()}
    secret = tokens.create(database, name, wanted, actor=session.person(), expires_in=expires)
    if as_json:
        ordered = [scope for scope in tokens.SCOPES if scope in wanted]
        printing.single({"name": name, "scopes": ordered, "token": secret})
        return
    say(f"The token {plain(name)}, which is shown this once:")
    click.echo(secret)


def _revoke(database: "Database", name: str, as_json: bool) -> None:
    from worker.ledger import tokens

    done = tokens.revoke(database, name)
    if as_json:
        printing.single({"name": name, "revoked": done})
    elif done:
        click.echo(f"{plain(name)} is revoked.")
    else:
        say(f"There is no token {plain(name)}.")
    if not done:
        raise click.exceptions.Exit(NOT_SUCCEEDED)


def _list(database: "Database", as_json: bool) -> None:
    from worker.ledger import tokens

    found = [_told(token) for token in tokens.every(database)]
    if as_json:
        printing.array(found)
        return
    table(
        COLUMNS,
        (
            (
                each["name"],
                ", ".join(each["scopes"]),
                moment(each["created_at"]),
                each["created_by"],
                moment(each["expires_at"]) or "never",
                moment(each["revoked_at"]),
            )
            for each in found
        ),
    )


def _told(token: "Token") -> dict[str, Any]:
    from worker.ledger import tokens
    from worker.ledger.portraits import time

    return {
        "name": token.name,
        "scopes": [scope for scope in tokens.SCOPES if scope in token.scopes],
        "created_at": time(token.created_at),
        "created_by": token.created_by,
        "expires_at": time(token.expires_at),
        "revoked_at": time(token.revoked_at),
    }
