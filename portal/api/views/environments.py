"""Environments, their lifetime and their secrets."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.models import User
from policies.results import Denied
from portal import loaders
from portal.api import reads
from portal.api.base import ApiView
from portal.api.etags import check_if_match, etag_of, tagged
from portal.api.problems import problem
from portal.api.schema import IF_MATCH, IF_NONE_MATCH, READS, WRITES, described, listed
from portal.api.serializers import environments as shapes
from provisioning.actions.control import end_lifetime, extend
from provisioning.actions.secrets import authorise_reveal, read_once
from provisioning.models import Environment


def detail_of(environment: Environment) -> dict[str, object]:
    """An environment as it is shown."""
    return dict(shapes.EnvironmentDetailSerializer(environment).data)


def _answer(user: User, result: Environment | Denied) -> Response:
    """What a change of a lifetime came to: the environment with its new tag, or why not."""
    if isinstance(result, Denied):
        return problem(result)
    shown = detail_of(loaders.environment(user, result.pk))
    return Response(shown, headers={"ETag": etag_of(shown)})


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
        return tagged(request, detail_of(loaders.environment(self.user, pk)))


class Extend(ApiView):
    """A longer life."""

    @described(
        "Extend the lifetime, within its maximum",
        {200: shapes.EnvironmentDetailSerializer},
        scope="operate",
        takes=shapes.ExtendAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked, environment = self.asked(shapes.ExtendAsk), loaders.environment(self.user, pk)
        check_if_match(request, detail_of(environment))
        return _answer(self.user, extend(by=self.user, environment=environment, hours=asked["hours"]))


class Lifetime(ApiView):
    """An end that is chosen."""

    @described(
        "Let the lifetime end at a chosen moment, within its maximum",
        {200: shapes.EnvironmentDetailSerializer},
        scope="operate",
        takes=shapes.LifetimeAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked, environment = self.asked(shapes.LifetimeAsk), loaders.environment(self.user, pk)
        check_if_match(request, detail_of(environment))
        return _answer(self.user, end_lifetime(by=self.user, environment=environment, at=asked["expires_at"]))


class Secrets(ApiView):
    """Where the secrets are."""

    @described("Paths, versions and ages; never values", {200: shapes.SecretSerializer(many=True)}, problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        rows = reads.secrets(loaders.environment(self.user, pk))
        return Response(shapes.SecretSerializer(rows, many=True).data)


class Reveal(ApiView):
    """The values of one secret."""

    @described(
        "Reveal a secret's values; the reason is recorded first",
        {200: shapes.RevealedSerializer},
        scope="operate",
        takes=shapes.RevealAsk,
        parameters=[IF_MATCH],
        problems=(*WRITES, 412, 503),
    )
    def post(self, request: Request, pk: UUID, name: str) -> Response:
        asked, environment = self.asked(shapes.RevealAsk), loaders.environment(self.user, pk)
        check_if_match(request, detail_of(environment))
        grant = authorise_reveal(by=self.user, environment=environment, name=name, reason=asked["reason"])
        values = grant if isinstance(grant, Denied) else read_once(grant)
        if isinstance(grant, Denied) or isinstance(values, Denied):
            return problem(values)  # type: ignore[arg-type]
        shown = {key: value.reveal() for key, value in values.items()}
        headers = {"Cache-Control": "no-store"}
        return Response({"path": grant.path, "version": grant.version, "values": shown}, headers=headers)
