"""Reads of the catalogue. Each answers in a fixed number of queries, whatever the number of rows."""

from django.db.models import Count, Prefetch, Q, QuerySet

from catalog.models import Publication, Source, Template, TemplateState, TemplateVersion


def orderable() -> QuerySet[Template]:
    """Templates that new environments may be made from, with their current version."""
    return (
        Template.objects.filter(current__isnull=False)
        .exclude(state=TemplateState.RETIRED)
        .select_related("current", "source")
    )


def sources() -> QuerySet[Source]:
    """The connected repositories with their number of templates that can be ordered."""
    orderable = Q(templates__current__isnull=False) & ~Q(templates__state=TemplateState.RETIRED)
    return Source.objects.annotate(orderable=Count("templates", filter=orderable)).order_by("slug")


def versions_of(template: Template) -> QuerySet[TemplateVersion]:
    """Every version of the template, newest first, with where each was published from."""
    publications = Prefetch("publications", queryset=Publication.objects.order_by("-at", "-pk"))
    return TemplateVersion.objects.filter(template=template).select_related("template").prefetch_related(publications)
