"""The portal's settings plus one hostile workload, for sandboxd processes of tests only."""

import os

from portal.settings import *  # noqa: F403

SANDBOX_EXTRA_IMAGES = {
    "attack": "tests.provisioning.sandbox.attack",
    "crash": "tests.provisioning.sandbox.crash",
}
SANDBOX_OWN_UIDS = os.environ.get("TEST_OWN_UIDS", "1") == "1"
