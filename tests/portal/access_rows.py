"""What the addresses of access name in the role matrix: Payments' grants, machines and reviews."""

from typing import Any

from django.utils import timezone

from policies.access import giving, machines, reviews
from policies.models import AccessReview, Membership
from tests.people import Demo


def rows(demo: Demo) -> dict[str, Any]:
    """One of each."""
    wanted = giving.Wanted(to=demo.olaf, where=demo.api, matter="operate", reason="Cover.")
    grant = giving.give(by=demo.ines, wanted=wanted)
    machine = machines.create(by=demo.ines, team=demo.payments, name="deploy-bot", role="developer")
    assert machine
    token = machines.mint(by=demo.ines, machine=machine, name="ci", scopes=["read"], days=1)
    assert isinstance(token, tuple)
    reviews.open_due(timezone.now())
    review = AccessReview.objects.get(team=demo.payments)
    return {
        "grant": grant,
        "machine": machine,
        "machine_token": token[0],
        "membership": Membership.objects.get(user=demo.vera, team=demo.payments),
        "review": review,
        "review_item": review.items.get(user=demo.vera),
    }
