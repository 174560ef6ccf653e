"""Comments: kept as written, heard only by people who may see the operation, refused by name otherwise."""

import pytest

from audit.models import AuditEvent, OutboxEvent
from policies.models import Comment
from policies.results import Denied
from provisioning.actions.comment import comment, mentioned
from tests.hostile import refused_once, sqlstate
from tests.provisioning.engine import drain, requested
from tests.provisioning.test_tampering import written

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(demo):
    return written(demo, "awaiting_approval")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@jonas look", ["jonas"]),
        ("(@jonas, @ines.moreau.)", ["jonas", "ines.moreau"]),
        ("@jonas and @jonas", ["jonas"]),
        ("mail ops@example.com or a@b", []),
        ("kv/@path //@host", []),
        ("@ alone", []),
    ],
)
def test_a_mention_is_a_username_after_an_at_sign(text, names):
    assert mentioned(text) == names


def test_a_comment_is_kept_and_whom_it_mentions_is_told(demo, waiting):
    said = comment(by=demo.mara, operation=waiting, text=" @jonas rehearsed in stage ")
    assert isinstance(said, Comment)
    assert (said.subject, said.author, said.text, said.mentions) == (
        waiting.ref,
        demo.mara,
        "@jonas rehearsed in stage",
        ["jonas"],
    )
    told = OutboxEvent.objects.get()
    assert (told.topic, told.object) == ("comment.mentioned", waiting.ref)
    assert told.payload == {"comment": said.pk, "mentions": ["jonas"], "by": "mara"}
    assert AuditEvent.objects.filter(event="operation.commented", object=waiting.ref).count() == 1


def test_a_comment_without_mentions_tells_nobody(demo, waiting):
    assert isinstance(comment(by=demo.vera, operation=waiting, text="Good."), Comment)
    assert not OutboxEvent.objects.exists()


def test_a_signer_of_another_team_who_is_asked_may_be_mentioned(demo):
    operation = requested(demo, name="payments-api-prod", tier="prod")
    drain()
    assert isinstance(comment(by=demo.mara, operation=operation, text="@tomasz?"), Comment)


@pytest.mark.parametrize("name", ["olaf", "nobody"])
def test_who_may_not_see_it_is_named_and_nothing_is_written(demo, waiting, name):
    denied = refused_once(lambda: comment(by=demo.mara, operation=waiting, text=f"@jonas @{name} look"))
    assert (denied.rule, denied.status) == ("comment.mention", 422)
    assert denied.reason.startswith(f"@{name} cannot see {waiting.short_id}")


def test_who_may_not_see_it_may_not_comment(demo, waiting):
    assert refused_once(lambda: comment(by=demo.olaf, operation=waiting, text="Hello")).rule == "comment.visible"


@pytest.mark.parametrize("text", ["", " \n", "x" * 2001, "a\x00", " ".join(f"@p{n}" for n in range(11))])
def test_what_cannot_be_kept_is_refused(demo, waiting, text):
    denied = comment(by=demo.mara, operation=waiting, text=text)
    assert isinstance(denied, Denied)
    assert (denied.status, Comment.objects.count()) == (422, 0)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM policies_comment", "TRUNCATE policies_comment", "UPDATE policies_comment SET text = 'other'"],
)
def test_raw_sql_changes_no_comment(demo, waiting, statement):
    comment(by=demo.mara, operation=waiting, text="Said.")
    assert sqlstate(statement) == "42501"
