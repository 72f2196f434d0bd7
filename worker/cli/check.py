"""`order-worker check`: is the configuration right, and is everything there?"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from worker.cli import printing, session
from worker.cli.failures import BAD_INPUT, NOT_SUCCEEDED, UNREACHABLE
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.bootstrap import Runtime
    from worker.settings import Url

BROKER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `code` is the exit code that it asks for."""

    what: str
    ok: bool
    detail: str
    code: int = 0


@click.command("check", short_help="Check the configuration and what it names.")
@click.option("--seller", help="Also one signed lookup with this seller's credentials.")
@printing.as_json
def command(seller: str | None, as_json: bool) -> None:
    """Check the configuration, the sellers' secrets, the ledger and the broker.

    Exit code 1 if the provider refused the lookup, 2 for the configuration, 3 if a service
    cannot be reached. A lookup that succeeds lets a seller's calls go again at once that
    were closed for its credentials.
    """
    from worker import bootstrap

    now = bootstrap.build(session.settings())
    findings: list[Finding] = []
    for finding in _findings(now, seller):
        findings.append(finding)
        if not as_json:
            click.echo(f"{'ok' if finding.ok else '--'}  {finding.what}: {plain(finding.detail)}")
    if as_json:
        printing.array({k: v for k, v in asdict(f).items() if k != "code"} for f in findings)
    codes = {finding.code for finding in findings}
    for code in (BAD_INPUT, UNREACHABLE, NOT_SUCCEEDED):
        if code in codes:
            raise click.exceptions.Exit(code)


def _findings(now: "Runtime", seller: str | None) -> Iterator[Finding]:
    sellers = list(_sellers(now, seller))
    yield from sellers
    yield _ledger(now)
    yield _broker(now.settings.broker.url)
    yield _schedules(now)
    if seller is not None and all(each.ok for each in sellers):
        yield from _lookup(now, seller)


def _sellers(now: "Runtime", only: str | None) -> Iterator[Finding]:
    from worker import bootstrap
    from worker.settings import ConfigurationError

    for seller in now.settings.sellers if only is None else [only]:
        try:
            bootstrap.check_sellers(now, seller)
        except ConfigurationError as error:
            for mistake in error.mistakes:
                yield Finding(f"seller {seller}", ok=False, detail=mistake, code=BAD_INPUT)
        else:
            provider = now.sellers[seller].name
            yield Finding(f"seller {seller}", ok=True, detail=f"{provider}, its secrets are there")
    if only is None:
        for conflict in now.sellers.conflicts():
            yield Finding("sellers", ok=False, detail=conflict, code=BAD_INPUT)
    if not now.settings.sellers:
        nobody = f"none is configured ({now.settings.source})"
        yield Finding("sellers", ok=False, detail=nobody, code=BAD_INPUT)


def _ledger(now: "Runtime") -> Finding:
    from worker.errors import LedgerUnavailable
    from worker.ledger import upgrade
    from worker.ledger.schema import HEAD

    try:
        upgrade.find(now.ledger.database)
        upgrade.ensure(now.ledger.database)
    except LedgerUnavailable as error:
        return Finding("ledger", ok=False, detail=str(error), code=UNREACHABLE)
    shown = now.ledger.database.shown_url
    return Finding("ledger", ok=True, detail=f"{shown}, schema {HEAD}")


def _broker(url: "Url") -> Finding:
    from worker import broker

    shown = url.shown
    if url.scheme == "memory":
        return Finding("broker", ok=True, detail=f"{shown}, inside the worker's process")
    if problem := broker.mistake(url.full):
        return Finding("broker", ok=False, detail=problem, code=BAD_INPUT)
    problem = _within(BROKER_SECONDS, lambda: _connect(url.full))
    if problem is None:
        return Finding("broker", ok=True, detail=shown)
    detail = f"{shown} cannot be reached: {problem}"
    return Finding("broker", ok=False, detail=detail, code=UNREACHABLE)


def _schedules(now: "Runtime") -> Finding:
    from worker import bootstrap

    every = bootstrap.sweeps(now).every()
    told = [f"{name} every {seconds:g} s" for name, seconds in every.items()]
    detail = ", ".join(told) or "none: the configuration has no [stale] and no [retry]"
    return Finding("schedules", ok=True, detail=detail)


def _connect(url: str) -> None:
    from kombu import Connection

    with Connection(url, connect_timeout=BROKER_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)


def _within(seconds: float, act: Callable[[], None]) -> str | None:
    """What went wrong, if anything did. A server that takes a connection and then says
    nothing heeds no time-out of the transports, so the wait is bounded here.
    """
    problems = [f"no answer in {seconds:g} seconds"]

    def attempt() -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - each transport has its own errors
            problems[:] = [str(error) or type(error).__name__]
        else:
            problems.clear()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return problems[0] if problems else None


def _lookup(now: "Runtime", seller: str) -> Iterator[Finding]:
    """One signed lookup: the provider's word on the credentials."""
    from worker.domain.outcomes import Outcome
    from worker.errors import LedgerUnavailable
    from worker.ledger import quotas

    answer, told = now.sellers[seller].probe()
    ok = answer.outcome is Outcome.APPLIED
    code = 0 if ok else NOT_SUCCEEDED if answer.answered else UNREACHABLE
    for line in told[:-1]:
        yield Finding(f"lookup of {seller}", ok=ok, detail=line)
    yield Finding(f"lookup of {seller}", ok=ok, detail=told[-1] if told else "", code=code)
    if ok:
        try:
            quotas.open_seller(now.ledger, seller)
        except LedgerUnavailable:
            return  # told above
