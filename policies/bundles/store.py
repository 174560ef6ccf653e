"""What people do with bundles: draft one from all its parts, put it into shadow or into force, withdraw it.

A bundle is stored only when it passed every check, and is checked again before it comes into force.
"""

from dataclasses import asdict

from django.utils import timezone

from audit.context import context
from audit.record import emit, record
from policies import bundle as checks
from policies.bundle import Bundle, Refusal
from policies.bundles.spread import Files
from policies.engine import SHIPPED
from policies.models import BundleState, FormRule, PolicyBundle, PolicySource, User
from policies.permissions import Permission, may
from policies.results import Allowed, Denied, FieldError

By = User | str


def parts(*, now: PolicySource | None = None) -> tuple[Files, str]:
    """All files of the next bundle, and in words where they are from: shipped, each source's, each filled-in rule's.

    `now` stands for the stored source of that name: what was just read and is not stored yet.
    """
    from policies.bundles import forms

    files, words = list(checks.read(SHIPPED)), ["shipped"]
    sources = {source.slug: source for source in PolicySource.objects.all()} | ({now.slug: now} if now else {})
    for slug, source in sorted(sources.items()):
        if source.files:
            files += [(f"{slug}/{path}", text) for path, text in source.files]
            words.append(f"{slug} {source.commit[:10]}")
    filled = list(FormRule.objects.filter(removed_at=None))
    for rule in filled:
        files += forms.files(rule.slug, forms.Form.from_json(rule.form))
    if filled:
        words.append(f"{len(filled)} from forms")
    return tuple(files), ", ".join(words)[:120]


def draft(*, by: By) -> PolicyBundle | Denied:
    """Make the next bundle of what there is now. The same content is the same bundle, in whatever state it is."""
    allowed = _may(by)
    if isinstance(allowed, Denied):
        return refused(by, allowed, "bundle:new")
    files, source = parts()
    return keep(by=by, files=files, source=source)


def keep(*, by: By, files: Files, source: str) -> PolicyBundle | Denied:
    """Check these files and store them as a draft. A refusal names every problem with its file and line."""
    outcome = checks.check(files)
    if isinstance(outcome, Refusal):
        return refused(by, _unfit(outcome), "bundle:new")
    with context(by=by, reason=f"Draft of a policy bundle from {source}"):
        made, is_new = _stored(by, files, outcome, source)
        if is_new:
            record("bundle.drafted", object=made.ref, data={"digest": made.digest, "source": source})
    return made


def activate(*, by: By, bundle: PolicyBundle) -> PolicyBundle | Denied:
    """Put the bundle into force everywhere, if it still passes its own tests; the one before it is retired."""
    allowed = _may(by)
    if isinstance(allowed, Denied):
        return refused(by, allowed, bundle.ref)
    outcome = checks.check(tuple((path, text) for path, text in bundle.files))
    if isinstance(outcome, Refusal) or outcome.digest != bundle.digest:
        unfit = outcome if isinstance(outcome, Refusal) else Refusal(("Its content is not what its digest says.",))
        return refused(by, _unfit(unfit), bundle.ref)
    with context(by=by, reason=f"Put the policy bundle {bundle.digest[:19]} into force"):
        return _installed(bundle)


def _installed(bundle: PolicyBundle) -> PolicyBundle:
    """Swap the active bundle under row locks. Call inside an audit context."""
    _locked(bundle)
    before = PolicyBundle.objects.filter(state=BundleState.ACTIVE).only("pk", "state", "digest").first()
    now = timezone.now()
    if before is not None and before.pk != bundle.pk:
        PolicyBundle.objects.filter(pk=before.pk).update(state=BundleState.RETIRED, retired_at=now)
    if before is None or before.pk != bundle.pk:
        PolicyBundle.objects.filter(pk=bundle.pk).update(state=BundleState.ACTIVE, activated_at=now, retired_at=None)
        data = {"digest": bundle.digest, "before": before.digest if before else None}
        record("bundle.activated", object=bundle.ref, data=data)
        emit("policy.activated", object=bundle.ref, payload=data)
    bundle.refresh_from_db()
    return bundle


