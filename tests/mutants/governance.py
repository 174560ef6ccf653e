"""The faults of windows, stops, budgets, signatures, bundles and access. Pure data, a part of faults.py."""

from tests.mutants.fault import Fault

WINDOWS = "tests/provisioning/test_windows.py"

GOVERNANCE = (
    Fault(
        "a claim does not look whether a window, a stop or a switch holds it",
        "provisioning/turns.py",
        "    AND NOT ({SHUT})\n",
        "",
        (f"{WINDOWS}::test_what_is_frozen_waits_and_says_so_and_the_rest_is_taken",),
    ),
    Fault(
        "nothing is held between two steps",
        "provisioning/runs/apply.py",
        "    closed = closures.held_midway(work.operation)\n",
        "    closed = None\n",
        (f"{WINDOWS}::test_a_running_operation_is_held_between_two_steps_and_goes_on_by_itself",),
    ),
    Fault(
        "an allowance beats a freeze",
        "policies/windows.py",
        "        return freezes\n    return",
        "        return [] if allows else freezes\n    return",
        ("tests/policies/test_windows.py::test_a_freeze_beats_an_allowance_and_outside_of_allowances_is_closed",),
    ),
    Fault(
        "read-only mode refuses nothing",
        "portal/read_only.py",
        "        if row is None:\n",
        "        if True:\n",
        ("tests/portal/api/test_windows.py::test_in_read_only_mode_a_caller_learns_who_why_and_until_when",),
    ),
    Fault(
        "what somebody queued by signing stays queued when they leave",
        "provisioning/actions/leaving.py",
        "    elif row.status == S.QUEUED and not standing.complete",
        "    elif row.status == S.FAILED and not standing.complete",
        (
            "tests/provisioning/test_leaving.py"
            "::test_what_was_queued_with_their_signature_waits_again_and_goes_on_with_another",
        ),
    ),
    Fault(
        "a large change passes unsigned in small parts",
        "provisioning/costs.py",
        "    grown = more + _unsigned(draft) if more > 0 else more\n",
        "    grown = more\n",
        (
            "tests/provisioning/test_budgets.py"
            "::test_a_change_in_ten_parts_is_not_small_and_what_came_to_nothing_or_was_signed_does_not_count",
        ),
    ),
    Fault(
        "the clock goes on in read-only mode",
        "policies/stops.py",
        "PAUSES_SCHEDULES = frozenset({SwitchName.SCHEDULES.value, SwitchName.READ_ONLY.value})\n",
        "PAUSES_SCHEDULES = frozenset({SwitchName.SCHEDULES.value})\n",
        (f"{WINDOWS}::test_nothing_ends_by_the_clock_while_schedules_are_paused",),
    ),
    Fault(
        "a changed window lasts as it did before",
        "policies/windowing.py",
        "    _put(row, _coming(row, now) if row.active else [])\n",
        "    if window is None:\n        _put(row, _coming(row, now) if row.active else [])\n",
        (
            "tests/policies/test_windows.py"
            "::test_what_a_changed_window_said_before_counts_no_more_nor_anything_out_of_force",
        ),
    ),
    Fault(
        "anybody ends anybody's delegation",
        "policies/delegations.py",
        "    denied = None if by.pk == delegation.to_id else _not_theirs(by, absence)\n",
        "    denied: Denied | None = None\n",
        (
            "tests/provisioning/test_delegation.py"
            "::test_a_delegation_is_ended_by_those_two_or_the_owner_of_its_one_team",
        ),
    ),
    Fault(
        "a replay looks back for ever",
        "policies/bundles/replay.py",
        "Decision.objects.filter(at__gte=since, point__in=DECIDING,",
        "Decision.objects.filter(point__in=DECIDING,",
        ("tests/policies/test_replay.py::test_a_replay_looks_back_as_far_as_asked_and_only_at_what_decided",),
    ),
    Fault(
        "what policy denies is made all the same",
        "provisioning/actions/request.py",
        "        denied = denied_by(checked.judgement.ruling)\n",
        "        denied = denied_by(checked.judgement.ruling)\n        _write(by, wanted, checked, key, digest)\n",
        ("tests/truth/test_truth.py::test_truth_each_case_ends_as_the_prose_says[0]",),
    ),
    Fault(
        "an access review leaves out grants for one service",
        "policies/access/reviews.py",
        "Q(team=team) | Q(service__team=team), effect",
        "Q(team=team), effect",
        (
            "tests/policies/test_access_life.py"
            "::test_a_review_asks_about_grants_for_one_service_but_not_about_what_is_over_or_denied",
        ),
    ),
)
