"""Services, teams, templates, releases, pipelines and the inbox."""

from rest_framework.request import Request
from rest_framework.response import Response

from catalog import selectors as catalog
from delivery.actions import register_release
from delivery.selectors import pipelines
from portal import loaders
from portal.api import reads
from portal.api.asking import named
from portal.api.base import ApiView
from portal.api.schema import READS, WRITES, described, listed
from portal.api.serializers import things as shapes


class Services(ApiView):
    """What teams own."""

    @listed("services_list", "List services", shapes.ServiceSerializer, shapes.ServiceQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.ServiceQuery).validated_data
        return self.page(reads.services(self.user, wanted), shapes.ServiceSerializer, ("slug", "pk"))


class Teams(ApiView):
    """Who owns things."""

    @listed("teams_list", "List teams", shapes.TeamSerializer, shapes.PageQuery)
    def get(self, request: Request) -> Response:
        self.query(shapes.PageQuery)
        return self.page(reads.teams(self.user), shapes.TeamSerializer, ("slug", "pk"))


class TeamDetail(ApiView):
    """One team."""

    @described("One team: quota and members", {200: shapes.TeamDetailSerializer}, problems=READS)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(loaders.team(self.user, slug), shapes.TeamDetailSerializer)


class Templates(ApiView):
    """What can be ordered."""

    @listed("templates_list", "List templates", shapes.TemplateSerializer, shapes.PageQuery)
    def get(self, request: Request) -> Response:
        self.query(shapes.PageQuery)
        return self.page(catalog.orderable(), shapes.TemplateSerializer, ("slug", "pk"))


class TemplateDetail(ApiView):
    """One template."""

    @described("One template with its parameters", {200: shapes.TemplateDetailSerializer}, problems=READS)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(loaders.template(self.user, slug), shapes.TemplateDetailSerializer)


class TemplateVersions(ApiView):
    """Every version."""

    @listed("template_versions_list", "Versions, newest first", shapes.TemplateVersionSerializer, shapes.PageQuery)
    def get(self, request: Request, slug: str) -> Response:
        self.query(shapes.PageQuery)
        rows = catalog.versions_of(loaders.template(self.user, slug))
        return self.page(rows, shapes.TemplateVersionSerializer)


class Releases(ApiView):
    """Immutable artifacts."""

    @listed("releases_list", "List releases", shapes.ReleaseSerializer, shapes.ReleaseQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.ReleaseQuery).validated_data
        return self.page(reads.releases(self.user, wanted), shapes.ReleaseSerializer)

    @described(
        "Register a release; the same again answers the same release",
        {200: shapes.ReleaseSerializer, 201: shapes.ReleaseSerializer},
        scope="operate",
        takes=shapes.ReleaseAsk,
        problems=WRITES,
    )
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.ReleaseAsk)
        service = named("service", loaders.service, self.user, asked.pop("service"))
        known = reads.has_release(service, asked["version"])
        result = register_release(by=self.user, service=service, **asked)
        return self.answer(result, shapes.ReleaseSerializer, 200 if known else 201)


class PipelineDetail(ApiView):
    """Where a service's releases run."""

    @described("A service's stages and gates", {200: shapes.PipelineSerializer}, problems=READS)
    def get(self, request: Request, slug: str) -> Response:
        (found,) = pipelines([loaders.service(self.user, slug)])
        return Response(shapes.PipelineSerializer(found).data)
