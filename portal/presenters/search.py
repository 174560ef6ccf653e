"""Search results as groups of rows: name, what it is, address."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.models import Template
from policies.models import Service, User
from portal.presenters import operations as op_show
from provisioning.models import Environment, Operation


def environments(rows: Iterable[Environment]) -> dict[str, Any]:
    """With tier and state."""
    found = [
        {
            "name": row.name,
            "url": reverse("environment", args=[row.pk]),
            "about": f"{row.service.slug}, {row.team.name}",
            "status": row.status,
            "tier": row.tier,
        }
        for row in rows
    ]
    return _group("environments", _("Environments"), found)


def services(rows: Iterable[Service]) -> dict[str, Any]:
    """Lead to their pipelines."""
    found = [
        {"name": r.slug, "url": reverse("pipeline", args=[r.slug]), "about": f"{r.name}, {r.team.name}"} for r in rows
    ]
    return _group("services", _("Services"), found)


def templates(rows: Iterable[Template]) -> dict[str, Any]:
    """From the catalogue."""
    found = [{"name": r.name, "url": reverse("template", args=[r.slug]), "about": r.description} for r in rows]
    return _group("templates", _("Templates"), found)


def operations(rows: Iterable[Operation]) -> dict[str, Any]:
    """With state and age."""
    found = [
        {
            "name": op_show.title(row),
            "url": reverse("operation", args=[row.pk]),
            "about": row.short_id,
            "status": op_show.pill_of(row),
            "at": row.created_at,
        }
        for row in rows
    ]
    return _group("operations", _("Operations"), found)


def people(rows: Iterable[User]) -> dict[str, Any]:
    """Lead to what they did."""
    found = [
        {"name": str(row), "url": f"{reverse('history')}?who={row.audit_ref}", "about": row.username, "person": True}
        for row in rows
    ]
    return _group("people", _("People"), found)


def _group(key: str, title: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"key": key, "title": title, "rows": rows}
