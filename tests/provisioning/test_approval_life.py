"""The life of an approval under random acts: whatever people do, nothing runs with fewer signatures than were asked.

The invariants are counted here from the rows alone, without the product's own counting.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from audit.context import context
from policies.delegations import Absence, delegate
from policies.models import ApprovalRule, BrokenGlass, Decision, Membership, RuleStep, Signature
from provisioning.actions.break_glass import break_glass, review
from provisioning.actions.control import cancel
from provisioning.actions.edit import edit
from provisioning.actions.sign import approve, reject
from provisioning.models import Environment, Operation
from provisioning.runs import asking, worker
from tests import noop, people
from tests.provisioning.engine import requested
from tests.provisioning.signed import RELIABILITY, ruled
from tests.second_factors import proved

TWO = {"quorum": 2, "owning_least": 1, "teams": ["reliability"], "editable": ["size"]}
RULES = [
    [TWO],
    [{"name": "Owning", "owning_least": 1, "editable": ["size"]}, {**RELIABILITY, "position": 2}],
    [{"name": "Owning", "owning_least": 1}, {**RELIABILITY, "quorum": 2}],
    [{**TWO, "groups": ["reliability"], "quorum": 3}],
]
WAITS = "awaiting_approval"
SIGNERS = st.sampled_from(["jonas", "ines", "tomasz", "nadia", "olaf", "mara", "vera"])
APPROVERS = st.sampled_from(["jonas", "ines", "tomasz", "nadia"])


class Life(RuleBasedStateMachine):
    """One creation in prod after another, signed, changed and stopped by a few people."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        noop.reset()
        noop.HOOKS["before"] = self.began
        self.demo = people.make()
        with context(by="system:test"):
            self.demo.nadia = people.user("nadia")
            Membership.objects.create(team=self.demo.reliability, user=self.demo.nadia, role="approver")
        self.wrong: list[str] = []
        self.kept: dict[str, dict[int, tuple]] = {}
        self.number, self.operation, self.ran = 0, None, 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def person(self, name: str):
        return getattr(self.demo, name)

    def fresh(self) -> Operation:
        return Operation.objects.get(pk=self.operation)

    def in_state(self, *states: str) -> bool:
        return self.operation is not None and self.fresh().status in states

    # What runs is counted when its first write begins, by the rules and rights of that moment.
    def began(self, change, key) -> None:
        operation = self.fresh()
        self.ran += 1
        glass = BrokenGlass.objects.filter(subject=operation.ref, digest=operation.change_digest).exists()
        if glass:
            return
        rows = Signature.objects.filter(
            subject=operation.ref, digest=operation.change_digest, voided_at=None, verdict="approve"
        )
        for step in RuleStep.objects.filter(rule__active=True):
            teams = {"payments"} if step.owning else set()
            given = [r for r in rows if r.step == f"{step.position}:{step.name}"]
            able = [r for r in given if self.holds(r, teams | set(step.teams))]
            owning = [r for r in given if self.holds(r, {"payments"})]
            missing = {team for team in step.groups if not any(self.holds(r, {team}) for r in given)}
            if len(able) < step.quorum or len(owning) < step.owning_least or missing:
                self.wrong.append(f"{operation} ran with {len(able)} of {step.quorum}, {len(owning)} owning, {missing}")
        if operation.edited_by and all(row.signer_id in operation.edited_by for row in rows):
            self.wrong.append(f"{operation} ran with signatures of its editors only")

    def holds(self, row: Signature, teams: set[str]) -> bool:
        right = row.on_behalf_of or row.signer
        held = Membership.objects.filter(user=right, team__slug__in=teams, role__in=["approver", "owner"])
        return right.is_active and row.signer.is_active and held.exists()

    @initialize(steps=st.sampled_from(RULES), escalates=st.booleans())
    def begin(self, steps, escalates) -> None:
        more = {"on_expiry": "escalate", "escalate_people": ["olaf"]} if escalates else {}
        ruled(*steps, **more)

    @precondition(lambda self: self.operation is None or self.fresh().finished_at is not None)
    @rule(by=st.sampled_from(["mara", "ines"]))
    def ask(self, by) -> None:
        self.number += 1
        asked = {"name": f"payments-{self.number}", "tier": "prod", "parameters": {"size": "L"}}
        self.operation = requested(self.demo, by=self.person(by), **asked).pk
        assert worker.work()

    @precondition(lambda self: self.in_state("requested", "queued"))
    @rule()
    def work(self) -> None:
        worker.work()

    @precondition(lambda self: self.in_state(WAITS, "queued"))
    @rule(who=SIGNERS, stale=st.booleans())
    def sign(self, who, stale) -> None:
        digest = "sha256:0" if stale and self.number % 3 == 0 else self.fresh().change_digest
        approve(by=self.person(who), operation=self.fresh(), digest=digest)

    @precondition(lambda self: self.in_state(WAITS))
    @rule(first=APPROVERS, second=APPROVERS, third=APPROVERS)
    def sign_together(self, first, second, third) -> None:
        for who in (first, second, third):
            approve(by=self.person(who), operation=self.fresh(), digest=self.fresh().change_digest)

    @precondition(lambda self: self.in_state(WAITS) and self.number % 2 == 0)
    @rule(who=SIGNERS)
    def refuse(self, who) -> None:
        operation = self.fresh()
        reject(by=self.person(who), operation=operation, digest=operation.change_digest, reason="No")

    @precondition(lambda self: self.in_state(WAITS))
    @rule(who=SIGNERS, size=st.sampled_from(["S", "M", "L"]))
    def change(self, who, size) -> None:
        operation, wanted = self.fresh(), {"size": size}
        edit(by=self.person(who), operation=operation, digest=operation.change_digest, parameters=wanted, reason="")
        worker.work()

    @rule(of=APPROVERS, to=SIGNERS)
    def leave(self, of, to) -> None:
        now = timezone.now()
        until = now + timedelta(days=2)
        absence = Absence(self.person(of), self.person(to), now - timedelta(hours=1), until, "Away")
        delegate(by=absence.of, absence=absence)

    @precondition(lambda self: self.in_state(WAITS))
    @rule()
    def expire(self) -> None:
        asking.sweep(timezone.now() + timedelta(hours=73))

    @precondition(lambda self: self.in_state(WAITS, "queued"))
    @rule()
    def differ(self) -> None:
        """The next plan is another one."""
        with context(by="system:test"):
            rows = Environment.objects.filter(pk=self.fresh().environment_id)
            rows.update(rate_running=rows.get().rate_running + 1)

    @precondition(lambda self: self.in_state(WAITS, "queued"))
    @rule(who=APPROVERS)
    def lose(self, who) -> None:
        with context(by="system:test"):
            Membership.objects.filter(user=self.person(who)).delete()

    @rule(who=st.sampled_from(["jonas", "tomasz", "nadia"]))
    def gain(self, who) -> None:
        team = self.demo.payments if who == "jonas" else self.demo.reliability
        with context(by="system:test"):
            Membership.objects.get_or_create(team=team, user=self.person(who), role="approver")

    @rule(more=st.booleans())
    def other_rule(self, more) -> None:
        with context(by="system:test"):
            for step in RuleStep.objects.filter(rule__in=ApprovalRule.objects.filter(active=True)):
                least = 2 if step.name == "Approval" else 1
                RuleStep.objects.filter(pk=step.pk).update(quorum=min(3, step.quorum + 1) if more else least)

    @precondition(lambda self: self.in_state(WAITS, "queued") and self.number % 2 == 1)
    @rule()
    def stop(self) -> None:
        cancel(by=self.person("mara"), operation=self.fresh())

    @precondition(lambda self: self.in_state(WAITS))
    @rule(who=st.sampled_from(["ines", "jonas", "mara"]), late=st.booleans())
    def break_it(self, who, late) -> None:
        operation, by = self.fresh(), self.person(who)
        with proved(by):
            break_glass(by=by, operation=operation, digest=operation.change_digest, reason="Down")
        if late:
            asking.sweep(timezone.now() + timedelta(minutes=16))
        for glass in BrokenGlass.objects.filter(reviewed_at=None):
            for name in ("ines", "mara", "jonas"):
                review(by=self.person(name), glass=glass, text="Seen")

    @invariant()
    def nothing_ran_with_fewer_signatures_than_the_rule_asked(self) -> None:
        assert self.wrong == []

    @invariant()
    def no_signature_of_a_requester_and_no_second_of_one_person(self) -> None:
        for row in Signature.objects.select_related("requester"):
            asked = Operation.objects.get(pk=row.subject.removeprefix("operation:"))
            assert asked.requester_id not in (row.signer_id, row.on_behalf_of_id)
            assert row.requester_id == asked.requester_id
        standing = Signature.objects.filter(voided_at=None)
        signers = list(standing.values_list("subject", "signer"))
        rights = [(row.subject, row.on_behalf_of_id or row.signer_id) for row in standing]
        assert len(signers) == len(set(signers))
        assert len(rights) == len(set(rights))

    @invariant()
    def no_emergency_is_reviewed_by_who_made_it(self) -> None:
        for row in BrokenGlass.objects.exclude(reviewed_at=None):
            assert row.reviewer_id not in (row.breaker_id, row.requester_id)

    @invariant()
    def no_decision_ever_disappears_or_changes(self) -> None:
        fields = {
            Signature: ("subject", "digest", "signer_id", "verdict", "step", "reason", "on_behalf_of_id"),
            Decision: ("subject", "point", "allowed", "bundle"),
            BrokenGlass: ("subject", "digest", "breaker_id", "reason"),
        }
        for model, names in fields.items():
            now = {row[0]: row[1:] for row in model.objects.values_list("pk", *names)}
            before = self.kept.get(model.__name__, {})
            assert {pk: now.get(pk) for pk in before} == before
            self.kept[model.__name__] = now


@pytest.mark.django_db
def test_c2_the_life_of_an_approval_keeps_its_promises(settings):
    settings.BERTH = replace(settings.BERTH, lease_seconds=3600)
    quick = machine_settings()
    run_state_machine_as_test(Life, settings=quick)


def machine_settings() -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    return settings(max_examples=20, stateful_step_count=18, deadline=None, suppress_health_check=slow, database=None)
