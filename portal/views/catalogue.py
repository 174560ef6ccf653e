"""The catalogue as a comparable list, and one template: docs, parameters, price, versions, who signs."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog import selectors
from catalog.fields import FormField, form_fields
from catalog.models import Template, TemplateVersion
from catalog.pricing import Price, price
from observability.usual import request_to_ready
from policies.approvals import Matter, Requirement, active_rules, requirement_for
from policies.permissions import Permission, services_with
from portal import loaders
from portal.markdown import render as render_markdown
from portal.presenters import pools
from portal.views.pages import page, viewer
from provisioning.models import Environment
from provisioning.states import EnvironmentStatus as E


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue. `least` is the price per day at the smallest choice of size."""

    template: Template
    version: TemplateVersion
    least: Decimal
    in_use: int


@dataclass(frozen=True)
class PriceRow:
    """What one choice gives and costs."""

    value: str
    gives: str
    price: Price


def _entries(text: str) -> list[Entry]:
    rows = selectors.orderable()
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(slug__icontains=text) | Q(description__icontains=text))
    live = Environment.objects.exclude(status=E.DESTROYED).values_list("template_version__template")
    used = dict(live.annotate(count=Count("pk")).order_by())
    return [
        Entry(row, row.current, _prices(row.current)[0].price.running_per_day, used.get(row.pk, 0))
        for row in rows.order_by("category", "name")
        if row.current is not None
    ]


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Everything that can be requested, by category."""
    text = request.GET.get("q", "").strip()
    entries = _entries(text)
    context = {
        "groups": [(name, list(group)) for name, group in groupby(entries, key=lambda e: e.template.category)],
        "count": len(entries),
        "q": text,
        "may_request": services_with(viewer(request), Permission.REQUEST).exists(),
        "crumbs": [("Catalogue", None)],
    }
    return page(request, "catalogue/list.html", context, part="catalogue/table.html")


@require_safe
def template(request: HttpRequest, slug: str) -> HttpResponse:
    """One template at its current version, or at ?version=."""
    found = loaders.template(viewer(request), slug)
    versions = list(selectors.versions_of(found))
    asked = request.GET.get("version", "")
    shown = next((v for v in versions if v.version == asked), found.current or versions[0])
    live = Environment.objects.exclude(status=E.DESTROYED).filter(template_version__template=found)
    used = dict(live.values_list("template_version").annotate(count=Count("pk")).order_by())
    context = {
        "template": found,
        "version": shown,
        "versions": [(v, used.get(v.pk, 0)) for v in versions],
        "in_use": sum(used.values()),
        "docs": render_markdown(shown.docs),
        "fields": form_fields(shown.parameters),
        "prices": _prices(shown),
        "signers": _signers(shown),
        "lives": [(tier, shown.ttl_hours(tier), shown.ttl_max_hours(tier)) for tier in shown.tiers],
        "usual": request_to_ready(found.pk),
        "pools": pools.rows(viewer(request), found, timezone.now()),
        "may_request": services_with(viewer(request), Permission.REQUEST).exists(),
        "crumbs": [("Catalogue", "/catalogue/"), (shown.name, None)],
    }
    return render(request, "catalogue/template.html", context)


def _sized_by(version: TemplateVersion) -> FormField | None:
    return next((field for field in form_fields(version.parameters) if field.kind == "cards"), None)


def _prices(version: TemplateVersion) -> list[PriceRow]:
    """The price of each size, everything else at its default; the cheapest first."""
    field = _sized_by(version)
    if field is None:
        return [PriceRow("", "", price(version, {}))]
    rows = [PriceRow(c.value, c.gives, price(version, {field.name: c.value})) for c in field.choices]
    return sorted(rows, key=lambda row: row.price.running)


def _signers(version: TemplateVersion) -> list[tuple[str, Requirement]]:
    """By tier, as far as it is known before a team asks."""
    rules, template = active_rules(), version.template.slug
    return [(tier, requirement_for(Matter("create", tier, template), rules)) for tier in version.tiers]
