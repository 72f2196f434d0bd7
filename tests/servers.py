"""Servers of a test's own, to kill, to restart and to fill: PostgreSQL, Redis and RabbitMQ.

Each is started from the programs of this machine, on a free port of loopback, with its files in
a folder of its own. Where the programs are missing the test is skipped, and fails in CI.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

STARTS_WITHIN = 60.0  # seconds
ACCOUNT = "postgres"  # PostgreSQL does not run as root


def program(name: str, *elsewhere: str) -> str:
    """Where a program is; skips the test, or fails in CI, where it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([*elsewhere, os.environ.get("PATH", "")]))
    if found is None:
        why = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


class Server:
    """One process that listens on a port."""

    url: str
    _process: "subprocess.Popen[bytes]"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()

    def begin(self) -> None:
        """Start it, and wait until it answers."""
        self._process = self.start()
        wait_for(self.answers, f"{type(self).__name__} at port {self.port}")

    def kill(self) -> None:
        """End it at once, as a machine does that loses its power."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def start(self) -> "subprocess.Popen[bytes]":
        raise NotImplementedError

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def run(self, *command: str, **how: Any) -> "subprocess.Popen[bytes]":
        """Start a process that is gone with its children when its group is killed."""
        log = (self.directory / "server.log").open("ab")
        with log:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **how,
            )


Own = TypeVar("Own", bound=Server)


class OwnRedis(Server):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._program = program("redis-server")

    def start(self) -> "subprocess.Popen[bytes]":
        where = ("--port", str(self.port), "--bind", "127.0.0.1")
        return self.run(self._program, *where, "--save", "", "--appendonly", "no")

    def flush(self) -> None:
        """Forget every message and binding."""
        with socket.create_connection(("127.0.0.1", self.port), 5.0) as one:
            one.sendall(b"FLUSHALL\r\n")
            assert one.recv(64) == b"+OK\r\n"


class OwnPostgreSQL(Server):
    """`url` is of its one database, `test`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self._bin = Path(program("initdb", *map(str, versions))).parent
        self.url = f"postgresql+psycopg://{ACCOUNT}@127.0.0.1:{self.port}/test"
        self._data = directory / "data"
        self._data.mkdir()
        if os.getuid() == 0:
            shutil.chown(directory, ACCOUNT)
            shutil.chown(self._data, ACCOUNT)
        self._once("initdb", "-D", ".", "-A", "trust", "-U", ACCOUNT, "-N", "-E", "UTF8")

    def begin(self) -> None:
        super().begin()
        with self.connect("postgres") as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = 'test'").rowcount:
                connection.execute("CREATE DATABASE test")

    def connect(self, database: str = "test") -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ACCOUNT, dbname=database, autocommit=True
        )

    def start(self) -> "subprocess.Popen[bytes]":
        # No socket file: its folder's path may be too long for one. Commits are synced for real.
        options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
        return self.run(
            str(self._bin / "postgres"),
            *("-D", str(self._data), "-p", str(self.port), *options),
            **self._account(),
        )

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError), self.connect("postgres"):
            return True
        return False

    def restart(self, mode: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a "fast" restart, which cuts every connection; SIGQUIT a crash of it."""
        self._process.send_signal(mode)
        self._process.wait(STARTS_WITHIN)
        self.begin()

    def cut_connections(self) -> int:
        """Terminate every connection but this one; how many there were."""
        with self.connect() as connection:
            found = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchone()
        return int(found[0])

    def _account(self) -> dict[str, Any]:
        if os.getuid():
            return {}
        account = pwd.getpwnam(ACCOUNT)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _once(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / name), *arguments],
            cwd=self._data,
            capture_output=True,
            text=True,
            check=False,
            **self._account(),
        )
        assert done.returncode == 0, done.stderr


class OwnRabbitMQ(Server):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        # Debian's command in the path changes the account; the node's own one does not.
        self._program = program("rabbitmq-server", "/usr/lib/rabbitmq/bin")
        self._control = program("rabbitmqctl", "/usr/lib/rabbitmq/bin")
        self._environ = {
            **os.environ,
            "HOME": str(directory),  # its cookie
            "RABBITMQ_NODENAME": f"order_worker_{uuid.uuid4().hex[:8]}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(directory),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_CONFIG_FILE": str(directory / "none"),
        }

    def start(self) -> "subprocess.Popen[bytes]":
        return self.run(self._program, env=self._environ)

    def restart_application(self, pause: float = 0.0) -> None:
        """Stop RabbitMQ in its virtual machine, and start it again."""
        self._tell("stop_app")
        time.sleep(pause)
        self._tell("start_app")
        wait_for(self.answers, "RabbitMQ's application")

    def _tell(self, *words: str) -> None:
        done = subprocess.run(
            [self._control, *words],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=STARTS_WITHIN,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def running(kind: type[Own]) -> Iterator[Own]:
    """A server that is gone with its files when the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)  # pytest's own folders are closed to other accounts
        server = kind(Path(directory))
        try:
            server.begin()
            yield server
        finally:
            server.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + STARTS_WITHIN
    while not condition():
        assert time.monotonic() < give_up_at, f"{what} does not answer"
        time.sleep(0.05)


SHARED = "postgresql+psycopg://postgres@127.0.0.1:5432"


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database on the server that stands at the usual port of this machine;
    skips the test where there is none, and fails in CI.
    """
    name = f"order_worker_{uuid.uuid4().hex}"
    try:
        server = psycopg.connect(
            host="127.0.0.1", user=ACCOUNT, dbname="test", autocommit=True, connect_timeout=2
        )
    except psycopg.OperationalError as error:
        why = f"no PostgreSQL at 127.0.0.1:5432: {error}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield f"{SHARED}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
