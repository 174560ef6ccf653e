"""The link from a refusal to the form that asks for a waiver."""

from typing import Any

from django import template

from portal.waiver_links import waiver_url

register = template.Library()


@register.simple_tag(takes_context=True)
def waiver_link(context: Any, refused: Any) -> str:
    """For a finding or a field of a refusal; `about` in the context is what was asked for."""
    return waiver_url(refused, str(context.get("about", ""))) if hasattr(refused, "ask") else ""
