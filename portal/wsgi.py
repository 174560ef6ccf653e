"""WSGI entry point: pages and API."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from provisioning.drivers.sandbox.landlock import hide_memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
hide_memory()
application = get_wsgi_application()

# What is loaded now stays: keep the collector from walking it again and again, which makes the slowest pages slow.
gc.collect()
gc.freeze()
