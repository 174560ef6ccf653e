"""The entity tag of what is shown, If-None-Match on reads and If-Match on writes."""

import hashlib
import re
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.problems import PreconditionFailed

_TAG = re.compile(r'(?:W/)?"[^"]*"')


def etag_of(shown: Any) -> str:
    """A strong tag: the same answer has the same tag."""
    return f'"{hashlib.sha256(JSONRenderer().render(shown)).hexdigest()[:32]}"'


def tagged(request: Request, shown: Any) -> Response:
    """The answer with its tag, or 304 when the caller has it."""
    tag = etag_of(shown)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    asked = request.headers.get("If-None-Match", "")
    if asked.strip() == "*" or tag in [found.removeprefix("W/") for found in _TAG.findall(asked)]:
        return Response(status=304, headers=headers)
    return Response(shown, headers=headers)


def check_if_match(request: Request, shown: Any) -> None:
    """Raise 412 when If-Match is sent and names another state. Weak tags never match, as RFC 9110 says."""
    asked = request.headers.get("If-Match")
    if asked is None or asked.strip() == "*":
        return
    if etag_of(shown) not in _TAG.findall(asked):
        raise PreconditionFailed
