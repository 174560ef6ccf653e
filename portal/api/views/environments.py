"""Environments, their lifetime and their secrets."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api import reads
from portal.api.base import ApiView
from portal.api.etags import tagged
from portal.api.problems import problem
from portal.api.schema import IF_NONE_MATCH, READS, changes, described, listed
from portal.api.serializers import environments as shapes
from portal.api.views.changing import EnvironmentChange, environment_shown
from provisioning.actions.control import end_lifetime, extend
from provisioning.actions.secrets import authorise_reveal, read_once


class Environments(ApiView):
    """All of them that the caller may see."""

    @listed("environments_list", "List environments", shapes.EnvironmentSerializer, shapes.EnvironmentQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.EnvironmentQuery).validated_data
        return self.page(reads.environments(self.user, wanted), shapes.EnvironmentSerializer, ("name", "pk"))


class EnvironmentDetail(ApiView):
    """One environment."""

    @described(
        "One environment",
        {200: shapes.EnvironmentDetailSerializer, 304: None},
        parameters=[IF_NONE_MATCH],
        problems=READS,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return tagged(request, environment_shown(loaders.environment(self.user, pk)))


class Extend(EnvironmentChange):
    """A longer life."""

    @changes("Extend the lifetime, within its maximum", shapes.EnvironmentDetailSerializer, takes=shapes.ExtendAsk)
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.ExtendAsk)
        return self.changed(extend(by=self.user, environment=self.as_read(pk), hours=asked["hours"]))


class Lifetime(EnvironmentChange):
    """An end that is chosen."""

    @changes(
        "Let the lifetime end at a chosen moment, within its maximum",
        shapes.EnvironmentDetailSerializer,
        takes=shapes.LifetimeAsk,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.LifetimeAsk)
        return self.changed(end_lifetime(by=self.user, environment=self.as_read(pk), at=asked["expires_at"]))


class Secrets(ApiView):
    """Where the secrets are."""

    @described("Paths, versions and ages; never values", {200: shapes.SecretSerializer(many=True)}, problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        rows = reads.secrets(loaders.environment(self.user, pk))
        return Response(shapes.SecretSerializer(rows, many=True).data)


class Reveal(EnvironmentChange):
    """The values of one secret."""

    @changes(
        "Reveal a secret's values; the reason is recorded first",
        shapes.RevealedSerializer,
        takes=shapes.RevealAsk,
        problems=(503,),
    )
    def post(self, request: Request, pk: UUID, name: str) -> Response:
        asked, environment = self.asked(shapes.RevealAsk), self.as_read(pk)
        grant = authorise_reveal(by=self.user, environment=environment, name=name, reason=asked["reason"])
        values = grant if isinstance(grant, Denied) else read_once(grant)
        if isinstance(grant, Denied) or isinstance(values, Denied):
            return problem(values)  # type: ignore[arg-type]
        shown = {key: value.reveal() for key, value in values.items()}
        headers = {"Cache-Control": "no-store"}
        return Response({"path": grant.path, "version": grant.version, "values": shown}, headers=headers)
