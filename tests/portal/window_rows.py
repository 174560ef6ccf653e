"""What the addresses of windows, stopped lines and switches name in the role matrix."""

from datetime import date, time, timedelta
from typing import Any

from django.utils import timezone

from audit.context import context
from policies import stops, windowing
from policies.models import Service, Stop, Switch, Window
from provisioning import closures
from tests.people import Demo

FORM = {
    "slug": "night",
    "name": "Nights",
    "effect": "freeze",
    "rrule": "FREQ=DAILY",
    "starts_on": "2026-11-01",
    "starts_at": "22:00",
    "time_zone": "Europe/Stockholm",
    "running": "finish",
    "reason": "Nobody is there.",
}
JSON: dict[str, Any] = {**FORM, "minutes": 480, "tiers": ["prod"]}
SENT = {**FORM, "hours": "8", "tiers": "prod", "active": "yes"}
STOP = {"service": "payments-api", "reason": "Orders are doubled."}


def rows(demo: Demo) -> dict[str, Any]:
    """A window of Payments, the stopped line of another service of theirs, and a switch that is on."""
    wanted = windowing.Wanted(
        slug="year-end",
        name="Year's end",
        effect="freeze",
        rrule="FREQ=YEARLY",
        starts_on=date(2026, 12, 24),
        starts_at=time(0),
        duration=timedelta(days=8),
        time_zone="Europe/Stockholm",
        reason="Nobody is there.",
        teams=("payments",),
    )
    window = windowing.save(by=demo.pia, wanted=wanted, options=closures.options())
    assert isinstance(window, Window), window
    with context(by="system:test"):
        worker = Service.objects.create(team=demo.payments, slug="payments-worker", name="Payments worker")
    stop = stops.stop(by=demo.pia, service=worker, reason="It eats its queue.")
    assert isinstance(stop, Stop), stop
    end = timezone.now() + timedelta(hours=1)
    switch = stops.switch_on(by=demo.pia, name="notifications", reason="The mail server moves.", ends_at=end)
    assert isinstance(switch, Switch), switch
    return {"window": window, "stop": stop, "switch": switch}


def switch_body(world: Any) -> dict[str, Any]:
    """A switch for an hour."""
    end = timezone.now() + timedelta(hours=1)
    return {"name": "schedules", "reason": "The clocks are wrong.", "ends_at": end.isoformat()}
