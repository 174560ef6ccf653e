"""Rules and bundles: what is in force, what is drafted, and bringing a bundle into shadow or into force."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from policies import bundle as checks
from policies.bundles import replay, store
from policies.engine import SHIPPED
from policies.models import BundleState, Decision, FormRule, PolicyBundle, PolicySource, Replay
from policies.permissions import Permission, may, teams_with
from policies.results import Denied
from portal import loaders, policy_sources
from portal.presenters import policies as show
from portal.views.pages import problem_of, status_of, viewer

SHOWN = 100


def _frame(request: HttpRequest, *crumbs: tuple[str, str | None]) -> dict[str, Any]:
    return {
        "chips": show.chips(request.path),
        "may_manage": bool(may(viewer(request), Permission.MANAGE_POLICIES, None)),
        "crumbs": [(_("Governance"), "/governance/"), (_("Policies"), "/policies/" if crumbs else None), *crumbs],
    }


def in_force() -> PolicyBundle | None:
    """The bundle in force as it is stored; nothing in the first seconds of an installation."""
    return PolicyBundle.objects.filter(state=BundleState.ACTIVE).first()


@require_safe
def policies(request: HttpRequest) -> HttpResponse:
    """The rules in force."""
    active = in_force()
    newer = checks.digest(checks.read(SHIPPED))
    context = {
        "active": active,
        "rules": show.rules(active) if active else [],
        "shadow": PolicyBundle.objects.filter(state=BundleState.SHADOW).first(),
        "forms": FormRule.objects.filter(removed_at=None),
        "ships_newer": not PolicyBundle.objects.filter(digest=newer).exclude(state=BundleState.DRAFT).exists(),
    }
    return render(request, "policies/page.html", context | _frame(request))


@require_safe
def policy_rule(request: HttpRequest, rule: str) -> HttpResponse:
    """One rule in force: what it says, in words and in Rego, with its tests and its newest findings."""
    active = in_force()
    found = next((row for row in show.rules(active) if row["id"] == rule), None) if active else None
    if active is None or found is None:
        raise Http404("rule")
    seen = Decision.objects.filter(team__in=teams_with(viewer(request), Permission.VIEW))
    context = {
        "rule": found,
        "files": show.files_of(active, rule),
        "found": seen.filter(findings__contains=[{"rule": rule}]).order_by("-at", "-pk")[:10],
        "form": FormRule.objects.filter(slug=rule.removeprefix("form."), removed_at=None).first(),
    }
    return render(request, "policies/rule.html", context | _frame(request, (rule, None)))


@require_http_methods(["GET", "HEAD", "POST"])
def policy_bundles(request: HttpRequest) -> HttpResponse:
    """Every bundle, newest first, and the repositories they are made of; POST drafts the next one."""
    if request.method != "POST":
        return _bundles(request)
    made = store.draft(by=viewer(request))
    if isinstance(made, Denied):
        return _bundles(request, denied=made)
    words = {"digest": str(made), "state": made.get_state_display()}
    messages.success(request, _("%(digest)s is drafted. Its state: %(state)s.") % words)
    return redirect("policy_bundle", pk=made.pk)


def _bundles(request: HttpRequest, *, denied: Denied | None = None) -> HttpResponse:
    context = {
        "bundles": [(row, show.look_of(row)) for row in PolicyBundle.objects.select_related("by")[:SHOWN]],
        "sources": PolicySource.objects.all(),
        "problem": problem_of(denied, _("Not done")),
        "problems": [error.message for error in denied.errors] if denied is not None else [],
    }
    status = status_of(denied)
    return render(request, "policies/bundles.html", context | _frame(request, (_("Bundles"), None)), status=status)


@require_POST
def policy_source(request: HttpRequest) -> HttpResponse:
    """Connect a repository of policies, or have a known one read again."""
    slug, url = request.POST.get("slug", "").strip(), request.POST.get("url", "").strip()
    known = PolicySource.objects.filter(slug=slug).first()
    if known is not None and not url:
        answer = policy_sources.ask(by=viewer(request), source=known)
    else:
        ref = request.POST.get("ref", "").strip() or "main"
        answer = policy_sources.register(by=viewer(request), slug=slug, url=url, ref=ref)
    if isinstance(answer, Denied):
        return _bundles(request, denied=answer)
    messages.success(request, _("%(slug)s is read within half a minute.") % {"slug": answer.slug})
    return redirect("policy_bundles")


@require_http_methods(["GET", "HEAD", "POST"])
def policy_bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """One bundle; POST brings it into shadow or force, withdraws it, or has it replayed."""
    found = loaders.policy_bundle(viewer(request), pk)
    if request.method != "POST":
        return _bundle(request, found)
    answer = _act(request, found)
    if isinstance(answer, Denied):
        return _bundle(request, found, denied=answer)
    return redirect("policy_bundle", pk=found.pk)


def _act(request: HttpRequest, found: PolicyBundle) -> PolicyBundle | Replay | Denied:
    by, act = viewer(request), request.POST.get("act", "")
    acts = {"activate": store.activate, "shadow": store.shadow, "withdraw": store.withdraw}
    if act in acts:
        return acts[act](by=by, bundle=found)
    if act == "replay":
        days = request.POST.get("days", "")
        return replay.ask_replay(by=by, bundle=found, days=int(days) if days.isascii() and days.isdigit() else 0)
    return Denied("policy.bundle_act", "act", _("There is no such act."), _("Choose one on the page."), status=422)


def _bundle(request: HttpRequest, found: PolicyBundle, *, denied: Denied | None = None) -> HttpResponse:
    found.refresh_from_db()
    shadowed = found.shadowed.aggregate(all=Count("pk"), blocked=Count("pk", filter=Q(differs=True, allowed=False)))
    context = {
        "bundle": found,
        "look": show.look_of(found),
        "rules": show.rules(found),
        "difference": show.difference(found, in_force()),
        "replays": found.replays.select_related("by")[:5],
        "shadowed": shadowed | {"freed": found.shadowed.filter(differs=True, allowed=True).count()},
        "differing": _differing(request, found),
        "keep_days": replay.KEEP_DAYS,
        "problem": problem_of(denied, _("Not done")),
        "problems": [error.message for error in denied.errors] if denied is not None else [],
    }
    frame = _frame(request, (_("Bundles"), "/policies/bundles/"), (str(found), None))
    return render(request, "policies/bundle.html", context | frame, status=status_of(denied))


def _differing(request: HttpRequest, found: PolicyBundle) -> list[dict[str, Any]]:
    """The decisions that the newest replay, or shadow, would have turned; of the viewer's teams only."""
    last = found.replays.exclude(done_at=None).first()
    said = {row["decision"]: row for row in last.rows} if last else {}
    for row in found.shadowed.filter(differs=True).order_by("-decision")[:SHOWN]:
        said.setdefault(
            row.decision_id, {"decision": row.decision_id, "allowed": row.allowed, "findings": row.findings}
        )
    teams = teams_with(viewer(request), Permission.VIEW)
    seen = Decision.objects.filter(pk__in=said, team__in=teams).select_related("team").order_by("-at", "-pk")
    return [{"row": row, "said": said[row.pk]} for row in seen[:SHOWN]]
