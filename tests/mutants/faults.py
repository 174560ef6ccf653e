"""The faults: what text of which file is replaced by what, and the tests that must notice. Pure data."""

from tests.mutants.fault import Fault
from tests.mutants.governance import GOVERNANCE

FACTOR_CODES = "tests/portal/test_second_factor_codes.py"
FACTOR_KEYS = "tests/portal/test_second_factor_keys.py"
GUARDS = "tests/provisioning/test_guards.py"
ENGINE = "tests/provisioning/test_engine.py"
DIGEST = "tests/provisioning/test_change_digest.py"
LIFECYCLE = "provisioning/lifecycle.py"
OUTCOME = "provisioning/runs/outcome.py"


FAULTS = (
    Fault(
        "a status moves without its fence",
        LIFECYCLE,
        "    if fence is not None and not _is_current(operation.pk, fence):\n        return False\n",
        "",
        (f"{ENGINE}::test_an_old_owner_cannot_record_after_its_fence_is_outdated",),
    ),
    Fault(
        "a claim trusts what it saw before it had the row",
        LIFECYCLE,
        "    WHERE l.expires_at + make_interval(secs => %(strays)s) < now()\n    RETURNING",
        "    RETURNING",
        (f"{GUARDS}::test_what_is_held_is_not_claimed_by_a_worker_that_saw_it_before",),
    ),
    Fault(
        "a claim does not look whether the environment is busy",
        "provisioning/turns.py",
        "WHERE a.environment_id = o.environment_id AND a.status = ANY(%(active)s))",
        "WHERE false AND a.status = ANY(%(active)s))",
        (f"{GUARDS}::test_a_change_that_waits_for_its_environment_stops_no_other",),
    ),
    Fault(
        "a step is recorded without the lease",
        OUTCOME,
        "    if not lifecycle.hold(work.lease):\n",
        "    if False:\n",
        (f"{GUARDS}::test_an_old_owner_records_no_step",),
    ),
    Fault(
        "the guard before outside writes does nothing",
        "provisioning/runs/claimed.py",
        "        if not lifecycle.holds(self.lease, seconds=settings.BERTH.call_limit_seconds):\n",
        "        if False:\n",
        (f"{GUARDS}::test_an_old_owner_is_stopped_before_it_writes_outside",),
    ),
    Fault(
        "signing takes no row lock",
        "provisioning/actions/sign.py",
        'Operation.objects.select_for_update(of=("self",))',
        "Operation.objects",
        (f"{GUARDS}::test_two_last_signatures_at_the_same_moment_queue_it",),
    ),
    Fault(
        "reserving quota takes no row lock",
        "policies/quotas.py",
        'Quota.objects.select_for_update(of=("self",)).filter',
        "Quota.objects.filter",
        (f"{GUARDS}::test_parallel_reservations_never_overshoot",),
    ),
    Fault(
        "requesting asks for no permission",
        "provisioning/actions/request.py",
        "    if isinstance(allowed, Denied):\n        return _refused(by, wanted, allowed)\n",
        "",
        (f"{GUARDS}::test_who_may_not_request_gets_nothing",),
    ),
    Fault(
        "a change asks for no permission",
        "provisioning/actions/change.py",
        "    if isinstance(allowed, Denied):\n        return _refused(by, ask, allowed)\n",
        "",
        (f"{GUARDS}::test_who_may_not_operate_changes_nothing",),
    ),
    Fault(
        "revealing a secret asks for no permission",
        "provisioning/actions/secrets.py",
        "    if isinstance(allowed, Denied):\n        return _refused(by, environment, allowed)\n",
        "",
        (f"{GUARDS}::test_who_may_not_reveal_is_told_before_anything_is_looked_up",),
    ),
    Fault(
        "the requester may sign",
        "policies/approvals.py",
        "    if user.pk == subject.requester.pk:\n",
        "    if False:\n",
        (f"{ENGINE}::test_the_requester_cannot_sign_even_as_owner",),
    ),
    Fault(
        "a signature counts for any digest",
        "policies/approvals.py",
        "Signature.objects.filter(subject=subject.ref, digest=subject.digest, voided_at=None)",
        "Signature.objects.filter(subject=subject.ref, voided_at=None)",
        (f"{GUARDS}::test_a_signature_counts_for_its_own_digest_only",),
    ),
    Fault(
        "a plan that changed keeps its signatures",
        "provisioning/runs/apply.py",
        '    approvals.void(ref=operation.ref, reason=f"The plan changed: {parts}.")\n',
        "",
        (f"{ENGINE}::test_a_plan_that_changed_after_signing_voids_the_signatures_and_says_what",),
    ),
    Fault(
        "the digest leaves the parameters out",
        "provisioning/digest.py",
        '{"schema": SCHEMA, **subject.document(), "changes": changes}',
        '{"schema": SCHEMA, **subject.document(), "parameters": {}, "changes": changes}',
        (DIGEST,),
    ),
    Fault(
        "the digest leaves the release out",
        "provisioning/digest.py",
        '{"schema": SCHEMA, **subject.document(), "changes": changes}',
        '{"schema": SCHEMA, **subject.document(), "release": "", "changes": changes}',
        (DIGEST,),
    ),
    Fault(
        "the digest leaves the changes out",
        "provisioning/digest.py",
        '{"schema": SCHEMA, **subject.document(), "changes": changes}',
        '{"schema": SCHEMA, **subject.document(), "changes": []}',
        (DIGEST,),
    ),
    Fault(
        "known secrets are not redacted",
        "provisioning/redaction.py",
        "            text = pattern.sub(MASK, text)\n",
        "            pass\n",
        ("tests/provisioning/test_redaction.py",),
    ),
    Fault(
        "the live log is not redacted",
        "provisioning/runs/log.py",
        "redaction.KNOWN.lines(text)",
        "text.splitlines()",
        ("tests/security/test_redaction.py::test_the_live_log_never_holds_what_a_driver_was_told",),
    ),
    Fault(
        "compensation runs forward",
        OUTCOME,
        "reversed(planned_steps(work))",
        "planned_steps(work)",
        (f"{ENGINE}::test_f1_a_failed_creation_is_undone_in_reverse_and_leaves_nothing",),
    ),
    Fault(
        "what is left is not listed",
        "provisioning/ledger.py",
        "    for address, reason in left:\n",
        "    for address, reason in ():\n",
        (f"{ENGINE}::test_f1_what_cannot_be_removed_stands_in_the_orphan_ledger",),
    ),
    Fault(
        "the policy engine fails open",
        "policies/engine.py",
        '        rule=ENGINE,\n        severity="block",\n',
        '        rule=ENGINE,\n        severity="warn",\n',
        ("tests/policies/test_engine.py::test_a_broken_bundle_refuses_everything",),
    ),
    Fault(
        "lifetimes end in prod too",
        "provisioning/selectors.py",
        '    return rows.exclude(tier__in=PROD_LIKE).order_by("expires_at")\n',
        '    return rows.order_by("expires_at")\n',
        (f"{GUARDS}::test_the_lifetime_sweep_never_finds_prod",),
    ),
    Fault(
        "a repeated key is a new request",
        "provisioning/actions/idempotency.py",
        "    if not key:\n        return None\n",
        "    if key or not key:\n        return None\n",
        (f"{GUARDS}::test_a_repeated_key_makes_one_environment",),
    ),
    Fault(
        "a write without a context is recorded as nobody's",
        "audit/migrations/sql/0001_history.sql",
        "        RAISE EXCEPTION 'no audit context: event % as % outside audit.context()', event, session_user\n"
        "            USING ERRCODE = 'insufficient_privilege';\n",
        '        ctx := \'{"actor": "nobody"}\';\n',
        ("tests/audit/test_context.py::test_an_event_without_context_is_refused_and_nothing_is_written",),
    ),
    Fault(
        "a token works after its time",
        "policies/tokens.py",
        "    if token is None or token.expires_at <= timezone.now() or not token.user.is_active:\n",
        "    if token is None or not token.user.is_active:\n",
        (f"{GUARDS}::test_a_token_ends_with_its_time",),
    ),
    Fault(
        "a loader does not ask who looks",
        "portal/loaders.py",
        "selectors.environments_visible_to(user).filter(pk=pk)",
        "Environment.objects.filter(pk=pk)",
        ("tests/portal/test_loaders.py",),
    ),
    Fault(
        "an exported cell may be a formula",
        "audit/export.py",
        '    if name not in _TEXTS:\n        return name\n    return f"CASE',
        '    if name:\n        return name\n    return f"CASE',
        ("tests/audit/test_export.py::test_a_cell_that_begins_like_a_formula_is_made_text",),
    ),
    Fault(
        "a message counts as delivered before anybody took it",
        "audit/outbox.py",
        "        delivered_at=None if errors else now,\n",
        "        delivered_at=now,\n",
        ("tests/audit/test_outbox.py::test_a_failure_is_kept_and_only_that_consumer_is_called_again",),
    ),
    Fault(
        "a code of the second factor counts twice",
        "portal/second_factor/entering.py",
        "    if step <= tried.totp_step:\n        return False\n",
        "",
        (f"{FACTOR_CODES}::test_the_code_that_enrolled_and_the_code_that_was_entered_count_no_second_time",),
    ),
    Fault(
        "a proof of a second factor outlives its factor",
        "policies/factors.py",
        "bool(Authenticator.objects.filter(pk=found.factor, user=by).exists())",
        "True",
        ("tests/policies/test_factors.py::test_a_proof_ends_with_its_factor",),
    ),
    Fault(
        "a copied key is taken for the key",
        "portal/second_factor/keys.py",
        "(counter or known) and counter <= known",
        "counter < 0",
        (f"{FACTOR_KEYS}::test_a_counter_that_does_not_grow_is_refused_recorded_and_announced",),
    ),
    *GOVERNANCE,
)
