"""What a buyer reads when an order cannot be taken; the transaction is rolled back by then."""

from collections.abc import Callable

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shop.views import SoldOut
from worker import BadInput, LedgerUnavailable

APOLOGIES: dict[type[Exception], tuple[int, str]] = {
    SoldOut: (409, "Somebody else has just bought the last one."),
    BadInput: (400, "This order cannot be taken."),
    LedgerUnavailable: (503, "We cannot take orders just now. Please try again soon."),
    OperationalError: (503, "We cannot take orders just now. Please try again soon."),
}


class Apologies:
    """A middleware: the page for what a view has raised."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        for kind, (status, what) in APOLOGIES.items():
            if isinstance(error, kind):
                why = error if kind is BadInput else ""
                return render(request, "sorry.html", {"what": what, "why": why}, status=status)
        return None