def _locked(bundle: PolicyBundle) -> PolicyBundle:
    """This bundle as it is now; all are locked, so that one at a time comes into force or shadow."""
    rows = PolicyBundle.objects.select_for_update().order_by("pk").only("pk", "state", "digest")
    return {row.pk: row for row in rows}[bundle.pk]


def shadow(*, by: By, bundle: PolicyBundle) -> PolicyBundle | Denied:
    """Have the bundle judge beside the one in force, without effect. One at a time: the one before is a draft again."""
    return _moved(by, bundle, BundleState.SHADOW, "bundle.shadowed", (BundleState.DRAFT, BundleState.RETIRED))


def withdraw(*, by: By, bundle: PolicyBundle) -> PolicyBundle | Denied:
    """Take a bundle out of shadow, or a draft off the list."""
    to = BundleState.DRAFT if bundle.state == BundleState.SHADOW else BundleState.RETIRED
    return _moved(by, bundle, to, "bundle.withdrawn", (BundleState.SHADOW, BundleState.DRAFT))


def _moved(by: By, bundle: PolicyBundle, to: str, event: str, start: tuple[str, ...]) -> PolicyBundle | Denied:
    allowed = _may(by)
    if isinstance(allowed, Denied):
        return refused(by, allowed, bundle.ref)
    with context(by=by, reason=f"{to}: policy bundle {bundle.digest[:19]}"):
        row = _locked(bundle)
        if row.state not in start:
            words = f"A bundle that is {row.get_state_display().lower()} cannot become {BundleState(to).label.lower()}."
            return Denied("policy.bundle_state", "state", words, "Look at its state as it is now.", status=409)
        if row.state == BundleState.RETIRED:
            PolicyBundle.objects.filter(pk=row.pk).update(state=BundleState.DRAFT)
        if to == BundleState.SHADOW:
            PolicyBundle.objects.filter(state=BundleState.SHADOW).update(state=BundleState.DRAFT)
        PolicyBundle.objects.filter(pk=row.pk).update(state=to)
        record(event, object=row.ref, data={"digest": row.digest})
    bundle.refresh_from_db()
    return bundle


def ensure_shipped() -> PolicyBundle | None:
    """Store the bundle that this version ships. It comes into force where nothing but a shipped one was before."""
    files = checks.read(SHIPPED)
    digest = checks.digest(files)
    if PolicyBundle.objects.filter(digest=digest).exists():
        return None
    outcome = checks.check(files)
    if isinstance(outcome, Refusal):
        return None
    by = "system:policies"
    with context(by=by, reason="The bundle that this version ships"):
        made, is_new = _stored(by, files, outcome, "shipped")
        others = PolicyBundle.objects.filter(state=BundleState.ACTIVE).exclude(source="shipped")
        return made if not is_new or others.exists() else _installed(made)


def _stored(by: By, files: Files, outcome: Bundle, source: str) -> tuple[PolicyBundle, bool]:
    """The row of this content, and whether it was made now: two who bring the same at once get the same."""
    return PolicyBundle.objects.get_or_create(
        digest=outcome.digest,
        defaults={
            "source": source,
            "files": [list(each) for each in files],
            "rules": [asdict(rule) for rule in outcome.rules],
            "tests": list(outcome.tests),
            "by": None if isinstance(by, str) else by,
        },
    )


def _may(by: By) -> Allowed | Denied:
    if isinstance(by, str):
        if not by.startswith("system:"):
            raise ValueError("a person is given as a User; only the system itself acts by name")
        return Allowed()
    return may(by, Permission.MANAGE_POLICIES, None)


def _unfit(refusal: Refusal) -> Denied:
    """Every problem; the one in force stays."""
    fix = "Correct it where it comes from. The bundle in force stays in force."
    errors = tuple(FieldError("files", "policy.bundle", problem, fix) for problem in refusal.problems)
    return Denied("policy.bundle", "files", refusal.problems[0], fix, "The platform team", 422, errors)


def refused(by: By, denied: Denied, ref: str) -> Denied:
    """Keep a refusal in the history, and hand it back."""
    with context(by=by, reason=denied.reason[:300]):
        problems = [error.message for error in denied.errors][:50]
        record("bundle.refused", object=ref, data={"rule": denied.rule, "reason": denied.reason, "problems": problems})
    return denied
