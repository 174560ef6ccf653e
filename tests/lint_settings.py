"""Settings for tools that import the code but start nothing: the addresses lead nowhere."""

import os

os.environ.setdefault("SECRET_KEY", "for-linting")
os.environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")

from portal.settings import *  # noqa: F403
