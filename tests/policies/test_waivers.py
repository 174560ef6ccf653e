"""What a waiver changes of a ruling, and everything that changes nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.context import context
from policies import waivers, waiving
from policies.bundle import Rule
from policies.models import Waiver
from tests.policies.waived import NOW, REFS, RULE, SOFT, asked, blocked, granted

pytestmark = pytest.mark.django_db
OTHER = "environment:6f1c1d0e-0000-4000-8000-000000000002"
SECOND = timedelta(seconds=1)


def test_row81_a_granted_waiver_lets_its_rule_pass_and_stays_visible(demo):
    waiver = granted(demo)
    ruling = waivers.applied(blocked(RULE), REFS, NOW + SECOND)
    (finding,) = ruling.findings
    assert ruling.allowed is True
    assert (finding.severity, finding.waiver, finding.message) == ("waived", waiver.pk, "It is too long.")
    assert (ruling.passed, ruling.bundle, ruling.input_digest) == (("env.owner",), "sha256:b", "sha256:i")


def test_another_rule_blocks_on(demo):
    granted(demo)
    ruling = waivers.applied(blocked(RULE, "env.owner"), REFS, NOW)
    assert ruling.allowed is False
    assert [(f.rule, f.severity) for f in ruling.findings] == [(RULE, "waived"), ("env.owner", "block")]


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "env.owner"},
        {"scope": OTHER, "label": "another environment"},
        {"scope": "team:reliability", "label": "Reliability"},
    ],
    ids="-".join,
)
def test_a_waiver_of_another_rule_object_or_team_never_changes_a_ruling(demo, changes):
    if "reliability" in changes.get("scope", ""):
        changes = {**changes, "team": demo.reliability, "owner": demo.tomasz}
        with context(by="system:test"):
            demo.reliability.memberships.create(user=demo.mara, role="developer")
    waiver = granted(demo, **changes)
    assert waiver.state == "granted"
    assert _same(waivers.applied(blocked(RULE), REFS, NOW))


def test_a_waiver_that_is_only_asked_for_changes_nothing(demo):
    asked(demo)
    assert _same(waivers.applied(blocked(RULE), REFS, NOW))


def test_a_refused_a_withdrawn_and_an_ended_waiver_change_nothing(demo):
    refused = waiving.refuse_waiver(by=demo.pia, waiver=asked(demo), reason="Suspend it instead.", now=NOW)
    withdrawn = waiving.withdraw(by=demo.mara, waiver=asked(demo), reason="Not needed.", now=NOW)
    ended = waiving.withdraw(by=demo.pia, waiver=granted(demo), reason="Done.", now=NOW)
    assert [row.state for row in (refused, withdrawn, ended)] == ["refused", "withdrawn", "ended"]
    assert _same(waivers.applied(blocked(RULE), REFS, NOW))


@pytest.mark.parametrize(("after", "severity"), [(-SECOND, "waived"), (timedelta(0), "block"), (SECOND, "block")])
def test_a_waiver_counts_until_the_second_of_its_expiry_and_no_longer(demo, after, severity):
    waiver = granted(demo)
    ruling = waivers.applied(blocked(RULE), REFS, waiver.expires_at + after)
    assert [finding.severity for finding in ruling.findings] == [severity]
    assert ruling.allowed is (severity == "waived")


def test_the_narrowest_waiver_is_named(demo):
    granted(demo, scope="team:payments", label="Payments")
    narrow = granted(demo, scope=REFS[0], label="payments-api-dev")
    granted(demo)
    assert waivers.applied(blocked(RULE), REFS, NOW).findings[0].waiver == narrow.pk


def test_a_warning_and_a_clean_ruling_are_left_as_they_are(demo, django_assert_num_queries):
    warned = replace(blocked(RULE, severity="warn"), allowed=True)
    with django_assert_num_queries(0):
        assert waivers.applied(warned, REFS, NOW) is warned


def test_a_failure_of_the_check_itself_is_never_waived(demo):
    with context(by="system:test"):
        Waiver.objects.create(
            **{"rule": "policy.engine", "scope": REFS[2], "label": "Payments", "team": demo.payments},
            **{"owner": demo.mara, "asked_by": demo.mara, "reason": "r", "asked_at": NOW},
            expires_at=NOW + timedelta(days=1),
        )
        Waiver.objects.update(state="granted", decided_by=demo.pia, decided_at=NOW, decision_reason="r")
    assert _same(waivers.applied(blocked("policy.engine"), REFS, NOW))


def test_a_rule_that_nobody_may_waive_any_more_blocks_in_spite_of_its_waiver(demo, monkeypatch):
    granted(demo)
    monkeypatch.setattr(waivers, "_rules", lambda: {RULE: Rule(RULE, "block", "t", "Nobody")})
    assert _same(waivers.applied(blocked(RULE), REFS, NOW))


def test_what_blocks_says_what_could_be_asked_and_of_whom(demo):
    request = f"request:{demo.mara.pk}:payments:{'a' * 64}"
    ruling = waivers.applied(blocked(RULE, SOFT, "env.name_label"), (request, *REFS), NOW)
    said = {finding.rule: (finding.ask, finding.owner) for finding in ruling.findings}
    assert said == {
        RULE: (REFS, "The platform team"),
        SOFT: ((request, *REFS), "The owners of the team"),
        "env.name_label": ((), ""),
    }


def test_row79_an_override_counts_for_its_request_and_then_for_its_one_operation(demo):
    request = f"request:{demo.mara.pk}:payments:{'a' * 64}"
    waiver = granted(demo, by="ines", rule=SOFT, scope=request, label="payments-x", days=7)
    ruling = waivers.applied(blocked(SOFT, severity="soft"), (request, *REFS), NOW)
    assert (ruling.allowed, ruling.findings[0].waiver) == (True, waiver.pk)
    with context(by="system:test"):
        waiving.use(ruling=ruling, operation="operation:1")
    again = waivers.applied(blocked(SOFT, severity="soft"), (request, *REFS), NOW)
    assert (again.allowed, again.findings[0].severity) == (False, "soft")
    assert waivers.applied(blocked(SOFT, severity="soft"), ("operation:1", request, *REFS), NOW).allowed is True
    assert waivers.applied(blocked(SOFT, severity="soft"), ("operation:2", request, *REFS), NOW).allowed is False


def test_an_override_does_not_follow_its_operation_to_another_request(demo):
    request, other = (f"request:{demo.mara.pk}:payments:{sign * 64}" for sign in "ab")
    granted(demo, by="ines", rule=SOFT, scope=request, label="payments-x", days=7)
    with context(by="system:test"):
        waiving.use(
            ruling=waivers.applied(blocked(SOFT, severity="soft"), (request, *REFS), NOW), operation="operation:1"
        )
    again = waivers.applied(blocked(SOFT, severity="soft"), ("operation:1", other, *REFS), NOW)
    assert (again.allowed, again.findings[0].waiver) == (False, None)
    assert again.findings[0].ask == (other, *REFS)


def test_an_override_never_lets_a_hard_rule_pass(demo, monkeypatch):
    request = f"request:{demo.mara.pk}:payments:{'a' * 64}"
    granted(demo, by="ines", rule=SOFT, scope=request, label="payments-x", days=7)
    monkeypatch.setattr(waivers, "_rules", lambda: {SOFT: Rule(SOFT, "block", "t", "The platform team")})
    assert waivers.applied(blocked(SOFT), (request, *REFS), NOW).allowed is False


RULES = st.sampled_from([RULE, "env.owner", "env.cost_centre", SOFT])
SCOPES = st.sampled_from([*REFS, OTHER, "service:ledger-api", "team:reliability"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=st.sets(RULES, min_size=1), rule=RULES, scope=SCOPES, days=st.integers(1, 180), at=st.integers(-1, 200))
def test_only_a_granted_living_waiver_of_this_rule_and_object_changes_a_ruling(demo, rules, rule, scope, days, at):
    with context(by="system:test"):
        row = Waiver.objects.create(
            **{"rule": rule, "scope": scope, "label": "x", "team": demo.payments, "owner": demo.mara},
            **{"asked_by": demo.mara, "reason": "r", "asked_at": NOW, "expires_at": NOW + timedelta(days=days)},
        )
        Waiver.objects.filter(pk=row.pk).update(
            state="granted", decided_by=demo.pia, decided_at=NOW, decision_reason="r"
        )
    ruling = waivers.applied(blocked(*sorted(rules)), REFS, NOW + timedelta(days=at))
    counts = rule in rules and scope in REFS and at < days
    assert {f.rule for f in ruling.findings if f.severity == "waived"} == ({rule} if counts else set())
    assert ruling.allowed is (counts and rules == {rule})
    with context(by="system:test"):
        Waiver.objects.filter(pk=row.pk).update(state="ended", ended_at=NOW)


def _same(ruling):
    """Nothing is waived and nothing let through."""
    return ruling.allowed is False and {finding.severity for finding in ruling.findings} == {"block"}
