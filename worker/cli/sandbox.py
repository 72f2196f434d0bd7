"""`order-worker sandbox`: both providers on one loopback port."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli import session
from worker.cli.failures import BAD_INPUT, say

if TYPE_CHECKING:
    from worker.sandbox.accounts import Account
    from worker.settings import Settings

Quotas = dict[str, tuple[float, float]]


EXAMPLE = """\b
A file for --faults; worker/sandbox/faults.py tells all keys. The answer to
the first confirm is lost after it took effect, the next one is throttled:
\b
    [[fault]]
    match = { operation = "ConfirmOrderReference" }
    when = "after"
    cut = true
\b
    [[fault]]
    match = { operation = "Confirm*", order_id = "S01-*" }
    answer = { status = 503, code = "RequestThrottled" }
"""


def _list_switches(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print every switch with its default and what else it may be, and end."""
    if not wanted:
        return
    from worker.sandbox.switches import TABLE, Kind

    for switch in TABLE:
        default = ", ".join(switch.default) if isinstance(switch.default, tuple) else switch.default
        others = (
            str(switch.allowed)
            if isinstance(switch.allowed, Kind)
            else "also " + ", ".join(word for word in switch.allowed if word != switch.default)
        )
        shown = (
            "none" if default is None else f"{default:g}" if isinstance(default, float) else default
        )
        click.echo(f"{switch.name}={shown}  ({switch.provider}; {others})")
    ctx.exit()


@click.command("sandbox", short_help="Both providers, for development.", epilog=EXAMPLE)
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine.")
@click.option("--port", type=click.IntRange(0, 65535), default=8400, show_default=True)
@click.option(
    "--faults", type=click.Path(path_type=Path), help="A file of rules, JSON or TOML: see below."
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="Where the documentation leaves something open; see --list-switches. Repeatable.",
)
@click.option(
    "--list-switches",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_switches,
    help="List the switches with their defaults, and end.",
)
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="OPERATION=CAPACITY,RATE",
    help="In place of the documented one. Repeatable.",
)
@click.option("--log", metavar="FILE", help="A JSON line for each request; - is standard output.")
def command(
    host: str,
    port: int,
    faults: Path | None,
    switches: tuple[str, ...],
    quotas: tuple[str, ...],
    log: str | None,
) -> None:
    """Serve both providers to the sellers of the configuration, until Ctrl-C.

    Quotas are those that the providers document, whatever the configuration says.
    """
    configured = session.settings()
    from worker.sandbox.server import Sandbox

    accounts = _accounts(configured, _quotas(quotas))
    try:
        server = Sandbox(
            accounts,
            host=host,
            port=port,
            switches=dict(_pair(each, "switch") for each in switches),
            faults=_rules(faults),
            log=log,
        )
    except OSError as error:
        if error.filename is not None:
            raise
        say(f"The sandbox cannot listen on {host}:{port}: {error.strerror}. Try --port 0.")
        raise click.exceptions.Exit(BAD_INPUT) from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"The sandbox listens on {server.url}, for {_whom(configured)}.")
    server.serve_forever()


def _rules(file: Path | None) -> list[Mapping[str, object]]:
    from worker.sandbox.faults import load
    from worker.sandbox.fields import BadSetting

    if file is None:
        return []
    try:
        return load(file)
    except BadSetting:
        raise
    except ValueError as error:  # of JSON, TOML or UTF-8
        raise BadSetting(f"{file} cannot be read: {error}") from None


def _accounts(configured: "Settings", quotas: Quotas) -> list["Account"]:
    """The accounts of the sellers whose provider the sandbox plays. Raises ConfigurationError."""
    configured.check_secrets()
    from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount

    def account(seller: Mapping[str, Any]) -> "Account | None":
        if seller["provider"] == "amazon_pay":
            token = seller.get("mws_auth_token")
            keys = (seller["seller_id"], seller["access_key"], seller["secret_key"])
            return AmazonPayAccount(*keys, mws_auth_token=token, quotas=quotas)
        if seller["provider"] == "seller_center":
            return SellerCenterAccount(seller["user_id"], seller["api_key"], quotas=quotas)
        return None

    found = [account(configured.seller(name)) for name in configured.sellers]
    return [each for each in found if each is not None]


def _quotas(given: tuple[str, ...]) -> Quotas:
    from worker.sandbox.amazon_pay.operations import OPERATIONS as AMAZON_PAY
    from worker.sandbox.fields import BadSetting
    from worker.sandbox.quotas import check
    from worker.sandbox.seller_center.operations import OPERATIONS as SELLER_CENTER

    quotas: Quotas = {}
    for operation, numbers in (_pair(each, "quota") for each in given):
        known = sorted({*AMAZON_PAY, *SELLER_CENTER})
        if operation not in known:
            raise BadSetting(f"There is no operation {operation!r}; there are {', '.join(known)}.")
        check({operation: numbers.split(",")})
        capacity, rate = map(float, numbers.split(","))
        quotas[operation] = (capacity, rate)
    return quotas


def _pair(text: str, what: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} has no value: write NAME=VALUE.", param_hint=what)
    return name.strip(), value.strip()


def _whom(configured: "Settings") -> str:
    return ", ".join(configured.sellers) or "nobody: the configuration has no sellers"
