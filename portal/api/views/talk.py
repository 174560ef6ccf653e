"""Ask about a plan, send it back, answer, take it up again, change it, and comment on it."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from policies.models import Comment
from policies.results import Denied
from portal import loaders
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, changes, described, writes
from portal.api.serializers import talk as shapes
from portal.api.serializers.operations import OperationDetailSerializer
from portal.api.views.changing import OperationChange
from provisioning.actions import hold
from provisioning.actions.amend import amend
from provisioning.actions.comment import comment
from provisioning.actions.hold import Say
from provisioning.models import Hold


class AskAbout(OperationChange):
    """Ask the requester before signing."""

    scopes = {"POST": "approve"}

    @changes(
        "Ask the requester; nobody can sign until it is answered",
        OperationDetailSerializer,
        takes=shapes.SayAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.changed(hold.hold(by=self.user, operation=self.as_read(pk), say=Say(**self.asked(shapes.SayAsk))))


class SendBack(OperationChange):
    """Give the request back."""

    scopes = {"POST": "approve"}

    @changes(
        "Send the request back to be changed, answered or cancelled",
        OperationDetailSerializer,
        takes=shapes.SayAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: UUID) -> Response:
        say = Say(**self.asked(shapes.SayAsk))
        return self.changed(hold.send_back(by=self.user, operation=self.as_read(pk), say=say))


class Answer(OperationChange):
    """The requester's answer."""

    @changes("Answer; the same plan waits for its signers again", OperationDetailSerializer, takes=shapes.AnswerAsk)
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.AnswerAsk)
        return self.changed(hold.answer(by=self.user, operation=self.as_read(pk), **asked))


class Resume(OperationChange):
    """Take a question back."""

    scopes = {"POST": "approve"}

    @changes(
        "Take the question or return back without an answer",
        OperationDetailSerializer,
        takes=shapes.ResumeAsk,
        scope="approve",
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.ResumeAsk)
        return self.changed(hold.resume(by=self.user, operation=self.as_read(pk), **asked))


class Edit(OperationChange):
    """Change what was asked."""

    @changes(
        "Change parameters while it is held: planned anew, signatures void",
        OperationDetailSerializer,
        takes=shapes.EditAsk,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.EditAsk)
        return self.changed(amend(by=self.user, operation=self.as_read(pk), **asked))


class Comments(ApiView):
    """What was said."""

    @described("Every comment, oldest first", {200: shapes.CommentSerializer(many=True)}, problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        found = loaders.operation(self.user, pk)
        rows = Comment.objects.filter(subject=found.ref).select_related("author")
        return Response(shapes.CommentSerializer(rows, many=True).data)

    @writes(
        "Comment; @username tells somebody who may see it",
        shapes.CommentSerializer,
        takes=shapes.CommentAsk,
        status=201,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        asked = self.asked(shapes.CommentAsk)
        result = comment(by=self.user, operation=loaders.operation(self.user, pk), **asked)
        if isinstance(result, Denied):
            return problem(result)
        return Response(shapes.CommentSerializer(result).data, status=201)


class Holds(ApiView):
    """What was asked and how it ended."""

    @described("Every question and return, oldest first", {200: shapes.HoldSerializer(many=True)}, problems=READS)
    def get(self, request: Request, pk: UUID) -> Response:
        rows = Hold.objects.filter(operation=loaders.operation(self.user, pk)).select_related("by", "ended_by")
        return Response(shapes.HoldSerializer(rows, many=True).data)
