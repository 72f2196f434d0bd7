"""Requests and urllib3 with each connection bound to a `Call`: its time, and how far it came.

The pieces stand in urllib3's own order: a connection, its pool, and the adapter by which requests
reaches them.
"""

import socket
import ssl
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import certifi
import requests.adapters
from requests import PreparedRequest
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from worker.clock import elapsed
from worker.providers.calls import Call, TimedResponse, resolve

_SEND_PIECE = 16 * 1024


class _BoundedConnection(HTTPConnection):
    call: Call
    idle_limit: float
    _in_tunnel = False

    def carry(self, call: Call, idle_limit: float) -> None:
        """Take the next request's limits over. To be called before anything is sent."""
        self.call = call
        self.idle_limit = idle_limit
        self.response_class = partial(TimedResponse, call)  # type: ignore[assignment]

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use this connection again."""
        idle = elapsed() - self.call.last_read
        return idle < self.idle_limit and super().is_connected

    def _new_conn(self) -> socket.socket:
        try:
            sock = self._connect_to_any(resolve(self._dns_host, self.port, self.call))
        except OSError as error:
            raise NewConnectionError(self, type(error).__name__) from error
        sock.settimeout(self.call.remaining())
        return sock

    def _connect_to_any(self, addresses: list[Any]) -> socket.socket:
        """Give each address its share of the time, so that a dead one leaves some for the next."""
        failure: OSError = socket.gaierror("no address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.default_socket_options:
                    sock.setsockopt(*option)
                sock.settimeout(self.call.remaining_to_connect() / (len(addresses) - tried))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def _tunnel(self) -> None:
        """Ask the proxy for a tunnel; what is said to the proxy is no byte of the request."""
        self._in_tunnel = True
        try:
            super()._tunnel()
        finally:
            self._in_tunnel = False
        self.sock.settimeout(self.call.remaining())

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        view = memoryview(data)
        for start in range(0, len(view), _SEND_PIECE):
            self.sock.settimeout(self.call.remaining())
            self.call.sent = self.call.sent or not self._in_tunnel
            super().send(view[start : start + _SEND_PIECE])

    def getresponse(self) -> Any:
        self.call.has_left()
        if self._response_options is not None:  # urllib3 logs this address, signature included
            self._response_options = self._response_options._replace(request_url="")
        return super().getresponse()


class _BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    pass


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection
    call: Call
    idle_limit: float

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        cast("_BoundedConnection", connection).carry(self.call, self.idle_limit)
        return connection


class _BoundedTlsPool(_BoundedPool, HTTPSConnectionPool):
    ConnectionCls = _BoundedTlsConnection


class BoundedAdapter(requests.adapters.HTTPAdapter):
    """Requests' way to urllib3, with one connection per host and `call` put on each request."""

    call: Call

    def __init__(self, idle_limit: float, ca_bundle: str | None) -> None:
        self._idle_limit = idle_limit
        self._ca_bundle = ca_bundle
        super().__init__(pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return _bound(super().proxy_manager_for(proxy, **kwargs))

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        tls = {"ssl_context": verifying(self._ca_bundle)} if host["scheme"] == "https" else {}
        return host, tls

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `verifying` verifies, and requests would read its file per connection."""

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        pool = cast(
            "_BoundedPool", super().get_connection_with_tls_context(request, verify, proxies, cert)
        )
        pool.call = self.call
        pool.idle_limit = self._idle_limit
        return pool


@cache
def verifying(ca_bundle: str | None) -> ssl.SSLContext:
    """TLS that trusts `ca_bundle` (a file or a directory), or certifi's bundle, and nothing else.

    Shared by all sellers of the process: reading the bundle takes longer than a handshake.
    Raises OSError if there is no such file or it holds no certificates.
    """
    trusted = ca_bundle or certifi.where()
    if Path(trusted).is_dir():
        return ssl.create_default_context(capath=trusted)
    return ssl.create_default_context(cafile=trusted)


def _bound(manager: PoolManager) -> PoolManager:
    manager.pool_classes_by_scheme = {"http": _BoundedPool, "https": _BoundedTlsPool}
    return manager
