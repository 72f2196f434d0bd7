"""The composition root: the only place that builds objects from settings.

One `Runtime` per process, built at first use: importing `worker` must stay cheap, and a forked
child must not share its parent's connections.
"""

import functools
import os
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from worker import crash, forks, leaving, loglines
from worker.clock import SystemClock
from worker.errors import BadInput
from worker.executor import Executor
from worker.ledger import upgrade
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.outage import Outage
from worker.producers import Producers, new_id
from worker.providers.base import Provider
from worker.providers.sellers import Sellers, provider_class
from worker.rereading import Rereading
from worker.settings import ConfigurationError, Settings, Withheld, load

if TYPE_CHECKING:
    from worker.sweeps.schedule import Sweeps


@dataclass(slots=True)
class Runtime:
    """What a process works with. The sellers are replaced within, when the configuration changes;
    `settings` are then the new ones.
    """

    settings: Settings
    ledger: Ledger
    sellers: Sellers
    producers: Producers
    executor: Executor
    worker: str  # this process' name in the ledger
    pid: int


@functools.cache
def outage() -> Outage:
    """How this process waits for a ledger that is away."""
    return Outage(SystemClock(), leaving.has_begun)


@functools.cache
def settings() -> Settings:
    """The configuration of this process. Raises ConfigurationError."""
    return load()


def runtime() -> Runtime:
    """What this process works with, its ledger's schema checked.

    Raises ConfigurationError, LedgerUnavailable.
    """
    now, rereading = _runtime(os.getpid())
    rereading.look()
    return now


@functools.cache
def _runtime(pid: int) -> tuple[Runtime, Rereading]:
    # A child of a pool is to begin with what its parent has read since.
    inherited = [built for built in _built if built.pid != pid]
    built = build(inherited[-1].settings if inherited else settings())
    upgrade.ensure(built.ledger.database)
    _built.append(built)
    return built, Rereading(built.settings, functools.partial(_take, built))


def _take(now: Runtime, new: Settings) -> None:
    """Put new settings in force. Raises ConfigurationError for what is wrong with them."""
    sellers = _sellers(new)
    lost = [name for name in sellers.keyless if not now.sellers.keyless]
    changed = replace(now, settings=new, sellers=sellers)
    for name in lost:
        new.seller(name)  # says which secrets are not there
    check_sellers(changed, needed=[name for name in sellers if name not in sellers.keyless])
    loglines.hide(new.secrets())
    now.sellers.become(sellers)
    now.settings = new


_built: list[Runtime] = []  # the runtimes of this process and of those that it was forked from


def _forget_connections() -> None:
    for inherited in _built:
        inherited.ledger.database.forget_connections()


forks.renew_in_child(_forget_connections)


def build(configured: Settings) -> Runtime:
    """All objects of a process, nothing reached yet."""
    worker = _name()
    sellers = _sellers(configured)
    ledger = Ledger(Database(configured.ledger.url.full), sellers, configured.policy())
    return Runtime(
        settings=configured,
        ledger=ledger,
        sellers=sellers,
        producers=Producers(ledger, sellers, configured.source),
        executor=Executor(
            ledger,
            sellers,
            SystemClock(),
            worker,
            outage=outage(),
            leaving=leaving.has_begun,
            pause=leaving.sleep,
        ),
        worker=worker,
        pid=os.getpid(),
    )


def _name() -> str:
    """What this process is called in the ledger: a child's name begins with its parent's."""
    # Containers share host names and pids: a worker must not take a dead one's jobs for its own.
    own = f"{os.getpid()}:{secrets.token_hex(3)}"
    return f"{_built[-1].worker}/{own}" if _built else f"{socket.gethostname()}:{own}"


def sweeps(now: Runtime) -> "Sweeps":
    """The sweeps of the configuration. Raises ConfigurationError for what is wrong with them."""
    from worker.sweeps.policies import policies, retry_policy, sellers_that_confirm
    from worker.sweeps.retention import RetentionSweep
    from worker.sweeps.retry import RetrySweep
    from worker.sweeps.schedule import Sweeps
    from worker.sweeps.stale import StaleSweep

    stale = StaleSweep(now.ledger, policies(now.settings), now.producers, new_id)
    policy = retry_policy(now.settings)
    confirming = sellers_that_confirm(now.settings)
    retry = RetrySweep(now.ledger, policy, confirming) if policy else None
    keep = RetentionSweep(now.ledger.database, now.settings.worker.retention())
    return Sweeps(now.ledger.database, stale, retry, keep)


def check_sellers(
    now: Runtime, only: str | None = None, needed: Collection[str] | None = None
) -> None:
    """Build every seller with its secrets, or those that are needed. Raises ConfigurationError
    with all that is wrong.
    """
    mistakes: list[str] = []
    every = now.sellers if needed is None else needed
    for seller in every if only is None else [only]:
        try:
            now.settings.seller(seller)
            now.sellers[seller]
        except ConfigurationError as error:
            mistakes += error.mistakes
    if only is None and not now.settings.sellers:
        mistakes.append(f"there is no seller in the configuration ({now.settings.source})")
    if only is None and not mistakes:
        mistakes += now.sellers.conflicts()
    if only is None:
        try:
            sweeps(now)
        except ConfigurationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigurationError(*mistakes)


def _sellers(configured: Settings) -> Sellers:
    keyless = frozenset(name for name in configured.sellers if not _has_secrets(configured, name))
    return Sellers(
        {
            name: functools.partial(_provider, configured, name, secrets=name not in keyless)
            for name in configured.sellers
        },
        keyless,
        configured.read_at,
    )


def _has_secrets(configured: Settings, seller: str) -> bool:
    try:
        configured.seller(seller)
    except ConfigurationError:
        return False
    return True


def _provider(configured: Settings, seller: str, *, secrets: bool) -> Provider:
    """A seller's provider; without its secrets it can check requests, and never sends one.

    Raises ConfigurationError for what its provider finds wrong.
    """
    options = configured.seller(seller, secrets=secrets)
    stand_ins: dict[str, Any] = {
        key: str(value) if isinstance(value, Withheld) else value for key, value in options.items()
    }
    stand_ins.setdefault("margin", configured.worker.margin)
    clock = SystemClock()
    try:
        return provider_class(options["provider"]).from_configuration(
            seller,
            stand_ins,
            call_timeout=configured.worker.call_timeout,
            user_agent=configured.worker.user_agent,
            clock=clock.time,
            on_sent=functools.partial(crash.point, "after_sending"),
        )
    except BadInput as error:  # of the configuration, not of the request that met it first
        mistake = f"sellers.{seller}.{error}"
    raise ConfigurationError(mistake)  # outside the handler: its locals hold the secrets
