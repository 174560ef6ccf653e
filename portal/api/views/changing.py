"""Changing one operation or environment as the caller last read it: If-Match goes in, the thing with its new tag comes
out. How both are shown is here, because their tags are made of it; the changes themselves are in the other modules."""

from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model
from rest_framework.response import Response

from policies.results import Denied
from portal import loaders
from portal.api.base import ApiView
from portal.api.etags import check_if_match, etag_of
from portal.api.problems import problem
from portal.api.serializers.environments import EnvironmentDetailSerializer
from portal.api.serializers.operations import OperationDetailSerializer
from provisioning.models import Environment, Operation

M = TypeVar("M", bound=Model)
Shown = dict[str, Any]


def operation_shown(operation: Operation) -> Shown:
    """An operation, the same for every viewer, so that its tag is too."""
    return dict(OperationDetailSerializer(operation).data)


def environment_shown(environment: Environment) -> Shown:
    """An environment, the same for every viewer."""
    return dict(EnvironmentDetailSerializer(environment).data)


class _Change(ApiView, Generic[M]):
    def found(self, pk: UUID) -> M:
        """The thing, if the caller may see it."""
        raise NotImplementedError

    def shown(self, found: M) -> Shown:
        """The thing as its own page of the API shows it."""
        raise NotImplementedError

    def as_read(self, pk: UUID) -> M:
        """The thing, if If-Match still names its state."""
        found = self.found(pk)
        check_if_match(self.request, self.shown(found))
        return found

    def changed(self, result: M | Denied) -> Response:
        """The thing afterwards with its new tag, or the refusal."""
        if isinstance(result, Denied):
            return problem(result)
        shown = self.shown(self.found(result.pk))
        return Response(shown, headers={"ETag": etag_of(shown)})


class OperationChange(_Change[Operation]):
    """A change to one operation."""

    def found(self, pk: UUID) -> Operation:
        return loaders.operation(self.user, pk)

    def shown(self, found: Operation) -> Shown:
        return operation_shown(found)


class EnvironmentChange(_Change[Environment]):
    """A change to one environment."""

    def found(self, pk: UUID) -> Environment:
        return loaders.environment(self.user, pk)

    def shown(self, found: Environment) -> Shown:
        return environment_shown(found)
