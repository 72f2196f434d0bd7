"""Listening: uvicorn, with bounds on what it keeps open."""

import functools
import signal
import socket
import sys
from typing import cast

import uvicorn

from worker import exporting
from worker.bootstrap import Runtime
from worker.web.application import application
from worker.web.connections import Connection

MOST_CONNECTIONS = 500
IDLE_SECONDS = 15
BACKLOG = 128
LAST_SECONDS = 10  # for requests that are under way when the process is told to end


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises OSError.

    asyncio sends at once what is small on sockets that it has made itself; on this one the end of
    an answer would wait for the acknowledgement of its beginning, which takes 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # and those it accepts
    return listening


def serve(now: Runtime, listening: socket.socket) -> None:
    """Answer until SIGTERM or Ctrl-C; requests that are under way are ended first."""
    connection = functools.partial(Connection, head_within=now.settings.web.request_timeout)
    config = uvicorn.Config(
        application(now),
        http=cast("type[Connection]", connection),
        log_config=None,  # the process' own
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    # uvicorn gives the signal on when it has ended by it, and that is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    exporting.begin()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        exporting.end()
