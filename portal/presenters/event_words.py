"""The words of each event of the history and what follows of its data; how a sentence is built is not here."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from portal.templatetags.berth_words import short_hash


def _nothing(data: Mapping[str, Any]) -> str:
    return ""


def _said(*names: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda data: " ".join(str(data.get(name) or "") for name in names).strip()


def _way_in(data: Mapping[str, Any]) -> str:
    method = str(data.get("method") or "")
    return _("by %s") % method if method else ""


def _digest(data: Mapping[str, Any]) -> str:
    return _("plan %s") % short_hash(str(data.get("digest") or ""))


def _bundle(data: Mapping[str, Any]) -> str:
    return short_hash(str(data.get("digest") or ""))


def _rules(data: Mapping[str, Any]) -> str:
    return ", ".join(str(rule) for rule in data.get("rules") or ())


def _new_plan(data: Mapping[str, Any]) -> str:
    words = {"old": short_hash(str(data.get("from", ""))), "new": short_hash(str(data.get("to", "")))}
    parts = str(data.get("changed") or "")
    return f"{_('from %(old)s to %(new)s') % words}: {parts}"


def _changed(data: Mapping[str, Any]) -> str:
    names = data.get("changed")
    return ", ".join(str(name) for name in names) if isinstance(names, list) else ""


def _refusal(data: Mapping[str, Any]) -> str:
    return f"{data.get('rule', '')}: {data.get('reason', '')}"


def _hours(data: Mapping[str, Any]) -> str:
    return _("by %s h") % str(data.get("hours", "?"))


def _limit(data: Mapping[str, Any]) -> str:
    words = {"scope": data.get("scope", ""), "metric": data.get("metric", ""), "limit": data.get("limit", "")}
    return _("%(metric)s at most %(limit)s for %(scope)s") % words


def _switched(data: Mapping[str, Any]) -> str:
    return _("into force") if data.get("active") else _("out of force")


UNNAMED = ("accessgrant:", "accessreview:", "approvalrule:", "budget:", "delegation:", "formrule:", "quota:")

KNOWN: dict[str, tuple[Any, str, Callable[[Mapping[str, Any]], str]]] = {
    "bundle.drafted": (lazy("drafted the policy"), "idle", _said("source")),
    "bundle.activated": (lazy("put into force the policy"), "ok", _bundle),
    "bundle.shadowed": (lazy("put into shadow the policy"), "run", _bundle),
    "bundle.withdrawn": (lazy("withdrew the policy"), "idle", _bundle),
    "bundle.refused": (lazy("was refused with the policy"), "bad", _said("reason")),
    "bundle.replayed": (lazy("replayed the policy"), "idle", _nothing),
    "environment.judged": (lazy("judged again, as it runs,"), "warn", _rules),
    "operation.requested": (lazy("asked for"), "idle", _nothing),
    "operation.claimed": (lazy("took up"), "run", _nothing),
    "operation.planning": (lazy("planned"), "run", _nothing),
    "operation.awaiting_approval": (lazy("sent to its signers:"), "wait", _nothing),
    "operation.signed": (lazy("signed"), "ok", _digest),
    "operation.refused_by_signer": (lazy("rejected"), "bad", _digest),
    "operation.rejected": (lazy("ended by a rejection:"), "bad", _nothing),
    "operation.queued": (lazy("queued"), "idle", _nothing),
    "operation.running": (lazy("began"), "run", _nothing),
    "operation.verifying": (lazy("checks the result of"), "run", _nothing),
    "operation.succeeded": (lazy("finished"), "ok", _nothing),
    "operation.failing": (lazy("undoes"), "warn", _nothing),
    "operation.rolled_back": (lazy("rolled back"), "warn", _nothing),
    "operation.failed": (lazy("failed at"), "bad", _said("error")),
    "operation.ended": (lazy("ended"), "idle", _nothing),
    "operation.denied": (lazy("stopped by policy:"), "bad", _nothing),
    "operation.refused": (lazy("refused"), "bad", _refusal),
    "operation.forced": (lazy("forced the end of"), "bad", _said("reason")),
    "operation.seized": (lazy("took from its worker:"), "warn", _nothing),
    "operation.mixed": (lazy("met mixed versions in"), "warn", _nothing),
    "operation.healed": (lazy("ended mixed versions in"), "ok", _said("by")),
    "environment.drifted": (lazy("found a difference in"), "warn", _nothing),
    "environment.check_asked": (lazy("asked to check"), "idle", _nothing),
    "environment.record_deleted": (lazy("deleted the record of"), "bad", _said("reason")),
    "orphan.listed": (lazy("listed as left behind:"), "warn", _nothing),
    "orphan.removed": (lazy("removed what was left of"), "ok", _nothing),
    "orphan.retry_asked": (lazy("asked to remove again:"), "idle", _nothing),
    "orphan.marked_removed": (lazy("marked as removed by hand:"), "ok", _said("reason")),
    "operation.cancelled": (lazy("cancelled"), "idle", _nothing),
    "operation.cancelling": (lazy("stops and undoes"), "warn", _nothing),
    "operation.cancel_requested": (lazy("asked to cancel"), "warn", _nothing),
    "operation.plan_changed": (lazy("found a new plan of"), "warn", _new_plan),
    "operation.put_off": (lazy("put off"), "warn", _said("reason")),
    "operation.expired": (lazy("ran out of time:"), "idle", _nothing),
    "operation.held": (lazy("held"), "warn", _nothing),
    "operation.questioned": (lazy("asked about"), "wait", _digest),
    "operation.sent_back": (lazy("sent back"), "wait", _digest),
    "operation.answered": (lazy("answered for"), "idle", _nothing),
    "operation.resumed": (lazy("took up again"), "idle", _nothing),
    "operation.edited": (lazy("changed the request for"), "warn", _changed),
    "operation.commented": (lazy("commented on"), "idle", _nothing),
    "environment.extended": (lazy("extended"), "ok", _hours),
    "environment.warned": (lazy("warned of the expiry of"), "warn", _nothing),
    "release.registered": (lazy("registered"), "ok", _said("version")),
    "template.published": (lazy("published"), "ok", _said("version")),
    "template.refused": (lazy("refused to publish"), "bad", _said("reason")),
    "template.retired": (lazy("retired"), "idle", _nothing),
    "source.refused": (lazy("could not read"), "bad", _said("reason")),
    "secret.revealed": (lazy("revealed a secret of"), "warn", _said("name")),
    "admission.refused": (lazy("kept out of"), "bad", _said("reason")),
    "admission.installed": (lazy("made the admission webhook of"), "idle", _nothing),
    "waiver.asked": (lazy("asked for a waiver for"), "wait", _said("rule")),
    "waiver.granted": (lazy("granted a waiver for"), "warn", _said("rule")),
    "waiver.refused": (lazy("refused a waiver for"), "bad", _said("rule")),
    "waiver.withdrawn": (lazy("took back a waiver asked for"), "idle", _said("rule")),
    "waiver.expiring": (lazy("reminded of the end of a waiver for"), "warn", _said("rule")),
    "waiver.ended": (lazy("ended a waiver for"), "idle", _said("rule")),
    "environment.waiver_ended": (lazy("found without its waiver:"), "bad", _said("rule")),
    "window.saved": (lazy("kept the window"), "idle", _said("effect")),
    "window.retired": (lazy("put out of force the window"), "idle", _said("reason")),
    "line.stopped": (lazy("stopped the line of"), "bad", _said("reason")),
    "line.lifted": (lazy("lifted the stop of"), "ok", _said("reason")),
    "switch.on": (lazy("used the switch"), "warn", _said("reason")),
    "switch.off": (lazy("ended the switch"), "idle", _nothing),
    "operation.paused": (lazy("holds for a window"), "wait", _said("window")),
    "token.created": (lazy("made a token"), "idle", _said("name")),
    "token.revoked": (lazy("revoked a token"), "idle", _said("name")),
    "token.rotated": (lazy("rotated a token"), "idle", _said("name")),
    "access.granted": (lazy("gave a right"), "idle", _said("effect", "what", "to")),
    "access.revoked": (lazy("ended a grant"), "idle", _said("effect", "what", "of")),
    "access.refused": (lazy("was refused access"), "bad", _said("reason")),
    "access.review_revoked": (lazy("revoked in a review"), "warn", _said("what", "of")),
    "access.review_opened": (lazy("opened a review of access:"), "wait", _said("team", "period")),
    "approvalrule.saved": (lazy("kept the approval rule"), "idle", _said("slug")),
    "approvalrule.switched": (lazy("switched the approval rule"), "warn", _switched),
    "delegation.made": (lazy("named a stand-in"), "idle", _nothing),
    "delegation.ended": (lazy("ended the time of a stand-in"), "idle", _nothing),
    "operation.escalated": (lazy("asked more signers about"), "warn", _nothing),
    "operation.glass_broken": (lazy("broke the glass for"), "bad", _nothing),
    "operation.glass_reviewed": (lazy("reviewed the emergency of"), "idle", _nothing),
    "quota.set": (lazy("set the quota"), "idle", _limit),
    "quota.removed": (lazy("removed the quota"), "warn", _said("metric", "scope")),
    "quota.refused": (lazy("was refused a quota"), "bad", _said("reason")),
    "budget.set": (lazy("set the budget of"), "idle", _said("scope", "amount", "currency")),
    "budget.removed": (lazy("removed the budget of"), "warn", _said("scope")),
    "budget.threshold": (lazy("told of the budget of"), "warn", _said("scope", "percent")),
    "formrule.added": (lazy("added to the next draft the rule"), "idle", _said("title")),
    "formrule.removed": (lazy("left out of the next draft the rule"), "idle", _said("slug")),
    "factor.enrolled": (lazy("enrolled a second factor"), "ok", _way_in),
    "factor.entered": (lazy("entered a second factor"), "idle", _way_in),
    "factor.wrong": (lazy("entered a wrong second factor"), "warn", _way_in),
    "factor.removed": (lazy("removed a second factor"), "warn", _way_in),
    "factor.reset": (lazy("reset the second factors of"), "warn", _nothing),
    "factor.codes_made": (lazy("made recovery codes"), "idle", _nothing),
    "factor.rule_changed": (lazy("changed when a second factor is asked for:"), "warn", _nothing),
    "factor.copied": (lazy("met a copied security key:"), "bad", _nothing),
    "factor.removal_refused": (lazy("was refused to remove a second factor"), "bad", _said("rule")),
    "factor.reset_refused": (lazy("was refused to reset the second factors of"), "bad", _said("rule")),
    "factor.rule_refused": (lazy("was refused to change when a second factor is asked for:"), "bad", _said("rule")),
    "inventory.read": (lazy("read into the inventory"), "idle", _nothing),
    "state.lock_broken": (lazy("broke the lock of the state of"), "warn", _said("reason")),
    "state.break_refused": (lazy("was refused to break the lock of the state of"), "bad", _said("reason")),
    "target.registered": (lazy("registered the target"), "ok", _said("slug")),
    "target.checked": (lazy("checked the connection of"), "idle", _said("message")),
    "target.credentials_given": (lazy("gave credentials of"), "idle", _nothing),
    "target.credentials_stored": (lazy("kept credentials of"), "idle", _nothing),
    "target.refused": (lazy("was refused with the target"), "bad", _said("reason")),
    "person.left": (lazy("closed the account"), "warn", _said("person")),
    "machine.created": (lazy("made a service account"), "idle", _said("name")),
    "impersonation.began": (lazy("began to look"), "warn", _said("as", "reason")),
    "impersonation.ended": (lazy("ended a look"), "idle", _said("as")),
    "environment.transferred": (lazy("handed on"), "idle", _said("to")),
    "environment.lifetime_set": (lazy("set the lifetime of"), "idle", _nothing),
    "signin.succeeded": (lazy("signed in"), "idle", _way_in),
    "signin.failed": (lazy("failed to sign in"), "warn", _nothing),
    "signin.ended": (lazy("signed out"), "idle", _nothing),
    "history.exported": (lazy("exported the history"), "warn", _said("format")),
}
