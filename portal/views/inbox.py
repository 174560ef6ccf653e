"""The inbox: what waits for this person, for others, and what they asked for; and signing like plans together."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from policies.models import Comment, Signature, User, Verdict
from portal import loaders
from portal.presenters import approvals as show
from portal.presenters import talk, waiting
from portal.shell import shell_of
from portal.views.pages import viewer
from provisioning import inbox as waits
from provisioning import kinds
from provisioning.models import Operation
from provisioning.tiers import Tier

PAGE = 25
SCOPES = ("mine", "others", "asked")


@require_safe
@vary_on_headers("HX-Request")
def inbox(request: HttpRequest) -> HttpResponse:
    """The list with one plan beside it; for htmx only the part that was asked for."""
    asked = Asked(viewer(request), request.GET)
    part = "page"
    if request.headers.get("HX-Request"):
        part = "beside" if request.headers.get("HX-Target") == "beside" else "list"
    context = beside(asked.user, asked.chosen) if part == "beside" else _whole(request, asked)
    return render(request, f"approvals/inbox_{part}.html", context)


class Asked:
    """What the address asks for: a scope, filters, a page, and the plan to look at."""

    def __init__(self, user: User, sent: Mapping[str, str]) -> None:
        self.user, self._sent = user, sent
        self.scope = sent.get("scope", "") if sent.get("scope") in SCOPES else SCOPES[0]

    @cached_property
    def values(self) -> dict[str, str]:
        """The filters that are set."""
        sent = {key: self._sent.get(key, "").replace("\0", "").strip()[:80] for key in ("q", "tier", "kind", "team")}
        return {key: value for key, value in sent.items() if value}

    def rows(self) -> QuerySet[Operation]:
        """Everything of the scope that matches."""
        source = {"mine": waits.to_sign, "others": waits.of_others, "asked": waits.asked_by}[self.scope]
        names = {"tier": "tier", "kind": "kind", "team": "team__slug"}
        rows = source(self.user).filter(**{names[key]: value for key, value in self.values.items() if key != "q"})
        text = self.values.get("q", "")
        return rows.filter(_matches(text)) if text else rows

    @cached_property
    def chosen(self) -> Operation | None:
        """The plan beside the list: the one the address names."""
        try:
            pk = UUID(self._sent.get("op", ""))
        except ValueError:
            return None
        return loaders.operation(self.user, pk)

    @property
    def page(self) -> str:
        return self._sent.get("page", "")


def _matches(text: str) -> Q:
    """By environment, by person, by the number of the operation."""
    found = Q(environment__name__icontains=text) | Q(requester__full_name__icontains=text) | Q(reason__icontains=text)
    number = text.lower().removeprefix("op-")
    if number and all(sign in "0123456789abcdef" for sign in number):
        found |= Q(pk__startswith=number) if len(number) <= 8 else Q()
    return found


def _whole(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """Everything of the page."""
    paginator = Paginator(asked.rows().values_list("pk", flat=True), PAGE)
    counts = _counts(request, asked)
    if not asked.values:
        paginator.count = shell_of(request).to_sign if asked.scope == "mine" else counts[asked.scope]
    page = paginator.get_page(asked.page)
    # Thousands of narrow rows are sorted, and only those of the page are read whole.
    found = list(related(Operation.objects.filter(pk__in=list(page))).order_by(*waits.ORDER))
    answers = list(related(waits.to_answer(asked.user))[:PAGE]) if asked.scope == "mine" else []
    both = [*answers, *found]
    about = show.About(signed_counts(both), waiting.waits_in(both), comment_counts(both), asked.user)
    return {
        "crumbs": [(_("Inbox"), None)],
        "asked": asked,
        "page": page,
        "rows": show.inbox_rows(found, about, chosen=asked.chosen),
        "answers": show.inbox_rows(answers, about, chosen=asked.chosen),
        "reviews": show.reviews(waits.to_review(asked.user)[:PAGE]) if asked.scope == "mine" else [],
        "tabs": _tabs(asked, counts),
        "filter": _filter(request, asked, paginator.count),
        **beside(asked.user, asked.chosen),
    }


def _counts(request: HttpRequest, asked: Asked) -> dict[str, int]:
    shell, own = shell_of(request), waits.asked_by(asked.user).count()
    return {"mine": shell.waiting, "others": waits.count_of_others(asked.user, shell.to_sign), "asked": own}


def _tabs(asked: Asked, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    words = {"mine": _("Waits for you"), "others": _("Waits for others"), "asked": _("You asked")}
    return [
        {
            "label": words[scope],
            "url": reverse("inbox") + ("" if scope == "mine" else f"?scope={scope}"),
            "count": counts[scope],
            "current": scope == asked.scope,
        }
        for scope in SCOPES
    ]


def _filter(request: HttpRequest, asked: Asked, count: int) -> dict[str, Any]:
    """For components/filter_bar.html."""
    selects = {
        "tier": (_("Tier"), [(tier.value, tier.value) for tier in Tier]),
        "kind": (_("Kind"), [(name, name) for name in kinds.names()]),
        "team": (_("Team"), [(team.slug, team.name) for team in shell_of(request).teams]),
    }
    return {
        "q": asked.values.get("q", ""),
        "selects": [
            {"name": name, "label": label, "options": options, "value": asked.values.get(name, "")}
            for name, (label, options) in selects.items()
        ],
        "hidden": {} if asked.scope == "mine" else {"scope": asked.scope},
        "result": _("%(n)s plans") % {"n": count} if count != 1 else _("1 plan"),
        "clear_url": reverse("inbox") if asked.values else "",
    }


def related(rows: QuerySet[Operation]) -> QuerySet[Operation]:
    """With what a row shows."""
    return rows.select_related("environment__template_version__template", "requester", "team")


def beside(user: User, found: Operation | None) -> dict[str, Any]:
    """The side panel: one plan in short, with what was said about it."""
    if found is None:
        return {"chosen": None}
    said = talk.conversation(found)
    waits_seen = [each.seen_by(user) for each in waiting.waits_of(found)]
    return {"chosen": show.brief(found), "operation": found, "waits": waits_seen, "conversation": said}


def signed_counts(found: Collection[Operation]) -> Mapping[str, int]:
    """Standing approvals of exactly the present digest, by operation."""
    digests = {operation.ref: operation.change_digest for operation in found}
    rows = Signature.objects.filter(subject__in=digests, digest__in=set(digests.values()), voided_at=None)
    counted = rows.filter(verdict=Verdict.APPROVE).order_by().values_list("subject", "digest").annotate(n=Count("pk"))
    return {subject: n for subject, digest, n in counted if digests[subject] == digest}


def comment_counts(found: Collection[Operation]) -> Mapping[str, int]:
    """How much was said about each."""
    rows = Comment.objects.filter(subject__in=[operation.ref for operation in found])
    return dict(rows.order_by().values_list("subject").annotate(n=Count("pk")))
