"""`make example-flask`: a sandbox, a worker and one of the shops, until Ctrl-C.

    python examples/start.py SHOP [PORT [PORT-OF-THE-SANDBOX]]

The database is in a folder of its own, and gone at the end.
"""

import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
SHOPS = ("flask", "fastapi", "django")


def commands(shop: str, port: str) -> list[list[str]]:
    """What starts a shop on a port of this machine, as arguments of Python; the last one stays."""
    folder = HERE / f"{shop}_shop"
    app, manage = str(folder / "app.py"), str(folder / "manage.py")
    return {
        "flask": [["-m", "flask", "--app", app, "run", "--port", port]],
        "fastapi": [["-m", "uvicorn", "--app-dir", str(folder), "app:app", "--port", port]],
        "django": [[manage, "migrate"], [manage, "runserver", "--noreload", port]],
    }[shop]


def environment(sandbox_port: str) -> dict[str, str]:
    """What all of them are given. The keys are obvious fakes, for the sandbox."""
    url = f"http://127.0.0.1:{sandbox_port}"
    return {
        "ORDER_WORKER_CONFIG": str(HERE / "worker.toml"),
        "ORDER_WORKER_SELLERS__ACME__ENDPOINT": url,
        "SANDBOX_URL": url,
        "ACME_ACCESS_KEY": "AKIASANDBOXEXAMPLE",
        "ACME_SECRET_KEY": "sandbox-acme-secret-not-real",
    }


def main(shop: str, port: str = "8000", sandbox_port: str = "8400") -> None:
    """Start them one after the other; the first that ends, ends all."""
    environ = os.environ | environment(sandbox_port)
    *preparing, serving = commands(shop, port)
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory(prefix="order-worker-shop-") as folder,
        ExitStack() as running,
    ):
        for once in [["-m", "worker", "migrate"], *preparing]:
            subprocess.run([sys.executable, *once], cwd=folder, env=environ, check=True)  # noqa: S603
        for service in [
            ["-m", "worker", "sandbox", "--port", sandbox_port],
            ["-m", "worker", "run"],
            serving,
        ]:
            process = subprocess.Popen([sys.executable, *service], cwd=folder, env=environ)  # noqa: S603
            running.callback(process.wait)
            running.callback(process.terminate)
        print(f"\n  The {shop} shop opens at http://127.0.0.1:{port}. Ctrl-C closes it.\n")  # noqa: T201
        os.wait()
        sys.exit("One of them has ended, and so do all.")


if __name__ == "__main__":
    if sys.argv[1:2] not in ([shop] for shop in SHOPS):
        sys.exit(f"Which shop? One of {', '.join(SHOPS)}.")
    main(*sys.argv[1:4])
