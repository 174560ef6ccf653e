"""ASGI entry point: live streams only; the router sends /streams/ here."""

import os

from django.core.asgi import get_asgi_application

from provisioning.drivers.sandbox.landlock import hide_memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
hide_memory()
application = get_asgi_application()
