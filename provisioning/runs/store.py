"""What it is called when Berth's own Postgres is away or has cut a session off.

No defect of a driver and no reason to fail an operation: its lease lapses, and somebody takes it up again.
"""

from django.db import InterfaceError, OperationalError

AWAY = (OperationalError, InterfaceError)
