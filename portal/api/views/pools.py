"""Warm pools: list, publish, resize."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from portal import loaders
from portal.api import asking
from portal.api.base import ApiView
from portal.api.schema import listed, writes
from portal.api.serializers import pools as shapes
from portal.api.serializers.things import PageQuery
from provisioning.actions.pools import PoolAsk, publish_pool, resize_pool
from provisioning.selectors import pools_visible_to


class Pools(ApiView):
    """Every pool of a service the caller may see."""

    @listed("pools_list", "List warm pools", shapes.PoolSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return self.page(pools_visible_to(self.user), shapes.PoolSerializer, ("-created_at", "pk"))

    @writes("Keep environments ready before anybody asks", shapes.PoolSerializer, takes=shapes.PoolWanted, status=201)
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.PoolWanted)
        asked["template"] = asking.named("template", loaders.template, self.user, asked["template"])
        asked["service"] = asking.named("service", loaders.service, self.user, asked["service"])
        result = publish_pool(by=self.user, asked=PoolAsk(**{**asked, "days": tuple(asked["days"])}))
        return self.answer(result, shapes.PoolSerializer, 201)


class PoolSize(ApiView):
    """How many a pool keeps."""

    @writes("Keep more or fewer", shapes.PoolSerializer, takes=shapes.PoolSize)
    def post(self, request: Request, pk: UUID) -> Response:
        size = self.asked(shapes.PoolSize)["size"]
        pool = loaders.pool(self.user, pk)
        return self.answer(resize_pool(by=self.user, pool=pool, size=size), shapes.PoolSerializer)
