"""Where people review, a change waits on a branch of its own until it is merged."""

from dataclasses import replace

import pytest

from provisioning.drivers.base import DriverRejected, DriverUnavailable, LeaseLost
from provisioning.drivers.gitops import watching
from tests.gitops.hands import commit_of
from tests.gitops.world import key

FOLDER = "environments/dev/shop"
BRANCH = "berth/op-1"


def offered(world, spec=None):
    """A creation that was pushed for review, and its merge step."""
    commit, push, merge = world.steps(spec or world.spec(), "create").values()
    commit.apply(key("op-1"), world.lines.append)
    push.apply(key("op-1"), world.lines.append)
    return push, merge


def branches(world):
    return world.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()


def merge_by_hand(world):
    """As a provider does: a merge commit, and the branch removed."""
    tree = world.git("rev-parse", f"{BRANCH}^{{tree}}")
    base = world.git("rev-parse", "main")
    world.git("update-ref", "refs/heads/main", commit_of(world.remote, tree, base, world.git("rev-parse", BRANCH)))


def squash_by_hand(world):
    """As a provider does: one commit without our trailers."""
    tree = world.git("rev-parse", f"{BRANCH}^{{tree}}")
    world.git("update-ref", "refs/heads/main", commit_of(world.remote, tree, world.git("rev-parse", "main")))


def test_a_change_is_pushed_to_a_branch_and_main_stays(reviewed):
    push, _ = offered(reviewed)
    assert branches(reviewed) == [BRANCH, "main"]
    assert reviewed.commits() == ["Begin"]
    assert reviewed.commits(BRANCH) == ["Create shop in dev", "Begin"]
    assert reviewed.verified(BRANCH)
    assert not push.done(reviewed.driver.observe(reviewed.spec()))


@pytest.mark.parametrize("merging", [merge_by_hand, squash_by_hand])
def test_a_merge_is_seen_and_the_branch_removed(reviewed, merging):
    _, merge = offered(reviewed)
    merging(reviewed)
    assert merge.apply(key("op-1"), reviewed.lines.append) == {"commit": reviewed.git("rev-parse", "main")}
    assert branches(reviewed) == ["main"]
    assert reviewed.plan(reviewed.spec(), "create").changes == ()


def test_a_worker_that_died_after_the_push_does_not_push_again(reviewed):
    push, _ = offered(reviewed)
    pushed = reviewed.git("rev-parse", BRANCH)
    push.apply(key("op-1"), reviewed.lines.append)
    assert reviewed.git("rev-parse", BRANCH) == pushed


def test_nobody_merging_is_told_and_undone(reviewed):
    push, merge = offered(reviewed)
    with pytest.raises(DriverRejected, match="Nobody merged berth/op-1 into main within 1 s"):
        merge.apply(key("op-1"), reviewed.lines.append)
    push.undo(key("op-1"), reviewed.lines.append)
    assert branches(reviewed) == ["main"]
    assert reviewed.commits() == ["Begin"]


def test_a_branch_removed_without_a_merge_is_a_no(reviewed):
    _, merge = offered(reviewed)
    reviewed.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    with pytest.raises(DriverRejected, match="berth/op-1 was removed without a merge into main"):
        merge.apply(key("op-1"), reviewed.lines.append)


def test_somebody_who_cancels_does_not_wait_for_the_merge(reviewed):
    _, merge = offered(reviewed)
    with pytest.raises(DriverUnavailable, match="asked to cancel"):
        merge.apply(replace(key("op-1"), stopping=lambda: True), reviewed.lines.append)


def test_a_worker_without_its_lease_stops_waiting(reviewed, monkeypatch):
    def lost():
        raise LeaseLost("lost")

    _, merge = offered(reviewed)
    monkeypatch.setattr(watching, "LEASE_EVERY_S", 0)
    with pytest.raises(LeaseLost):
        merge.apply(key("op-1", guard=lost), reviewed.lines.append)
    assert branches(reviewed) == [BRANCH, "main"]


def test_what_people_merged_is_left_to_people_when_it_is_undone(reviewed):
    push, _ = offered(reviewed)
    merge_by_hand(reviewed)
    with pytest.raises(DriverRejected, match=f"{FOLDER} was merged into main; revert it there by review"):
        push.undo(key("op-1"), reviewed.lines.append)
    assert branches(reviewed) == ["main"]


def test_a_branch_that_no_operation_waits_for_is_seen_and_removed(reviewed):
    offered(reviewed)
    assert reviewed.driver.observe(reviewed.spec("another")) == {}
    (change,) = reviewed.plan(reviewed.spec(), "destroy").changes
    assert (change.address, change.action) == ("branch:berth/op-1", "destroy")
    reviewed.carry_out(reviewed.spec(), "destroy")
    assert (branches(reviewed), reviewed.commits()) == (["main"], ["Begin"])
