"""Waivers: the list, asking for one from a refusal, and deciding or ending one. The rules are in policies."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.selectors import Filters, filtered, visible
from policies import waivers as rules
from policies import waiving
from policies.models import User, Waiver
from policies.results import Denied
from portal import loaders
from portal.forms import waivers as forms
from portal.forms.waivers import Place, WaiverForm
from portal.presenters import events
from portal.presenters import waivers as show
from portal.views.pages import page, problem_of, status_of, viewer

PAGE = 25
HOME = (lazy("Waivers"), "/waivers/")


@require_safe
def waivers(request: HttpRequest) -> HttpResponse:
    """What the viewer may decide, asked for, what lives, and what ended."""
    user, sent = viewer(request), request.GET
    todo = rules.to_decide(user)
    view = sent.get("show", "")
    if view not in {"todo", "mine", "living", "ended"}:
        view = "todo" if todo else "living"
    rows = _searched(_shown(user, view, todo), sent.get("q", ""))
    at = Paginator(rows, PAGE).get_page(sent.get("page"))
    context = {
        "page": at,
        "rows": show.rows(list(at.object_list)),
        "view": view,
        "q": sent.get("q", "")[:100],
        "hidden": {"show": view},
        "chips": _chips(view, len(todo)),
        "crumbs": [(_("Governance"), "/governance/"), (_("Waivers"), None)],
    }
    return page(request, "waivers/list.html", context, part="waivers/table.html")


def _shown(user: User, view: str, todo: list[Waiver]) -> QuerySet[Waiver]:
    rows = rules.visible_to(user)
    if view == "todo":
        return rules.by_risk(rows.filter(pk__in=[waiver.pk for waiver in todo]))
    if view == "mine":
        return rows.filter(Q(asked_by=user) | Q(owner=user)).order_by("-asked_at", "-pk")
    if view == "ended":
        return rows.exclude(state__in=rules.LIVING).order_by("-asked_at", "-pk")
    return rows.filter(state__in=rules.LIVING).order_by("expires_at", "pk")


def _searched(rows: QuerySet[Waiver], text: str) -> QuerySet[Waiver]:
    words = text.strip()[:100].replace("\x00", "")
    found = Q(rule__icontains=words) | Q(label__icontains=words) | Q(ticket__icontains=words)
    return rows.filter(found) if words else rows


def _chips(view: str, todo: int) -> list[dict[str, Any]]:
    words = {"todo": _("To decide"), "mine": _("Mine"), "living": _("Living"), "ended": _("Ended")}
    counts = {"todo": todo}
    return [
        {"label": label, "url": f"?show={name}", "on": name == view, "count": counts.get(name)}
        for name, label in words.items()
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def waiver_new(request: HttpRequest) -> HttpResponse:
    """The form that a refusal leads to, filled in; POST asks."""
    user = viewer(request)
    form = forms.read(user, request.POST if request.method == "POST" else request.GET)
    if request.method != "POST":
        return _form(request, form)
    wanted = form.wanted(user)
    answer = waiving.ask(by=user, wanted=wanted) if wanted is not None else _unknown(form)
    if isinstance(answer, Denied):
        return _form(request, form, answer)
    messages.success(request, _("%(who)s decides it.") % {"who": rules.deciders(answer)})
    return redirect("waiver", pk=answer.pk)


def _unknown(form: WaiverForm) -> Denied:
    if form.place is None:
        reason = _("There is nothing here to waive this rule for.")
        return Denied("waiver.scope", "scope", reason, _("Begin at the refusal."), _("You"), 422)
    reason = _("Nobody of %(team)s has this name.") % {"team": form.place.team.name}
    return Denied("waiver.owner", "owner", reason, _("Choose a member."), _("You"), 422)


def _form(request: HttpRequest, form: WaiverForm, denied: Denied | None = None) -> HttpResponse:
    place = form.place
    context = {
        "form": form,
        "place": place,
        "rule": rules.rule_of(form.values["rule"]),
        "places": [(option, _decides(viewer(request), form, option)) for option in form.places],
        "owner": form.values["owner"] or viewer(request).username,
        "problem": problem_of(denied, _("Not asked")),
        "crumbs": [(_("Governance"), "/governance/"), HOME, (_("Ask"), None)],
    }
    return render(request, "waivers/new.html", context, status=status_of(denied))


def _decides(user: User, form: WaiverForm, place: Place) -> str:
    return rules.deciders(Waiver(rule=form.values["rule"], scope=place.scope, team=place.team, asked_by=user))


@require_safe
def waiver(request: HttpRequest, pk: int) -> HttpResponse:
    """One waiver with its history."""
    return _one(request, loaders.waiver(viewer(request), pk))


@require_POST
def waiver_grant(request: HttpRequest, pk: int) -> HttpResponse:
    """Waive the rule until the waiver ends."""
    found = loaders.waiver(viewer(request), pk)
    return _answered(request, found, waiving.grant(by=viewer(request), waiver=found, reason=_reason(request)))


@require_POST
def waiver_refuse(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the rule stand."""
    found = loaders.waiver(viewer(request), pk)
    return _answered(request, found, waiving.refuse_waiver(by=viewer(request), waiver=found, reason=_reason(request)))


@require_POST
def waiver_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it back, or end it early."""
    found = loaders.waiver(viewer(request), pk)
    return _answered(request, found, waiving.withdraw(by=viewer(request), waiver=found, reason=_reason(request)))


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "")[:2000]


def _answered(request: HttpRequest, found: Waiver, answer: Waiver | Denied) -> HttpResponse:
    if isinstance(answer, Denied):
        return _one(request, loaders.waiver(viewer(request), found.pk), answer)
    messages.success(request, _("%(waiver)s: %(state)s.") % {"waiver": answer, "state": answer.get_state_display()})
    return redirect("waiver", pk=answer.pk)


def _one(request: HttpRequest, found: Waiver, denied: Denied | None = None) -> HttpResponse:
    told = filtered(visible(None), Filters(object=found.audit_ref, source="event")).order_by("-at", "-id")[:50]
    context = {
        "waiver": found,
        "pill": show.pill(found),
        "facts": show.facts(found),
        "rule": rules.rule_of(found.rule),
        "object_url": show.object_url(found),
        "rights": show.rights(viewer(request), found),
        "events": events.timeline(list(told), {}),
        "problem": problem_of(denied, _("Not done")),
        "crumbs": [(_("Governance"), "/governance/"), HOME, (found.rule, None)],
    }
    return render(request, "waivers/page.html", context, status=status_of(denied))
