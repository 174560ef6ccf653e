"""Say something about an operation. Whoever may see it may; whom it speaks to must be able to see it too."""

import re

from audit.context import context
from audit.record import emit, record
from policies.decisions import refuse
from policies.models import Comment, User
from policies.models.comments import LONGEST
from policies.results import Denied
from provisioning.actions.storable import storable, unstorable
from provisioning.models import Operation
from provisioning.selectors import operations_visible_to

MOST_MENTIONS = 10
MENTION = re.compile(r"(?<![\w@./+-])@(\w[\w.+-]*)")


def mentioned(text: str) -> list[str]:
    """The usernames that a text speaks to, each once, in order; addresses of mail are none."""
    return list(dict.fromkeys(name.rstrip(".+-") for name in MENTION.findall(text)))


def comment(*, by: User, operation: Operation, text: str) -> Comment | Denied:
    """Keep a comment and tell whom it mentions."""
    names = mentioned(text)
    wrong = _wrong(text, names)
    if wrong is not None:
        return wrong
    denied = _not_heard(by, operation, names)
    if denied is not None:
        return refuse(denied, by=by, subject=operation.ref, kind="comment", team=operation.team)
    with context(by=by, operation=operation.ref):
        said = Comment.objects.create(
            subject=operation.ref, team=operation.team, author=by, text=text.strip(), mentions=names
        )
        data = {"comment": said.pk, "mentions": names}
        record("operation.commented", object=operation.ref, scope=f"team:{operation.team_id}", data=data)
        if names:
            emit("comment.mentioned", payload={**data, "by": by.username}, object=operation.ref)
    return said


def _wrong(text: str, names: list[str]) -> Denied | None:
    if not storable(text):
        return unstorable("text")
    if not text.strip():
        return Denied("comment.text", "text", "A comment needs words.", "Write something.", status=422)
    if len(text) > LONGEST:
        return Denied("comment.text", "text", f"At most {LONGEST} characters.", "Say it shorter.", status=422)
    if len(names) > MOST_MENTIONS:
        return Denied("comment.mentions", "text", f"At most {MOST_MENTIONS} people.", "Name fewer.", status=422)
    return None


def _not_heard(by: User, operation: Operation, names: list[str]) -> Denied | None:
    """Who of those may not see it? Nobody learns whether a name exists elsewhere."""
    if not _sees(by, operation):
        reason = "You may not see this operation."
        return Denied("comment.visible", "operation", reason, "Ask its team.", status=403)
    people = {user.username: user for user in User.objects.filter(username__in=names, is_active=True)}
    deaf = [name for name in names if name not in people or not _sees(people[name], operation)]
    if not deaf:
        return None
    listed = ", ".join(f"@{name}" for name in deaf)
    return Denied(
        rule="comment.mention",
        field="text",
        reason=f"{listed} cannot see {operation.short_id}, so nobody was told and nothing was written.",
        fix="Write the name without @, or name somebody who may see it.",
        status=422,
    )


def _sees(user: User, operation: Operation) -> bool:
    return operations_visible_to(user).filter(pk=operation.pk).exists()
