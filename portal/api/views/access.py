"""Who may do what, and why; grants, roles and memberships. Writing needs a token with the scope `access`."""

from rest_framework.request import Request
from rest_framework.response import Response

from policies.access import giving, why
from policies.models import CustomRole
from policies.permissions import Permission
from portal import people_near
from portal.api.asking import named
from portal.api.base import ApiView
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import access as shapes
from portal.api.serializers.things import PageQuery

ACCESS = "access"


class Why(ApiView):
    """One person's answer."""

    @described(
        "May somebody do something somewhere, and why",
        {200: shapes.ExplanationSerializer},
        parameters=[shapes.WhyOneQuery],
        problems=READS,
    )
    def get(self, request: Request) -> Response:
        asked = self.query(shapes.WhyOneQuery).validated_data
        person = named("user", people_near.person, self.user, asked["user"])
        where = named("scope", people_near.scope, self.user, asked["scope"])
        found = why.explain(person, Permission(asked["permission"]), where)
        return Response(shapes.ExplanationSerializer(found).data)


class Who(ApiView):
    """Everybody who may."""

    @described(
        "Who may do something somewhere, and why",
        {200: shapes.WhoSerializer},
        parameters=[shapes.WhyQuery],
        problems=READS,
    )
    def get(self, request: Request) -> Response:
        asked = self.query(shapes.WhyQuery).validated_data
        where = named("scope", people_near.scope, self.user, asked["scope"])
        return Response(shapes.WhoSerializer({"people": why.who(Permission(asked["permission"]), where)}).data)


class Grants(ApiView):
    """What is granted and denied beside roles."""

    scopes = {"POST": ACCESS}

    @listed("grants_list", "List grants and denials in force or to come", shapes.GrantSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(people_near.grants(self.user), shapes.GrantSerializer)

    @writes("Grant or deny a role or a right", shapes.GrantSerializer, takes=shapes.GrantAsk, scope=ACCESS, status=201)
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.GrantAsk)
        wanted = giving.Wanted(
            to=named("user", people_near.person, self.user, asked["user"]),
            where=named("scope", people_near.scope, self.user, asked["scope"]),
            matter=asked["what"],
            effect=asked["effect"],
            reason=asked["reason"],
            starts_at=asked.get("starts_at"),
            ends_at=asked.get("ends_at"),
        )
        return self.answer(giving.give(by=self.user, wanted=wanted), shapes.GrantSerializer, 201)


class GrantRevoke(ApiView):
    """The end of a grant."""

    scopes = {"POST": ACCESS}

    @writes("End a grant or a denial now", shapes.GrantSerializer, takes=shapes.WhyNotAsk, scope=ACCESS)
    def post(self, request: Request, pk: int) -> Response:
        asked, grant = self.asked(shapes.WhyNotAsk), people_near.grant(self.user, pk)
        return self.answer(giving.revoke(by=self.user, grant=grant, reason=asked["reason"]), shapes.GrantSerializer)


class Roles(ApiView):
    """Custom roles."""

    scopes = {"POST": ACCESS}

    @listed("roles_list", "List custom roles", shapes.CustomRoleSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(CustomRole.objects.all(), shapes.CustomRoleSerializer, ("slug", "pk"))

    @writes("Make or change a custom role", shapes.CustomRoleSerializer, takes=shapes.RoleAsk, scope=ACCESS)
    def post(self, request: Request) -> Response:
        return self.answer(giving.save_role(by=self.user, **self.asked(shapes.RoleAsk)), shapes.CustomRoleSerializer)


class Members(ApiView):
    """Roles in teams."""

    scopes = {"POST": ACCESS}

    @writes(
        "Give somebody a role in a team", shapes.MembershipSerializer, takes=shapes.MemberAsk, scope=ACCESS, status=201
    )
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.MemberAsk)
        user = named("user", people_near.person, self.user, asked["user"])
        team = named("team", people_near.team, self.user, asked["team"])
        made = giving.admit(by=self.user, user=user, team=team, role=asked["role"])
        return self.answer(made, shapes.MembershipSerializer, 201)


class MemberDetail(ApiView):
    """One role in one team."""

    scopes = {"DELETE": ACCESS}

    @writes("Take a role in a team away", None, scope=ACCESS, status=204)
    def delete(self, request: Request, pk: int) -> Response:
        answer = giving.dismiss(by=self.user, membership=people_near.membership(self.user, pk))
        return self.gone(answer)
