"""`/metrics`, in the format that the scraper asks for; without a token from this machine only."""

import ipaddress

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from worker.bootstrap import Runtime
from worker.web.doorman import Credentials, Doorman, permitted
from worker.web.measures import Measures

# Behind a proxy everybody comes from this machine.
OF_PROXIES = ("forwarded", "x-forwarded-for", "x-real-ip")


def router(now: Runtime, doorman: Doorman) -> APIRouter:
    routes = APIRouter()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Measures(now))

    @routes.get("/metrics", include_in_schema=False)
    def measure(request: Request, credentials: Credentials) -> Response:
        """The fleet in Prometheus' words. Needs the scope read, but from this machine nothing."""
        if not _is_local(request):
            asked_with = credentials.credentials if credentials else None
            permitted(doorman.with_token(request, asked_with), "read")
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=media_type)

    return routes


def _is_local(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in OF_PROXIES):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
