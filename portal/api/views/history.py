"""The history: pages by cursor, and the caller's own selection as a file."""

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from audit import selectors as audit
from policies.results import Denied
from portal import loaders
from portal.api import exports
from portal.api.base import ApiView
from portal.api.paging import bad_cursor, page_size
from portal.api.problems import problem
from portal.api.schema import READS, TEXT, described
from portal.api.serializers import history as shapes


class History(ApiView):
    """What happened."""

    scopes = {"GET": "history"}

    @described(
        "History, newest first",
        {200: shapes.HistoryPageSerializer},
        scope="history",
        parameters=[shapes.HistoryQuery],
        problems=READS,
    )
    def get(self, request: Request) -> Response:
        query = self.query(shapes.HistoryQuery)
        events = audit.filtered(loaders.history(self.user), query.filters())
        after, size = query.validated_data.get("cursor", ""), page_size(request)
        try:
            page = audit.page(events, after=after, size=size)
        except audit.BadCursorError as error:
            raise bad_cursor() from error
        following = exports.next_address(request, page.next)
        shown = {"next": following, "previous": None, "results": page.rows}
        return Response(shapes.HistoryPageSerializer(shown).data)


class HistoryExport(ApiView):
    """The same selection as a file."""

    scopes = {"GET": "history"}

    @described(
        "Export the selection as CSV or JSON Lines",
        {(200, "text/csv"): TEXT, (200, "application/x-ndjson"): TEXT},
        scope="history",
        parameters=[shapes.ExportQuery],
        problems=READS,
    )
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        query = self.query(shapes.ExportQuery)
        export = exports.export(by=self.user, form=query.validated_data["format"], filters=query.filters())
        if isinstance(export, Denied):
            return problem(export)
        headers = {"Content-Disposition": f'attachment; filename="{export.name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(export.chunks, content_type=export.content_type, headers=headers)
