"""Names of the database roles the history relies on. Roles are created outside, by the bootstrap."""

import os


def audit_role() -> str:
    """Return the NOLOGIN role that owns the history; the schema's owner is a member of it."""
    return os.environ.get("BERTH_AUDIT_ROLE", "berth_audit")


def app_role() -> str:
    """Return the role of the web and worker processes, which may only read the history."""
    return os.environ.get("BERTH_APP_ROLE", "berth_app")
