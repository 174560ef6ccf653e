"""What waits, riskiest first, and like plans signed in one call."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.reads import OPERATION
from portal.api.schema import listed, writes
from portal.api.serializers import talk as shapes
from provisioning import inbox
from provisioning.actions.bulk import Seen, approve_alike
from provisioning.selectors import operations_visible_to


class Inbox(ApiView):
    """What waits for the caller, for others, or of what the caller asked."""

    @listed("inbox_list", "What waits for signatures, riskiest first", shapes.InboxSerializer, shapes.InboxQuery)
    def get(self, request: Request) -> Response:
        asked = self.query(shapes.InboxQuery).validated_data
        source = {"mine": inbox.to_sign, "others": inbox.of_others, "asked": inbox.asked_by}[asked["scope"]]
        names = {"tier": "tier", "kind": "kind", "team": "team__slug"}
        rows = source(self.user).filter(**{field: asked[name] for name, field in names.items() if name in asked})
        return self.page(rows.select_related(*OPERATION), shapes.InboxSerializer, inbox.ORDER)


class ApproveAlike(ApiView):
    """Sign like plans."""

    scopes = {"POST": "approve"}

    @writes(
        "Sign plans that make the same change, each under its own digest; the rest is left out and said",
        shapes.OutcomeSerializer(many=True),
        takes=shapes.AlikeAsk,
        scope="approve",
    )
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.AlikeAsk)
        digests = {each["operation"]: each["digest"] for each in asked["plans"]}
        visible = operations_visible_to(self.user).filter(pk__in=digests)
        rows = {row.pk: row for row in visible.select_related("environment__template_version", "requester", "team")}
        seen = [Seen(rows[pk], digest) for pk, digest in digests.items() if pk in rows]
        answer = approve_alike(by=self.user, plans=seen, reason=asked["reason"])
        if isinstance(answer, Denied):
            return problem(answer)
        return Response(shapes.OutcomeSerializer(answer, many=True).data)
