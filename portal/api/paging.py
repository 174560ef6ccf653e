"""Cursor pages: stable under inserts, no counting, at most 200 rows."""

from base64 import b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework import pagination
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from portal.api.problems import BadInput

if TYPE_CHECKING:
    from rest_framework.views import APIView

LARGEST_PAGE = 200
FIX = "Follow next or previous of an earlier answer, or leave the cursor out."


class Cursor(pagination.CursorPagination):
    """`?cursor=…&page_size=…`; a view names its ordering."""

    page_size = 50
    max_page_size = LARGEST_PAGE
    page_size_query_param = "page_size"
    ordering: Any = ("-created_at", "-pk")
    # Many plans are of equal risk, and the cursor counts through equals.
    offset_cutoff = 10_000

    def decode_cursor(self, request: Request) -> Any:
        encoded = request.query_params.get(self.cursor_query_param)
        if encoded is None:
            return None
        _check_size(encoded)
        try:
            values = parse_qs(b64decode(encoded.encode("ascii")).decode("ascii"), keep_blank_values=True)
            position = values.get("p", [None])[0]
        except ValueError as error:
            raise bad_cursor() from error
        if position is not None and not self._is_position(position):
            raise bad_cursor()
        try:
            return super().decode_cursor(request)
        except NotFound as error:
            raise bad_cursor() from error

    def _is_position(self, text: str) -> bool:
        """Could the text be a value of the field that the page is ordered by?"""
        if self.ordering[0].endswith("risk"):
            return text.isascii() and text.isdigit() and len(text) <= 10
        if not self.ordering[0].endswith("_at"):
            return text.isprintable()
        return _moment(text) is not None

    def page_of(self, rows: QuerySet[Any], request: Request, ordering: tuple[str, ...]) -> list[Any]:
        """The rows of the page that the request names."""
        self.ordering = ordering
        return self.paginate_queryset(rows, request) or []

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: "APIView | None") -> tuple[str, ...]:
        return tuple(self.ordering)

    def get_page_size(self, request: Request) -> int:
        return page_size(request)


def page_size(request: Request, usual: int = 50) -> int:
    """`?page_size=`, from 1 to 200."""
    asked = request.query_params.get("page_size", str(usual))
    if asked.isascii() and asked.isdigit() and len(asked) <= 4 and 1 <= int(asked) <= LARGEST_PAGE:
        return int(asked)
    fix = f"Choose from 1 to {LARGEST_PAGE}."
    raise BadInput("page_size", "request.page_size", f"A whole number from 1 to {LARGEST_PAGE}.", fix)


def bad_cursor() -> BadInput:
    """The cursor was not made by us."""
    return BadInput("cursor", "request.cursor", "This cursor is not valid.", FIX)


def _check_size(encoded: str) -> None:
    if len(encoded) > 500:
        raise bad_cursor()


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and moment.tzinfo and 1900 < moment.year < 3000 else None
