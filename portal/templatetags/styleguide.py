"""The tag of templates/styleguide.html, which is served in DEBUG only. What it shows is in portal/samples."""

from django import template
from django.utils import timezone

from portal.samples.delivery import PLAN, delivery
from portal.samples.lists import lists
from portal.samples.pages import pages
from portal.samples.work import work
from portal.templatetags.berth_words import STATUSES, TIERS

register = template.Library()


@register.simple_tag
def sample() -> dict[str, object]:
    """Everything the guide shows, by component."""
    now = timezone.now()
    return {
        "statuses": list(STATUSES),
        "tiers": TIERS,
        "plan": PLAN,
        **lists(now),
        **work(now),
        **delivery(),
        **pages(),
    }
