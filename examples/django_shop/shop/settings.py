"""What the shop needs of Django, and no more."""

import os
from pathlib import Path

LOOK = Path(__file__).parents[2] / "look"
SANDBOX = os.environ.get("SANDBOX_URL", "http://127.0.0.1:8400")

DEBUG = True
SECRET_KEY = "a-key-for-this-machine-only"  # noqa: S105 - nothing is signed with it
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "shop"]
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware", "shop.apologies.Apologies"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [LOOK / "static"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [LOOK],
        "OPTIONS": {"context_processors": ["shop.views.of_every_page"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "shop.db",  # the ledger of the worker is in it, too
        # A transaction that reads first and writes then waits for its turn, not fails.
        "OPTIONS": {"timeout": 2, "transaction_mode": "IMMEDIATE"},
    }
}
