"""Read like plans beside each other and sign them in one act; what changed meanwhile is left out and said."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from policies.models import User
from policies.results import Denied
from portal import loaders
from portal.presenters import operations as op_show
from portal.presenters import plans, refusals
from portal.views import second_factor
from portal.views.inbox import related, signed_counts
from portal.views.pages import viewer
from provisioning.actions.bulk import Outcome, Seen, approve_alike
from provisioning.inbox import MOST_ALIKE, alike, likeness, to_sign
from provisioning.models import Operation
from provisioning.selectors import operations_visible_to


@require_safe
def inbox_bulk(request: HttpRequest) -> HttpResponse:
    """The plans to sign together: those like `?like=`, or the chosen ones that are like the first of them."""
    user = viewer(request)
    like = _ids(request.GET.getlist("like"))
    if like:
        return render(request, "approvals/bulk.html", _shown(alike(user, loaders.operation(user, like[0])), []))
    found, unlike = _split(_mine(user, _ids(request.GET.getlist("op"))))
    return render(request, "approvals/bulk.html", _shown(found, unlike))


@require_POST
def inbox_bulk_approve(request: HttpRequest) -> HttpResponse:
    """Sign each chosen plan under the digest that was shown."""
    user = viewer(request)
    chosen = [text.partition("@") for text in request.POST.getlist("plan")[: MOST_ALIKE + 1]]
    digests = {pk: digest for text, _at, digest in chosen for pk in _ids([text])}
    seen = [Seen(row, digests[row.pk]) for row in _visible(user, list(digests))]
    reason = request.POST.get("reason", "")[:2000]
    answer = approve_alike(by=user, plans=seen, reason=reason)
    if isinstance(answer, Denied):
        problem = refusals.problem(answer, title=_("Nothing was signed"))
        return render(request, "approvals/bulk.html", _shown([], []) | {"problem": problem}, status=answer.status)
    wanted = next((each.refused for each in answer if second_factor.is_wanted(each.refused)), None)
    if wanted is not None:
        return second_factor.ask(request, wanted)
    return render(request, "approvals/bulk_done.html", _done(answer) | {"gone": len(digests) - len(seen)})


def _ids(texts: list[str]) -> list[UUID]:
    """What can be ids, each once, in order."""
    found: list[UUID] = []
    for text in texts[: MOST_ALIKE + 1]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def _visible(user: User, wanted: list[UUID]) -> list[Operation]:
    """Those of the chosen that the person may still see."""
    rows = {row.pk: row for row in related(operations_visible_to(user).filter(pk__in=wanted))}
    return [rows[pk] for pk in wanted if pk in rows]


def _mine(user: User, wanted: list[UUID]) -> list[Operation]:
    """Those of the chosen that the person may sign, in the chosen order."""
    rows = {row.pk: row for row in related(to_sign(user).filter(pk__in=wanted))}
    return [rows[pk] for pk in wanted if pk in rows]


def _split(found: list[Operation]) -> tuple[list[Operation], list[Operation]]:
    """Those like the first, and the rest."""
    first = likeness(found[0]) if found else ""
    same = [likeness(row) == first for row in found]
    return (
        [row for row, like in zip(found, same, strict=True) if like],
        [row for row, like in zip(found, same, strict=True) if not like],
    )


def _shown(found: list[Operation], unlike: list[Operation]) -> dict[str, Any]:
    signed = signed_counts(found)
    first = found[0] if found else None
    return {
        "crumbs": [(_("Inbox"), reverse("inbox")), (_("Sign like plans"), None)],
        "rows": [_row(row, signed.get(row.ref, 0)) for row in found],
        "unlike": [_row(row, 0) for row in unlike],
        "first": first,
        "changes": plans.changes(first.plan) if first else [],
        "plan_counts": plans.counts(first.plan if first else None),
    }


def _row(operation: Operation, signed: int) -> dict[str, Any]:
    url = reverse("approval", args=[operation.pk])
    return {"operation": operation, "title": op_show.title(operation), "url": url, "signed": signed}


def _done(answer: list[Outcome]) -> dict[str, Any]:
    done = [_row(each.operation, 0) | {"digest": each.digest, "refused": each.refused} for each in answer]
    return {
        "crumbs": [(_("Inbox"), reverse("inbox")), (_("Sign like plans"), None)],
        "signed": [row for row in done if row["refused"] is None],
        "left_out": [row for row in done if row["refused"] is not None],
    }
