from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from shop.models import Order, Product
from worker import confirm


class SoldOut(Exception):
    """Somebody else was faster."""


def shelf(request: HttpRequest) -> HttpResponse:
    return render(request, "shelf.html", {"products": Product.objects.order_by("id")})


@require_POST
def place_order(request: HttpRequest) -> HttpResponse:
    """The order, its piece from the shelf and the job that confirms it: all of them, or none.

    Twice is harmless: a double click finds the same job, a new card after a decline makes one.
    """
    reference = request.POST["order_reference_id"]
    with transaction.atomic():
        job = confirm.delay_within(connection, reference, seller="acme")
        if not Order.objects.filter(reference=reference).update(job_id=job.id):
            product = get_object_or_404(
                Product.objects.select_for_update(), id=request.POST["product"]
            )
            if not product.stock:
                raise SoldOut
            product.stock -= 1
            product.save()
            Order.objects.create(reference=reference, product=product, job_id=job.id)
    return redirect(order, reference)


def order(request: HttpRequest, reference: str) -> HttpResponse:
    found = get_object_or_404(Order, reference=reference)
    job = confirm.AsyncResult(found.job_id)
    words = {"reference": reference, "product": found.product}
    return render(request, "order.html", {**words, "state": job.state, "info": job.info})


def of_every_page(_: HttpRequest) -> dict[str, str]:
    return {"sandbox": settings.SANDBOX}
