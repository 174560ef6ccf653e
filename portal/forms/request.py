"""The request form: a QueryDict as a Wanted, and rows to show it again."""

import uuid
from dataclasses import dataclass

from django.http import QueryDict

from catalog.fields import Choice, from_form
from catalog.models import Template, TemplateVersion
from policies.models import Service
from policies.results import FieldError
from portal.forms.fields import PREFIX, Row, parameter_rows
from provisioning.actions.request import Wanted

HOURS_PER_DAY = 24


@dataclass(frozen=True)
class RequestForm:
    """What was sent, read against one template version and the services the person may ask for."""

    template: Template
    version: TemplateVersion
    services: list[Service]
    sent: QueryDict
    tier: str
    key: str

    @property
    def service(self) -> Service | None:
        """The chosen service; the first, while nothing is sent. What was sent is never replaced by another one."""
        slug = self.sent.get("service", "")
        first = self.services[0] if self.services and not self.is_filled else None
        return next((s for s in self.services if s.slug == slug), first)

    @property
    def name(self) -> str:
        return (self.sent.get("name") or "").strip()

    @property
    def own_errors(self) -> tuple[FieldError, ...]:
        """What cannot even be passed on."""
        days = (self.sent.get("ttl_days") or "").strip()
        if days and not (days.isascii() and days.isdigit() and len(days) <= 4):
            return (FieldError("ttl_days", "ttl.hours", "A whole number of days.", "Or leave it empty."),)
        return ()

    def wanted(self) -> Wanted | None:
        """The request, or None where there is no service to make it for."""
        return None if self.service is None else self.wanted_for(self.service)

    def wanted_for(self, service: Service) -> Wanted:
        """The same for a service that is not offered in the form."""
        days = (self.sent.get("ttl_days") or "").strip()
        hours = int(days) * HOURS_PER_DAY if days and not self.own_errors else None
        return Wanted(
            service=service,
            version=self.version,
            name=self.name,
            tier=self.tier,
            parameters=from_form(self.version.parameters, self.sent, prefix=PREFIX) if self.is_filled else {},
            ttl_hours=hours,
            reason=(self.sent.get("reason") or "").strip(),
        )

    @property
    def is_filled(self) -> bool:
        """Was the form sent, or is it only opened? An unsent switch is off only in a form that was sent."""
        return "key" in self.sent

    def rows(self) -> list[Row]:
        """Every row in order, with what was answered."""
        values = from_form(self.version.parameters, self.sent, prefix=PREFIX) if self.is_filled else {}
        services = tuple(Choice(s.slug, f"{s.slug} ({s.team.name})", "") for s in self.services)
        tiers = tuple(Choice(tier, tier, "") for tier in self.version.tiers)
        chosen = self.service.slug if self.service else ""
        return [
            Row("service", "id_service", "Service", "choice", chosen, choices=services, required=True),
            Row("tier", "id_tier", "Tier", "segments", self.tier, choices=tiers, help=self._lifetime()),
            Row("name", "id_name", "Name", "text", self.name, required=True, help=self._name_help()),
            *parameter_rows(self.version, values),
            self._ttl_row(),
            Row(
                "reason",
                "id_reason",
                "Why",
                "area",
                self.sent.get("reason", ""),
                help="Shown to the signer and kept in the history.",
            ),
        ]

    def _name_help(self) -> str:
        return "Small letters, digits and hyphens. It becomes part of the address."

    def _lifetime(self) -> str:
        hours, most = self.version.ttl_hours(self.tier), self.version.ttl_max_hours(self.tier)
        if not hours or not most:
            return f"{self.tier.capitalize()} does not expire."
        usual, longest = hours // HOURS_PER_DAY, most // HOURS_PER_DAY
        return f"{self.tier.capitalize()} lives {usual} days and can be extended to {longest}."

    def _ttl_row(self) -> Row:
        hours = self.version.ttl_hours(self.tier)
        usual = f"Empty: {hours // HOURS_PER_DAY} days." if hours else "Empty: it does not expire."
        value = self.sent.get("ttl_days", "")
        return Row("ttl_days", "id_ttl_days", "Lifetime", "number", value, help=usual, unit="days", minimum=1)


def read(template: Template, version: TemplateVersion, services: list[Service], sent: QueryDict) -> RequestForm:
    """Read what was sent; an empty form begins with the template's first tier."""
    tier = sent.get("tier", "")
    return RequestForm(
        template=template,
        version=version,
        services=services,
        sent=sent,
        tier=tier if tier in version.tiers or "key" in sent else version.tiers[0],
        key=sent.get("key") or uuid.uuid4().hex,
    )
