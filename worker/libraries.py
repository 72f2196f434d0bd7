"""Libraries that only some brokers and ledgers need, and that need not be installed.

Each is brought by an extra of this package. How the package itself was installed is recorded
beside it, so that the sentence can say the very command.
"""

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

PACKAGE = "order-worker"
EXTRAS = {  # by module
    "redis": "redis",
    "packaging": "redis",
    "psycopg": "postgres",
    "opentelemetry": "otel",
}
OF_BROKERS = {"redis": ("redis", "packaging"), "rediss": ("redis", "packaging")}  # by scheme


def of_broker(url: str) -> str | None:
    """What to install before this broker can be reached; None if nothing is missing."""
    needed = OF_BROKERS.get(url.partition("://")[0].lower(), ())
    absent = [name for name in needed if find_spec(name) is None]
    return sentence("The broker", *absent) if absent else None


def require_of_broker(url: str) -> None:
    """Raise ImportError with the sentence of `of_broker`."""
    if problem := of_broker(url):
        raise ImportError(problem)


def sentence(what: str, *absent: str) -> str:
    """That `what` needs these modules, and the command that installs them."""
    extra = EXTRAS.get(absent[0].partition(".")[0])
    command = f"pip install {_requirement(extra)}" if extra else "install it"
    return f"{what} needs a library that is not installed ({', '.join(absent)}): {command}."


def _requirement(extra: str) -> str:
    """The package with an extra, as pip is told of it: from where it was installed."""
    try:
        recorded = distribution(PACKAGE).read_text("direct_url.json")
    except PackageNotFoundError:
        recorded = None
    if recorded is None:  # by its name
        return shlex.quote(f"{PACKAGE}[{extra}]")
    origin = json.loads(recorded)
    url = str(origin["url"])
    if not url.startswith("file:"):
        source = f"{origin.get('vcs_info', {}).get('vcs', '')}+{url}".removeprefix("+")
        return shlex.quote(f"{PACKAGE}[{extra}] @ {source}")
    editable = "--editable " if origin.get("dir_info", {}).get("editable") else ""
    return editable + shlex.quote(f"{unquote(urlsplit(url).path)}[{extra}]")
