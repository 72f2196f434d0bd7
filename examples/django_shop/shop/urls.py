from django.urls import path

from shop import views

urlpatterns = [
    path("", views.shelf),
    path("orders", views.place_order),
    path("orders/<reference>", views.order),
]
