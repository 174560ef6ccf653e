"""Targets: where drivers work. Everybody may see how they are; platform engineers look after them."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from policies.permissions import Permission, may
from policies.results import Denied
from portal import loaders
from portal.presenters import targets as show
from portal.views.pages import problem_of, status_of, viewer
from provisioning import admission_hooks, selectors
from provisioning.actions import targets as actions
from provisioning.drivers import registry
from provisioning.models import Target
from provisioning.vault import Secret

FIELDS = ("slug", "driver", "name", "config", "pool", "concurrency")


@require_http_methods(["GET", "HEAD", "POST"])
def targets(request: HttpRequest) -> HttpResponse:
    """Every target and how it is; POST registers one."""
    if request.method != "POST":
        return _list(request)
    asked = _asked(request)
    wrong = _wrong_config(asked)
    answer = actions.register(by=viewer(request), wanted=_wanted(asked)) if wrong is None else wrong
    if isinstance(answer, Denied):
        return _list(request, denied=answer, asked=asked)
    messages.success(request, _("%(slug)s is registered.") % {"slug": answer.slug})
    return redirect("target", slug=answer.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def target(request: HttpRequest, slug: str) -> HttpResponse:
    """One target; POST changes it."""
    found = loaders.target(viewer(request), slug)
    if request.method != "POST":
        return _one(request, found)
    asked = {**_asked(request), "slug": found.slug, "driver": found.driver}
    wrong = _wrong_config(asked)
    answer = actions.change(by=viewer(request), target=found, wanted=_wanted(asked)) if wrong is None else wrong
    return _answered(request, found, answer, _("%(slug)s is changed."))


@require_POST
def target_check(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker try the connection."""
    found = loaders.target(viewer(request), slug)
    return _answered(
        request, found, actions.ask_check(by=viewer(request), target=found), _("%(slug)s will be checked.")
    )


@require_POST
def target_retire(request: HttpRequest, slug: str) -> HttpResponse:
    """Let nothing new be made there."""
    found = loaders.target(viewer(request), slug)
    return _answered(request, found, actions.retire(by=viewer(request), target=found), _("%(slug)s is retired."))


@sensitive_post_parameters("value")
@require_POST
def target_credentials(request: HttpRequest, slug: str) -> HttpResponse:
    """Put one credential into Vault."""
    found = loaders.target(viewer(request), slug)
    name, value = request.POST.get("name", "").strip(), request.POST.get("value", "")
    values = {name: Secret(value)} if name and value else {}
    answer = actions.set_credentials(by=viewer(request), target=found, values=values)
    return _answered(request, found, answer, _("The credentials of %(slug)s lie in Vault."))


def _answered(request: HttpRequest, found: Target, answer: Target | Denied, words: str) -> HttpResponse:
    if isinstance(answer, Denied):
        return _one(request, loaders.target(viewer(request), found.slug), denied=answer)
    messages.success(request, words % {"slug": found.slug})
    return redirect("target", slug=found.slug)


def _asked(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "").strip() for name in FIELDS}


def _wrong_config(asked: dict[str, str]) -> Denied | None:
    try:
        good = isinstance(json.loads(asked["config"] or "{}"), dict)
    except ValueError:
        good = False
    fix = _('Write it as {"server": "https://…"}.')
    return None if good else Denied("target.config", "config", _("It must be a JSON object."), fix, status=422)


def _wanted(asked: dict[str, str]) -> actions.Wanted:
    text = asked["concurrency"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else (-1 if text else 0)
    config = json.loads(asked["config"] or "{}")
    return actions.Wanted(asked["slug"], asked["driver"], asked["name"], config, asked["pool"], number)


def _list(request: HttpRequest, *, denied: Denied | None = None, asked: dict[str, str] | None = None) -> HttpResponse:
    context = {
        "targets": [(row, show.health(row)) for row in selectors.targets()],
        "troubled": [row for row in show.troubled() if row["target"] is None],
        "drivers": registry.names(),
        "asked": asked or {},
        "problem": problem_of(denied, _("Not registered")),
        "may_manage": bool(may(viewer(request), Permission.MANAGE_TARGETS, None)),
        "crumbs": [(_("Targets"), None)],
    }
    return render(request, "targets/list.html", context, status=status_of(denied))


def _one(request: HttpRequest, found: Target, *, denied: Denied | None = None) -> HttpResponse:
    config = json.dumps(found.config, indent=2, sort_keys=True)
    context: dict[str, Any] = {
        "target": found,
        "health": show.health(found),
        "config": config,
        "asked": {**vars(found), "config": config},
        "breaker": show.breaker_facts(getattr(found, "breaker", None)),
        "facts": show.facts(found),
        "admission": admission_hooks.admission_latency(found),
        "problem": problem_of(denied, _("Not done")),
        "may_manage": bool(may(viewer(request), Permission.MANAGE_TARGETS, None)),
        "crumbs": [(_("Targets"), "/targets/"), (found.slug, None)],
    }
    return render(request, "targets/page.html", context, status=status_of(denied))
