"""Windows, stopped lines and switches. The same actions as the pages."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from policies import stops, windowing, windows
from policies.models import Stop, Switch, Window
from policies.recurrence import Span
from policies.results import Allowed, Denied
from policies.windowing import Wanted
from portal import loaders
from portal.api.asking import named
from portal.api.base import ApiView
from portal.api.problems import problem
from portal.api.schema import READS, described, listed, writes
from portal.api.serializers import windows as shapes
from portal.api.serializers.parts import AskedNothingSerializer
from portal.api.serializers.things import PageQuery
from provisioning import closures


def _wanted(asked: dict[str, Any]) -> Wanted:
    lists: dict[str, Any] = {name: tuple(asked.pop(name)) for name in ("tiers", "teams", "services", "kinds")}
    return Wanted(duration=timedelta(minutes=asked.pop("minutes")), **lists, **asked)


def _spans(found: list[Span]) -> Response:
    rows = [{"begins_at": begin, "ends_at": end} for begin, end in found]
    return Response(shapes.OccurrencesSerializer({"next": rows}).data)


class Windows(ApiView):
    """When changes may begin."""

    @listed("windows_list", "List the windows you live under", shapes.WindowSerializer, shapes.WindowQuery)
    def get(self, request: Request) -> Response:
        active = self.query(shapes.WindowQuery).validated_data["active"]
        rows = windows.visible_to(self.user).select_related("created_by")
        return self.page(rows if active is None else rows.filter(active=active), shapes.WindowSerializer, ("slug",))

    @writes(
        "Keep a window, and write down when it lasts in the next 400 days",
        shapes.WindowSerializer,
        takes=shapes.WindowAsk,
        status=201,
    )
    def post(self, request: Request) -> Response:
        wanted = _wanted(self.asked(shapes.WindowAsk))
        made = windowing.save(by=self.user, wanted=wanted, options=closures.options())
        return self.answer(made, shapes.WindowSerializer, 201, at="window")


class WindowPreview(ApiView):
    """When a window would last."""

    @writes(
        "The next five occurrences of a window as it is asked for; writes nothing",
        shapes.OccurrencesSerializer,
        takes=shapes.WindowAsk,
    )
    def post(self, request: Request) -> Response:
        wanted = _wanted(self.asked(shapes.WindowAsk))
        found = windowing.preview(by=self.user, wanted=wanted, options=closures.options())
        return problem(found) if isinstance(found, Denied) else _spans(found)


class WindowDetail(ApiView):
    """One window."""

    @described("One window", {200: shapes.WindowSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(loaders.window(self.user, pk), shapes.WindowSerializer)

    @writes("Change a window", shapes.WindowSerializer, takes=shapes.WindowAsk)
    def put(self, request: Request, pk: int) -> Response:
        found, wanted = loaders.window(self.user, pk), _wanted(self.asked(shapes.WindowAsk))
        made = windowing.save(by=self.user, wanted=wanted, options=closures.options(), window=found)
        return self.answer(made, shapes.WindowSerializer)


class WindowOccurrences(ApiView):
    """When one window lasts."""

    @described("The next five occurrences of a window", {200: shapes.OccurrencesSerializer}, problems=READS)
    def get(self, request: Request, pk: int) -> Response:
        return _spans(windowing.next_five(loaders.window(self.user, pk), timezone.now()))


class WindowRetire(ApiView):
    """A window that is out of force."""

    @writes("Put a window out of force at once", shapes.WindowSerializer, takes=shapes.WhyAsk)
    def post(self, request: Request, pk: int) -> Response:
        found, reason = loaders.window(self.user, pk), self.asked(shapes.WhyAsk)["reason"]
        answer = windowing.retire(by=self.user, window=found, reason=reason)
        return self.answer(_after(answer, Window, found.pk), shapes.WindowSerializer)


def _after(answer: Allowed | Denied, model: type[Window] | type[Stop], pk: int) -> Window | Stop | Denied:
    """The row as it stands now, or the refusal."""
    return answer if isinstance(answer, Denied) else model.objects.get(pk=pk)


class Stops(ApiView):
    """Lines that are and were stopped."""

    @listed("stops_list", "List stopped lines, the newest first", shapes.StopSerializer, shapes.StopQuery)
    def get(self, request: Request) -> Response:
        wanted = self.query(shapes.StopQuery).validated_data["open"]
        rows = stops.visible_to(self.user)
        rows = rows if wanted is None else rows.filter(lifted_at__isnull=wanted)
        return self.page(rows, shapes.StopSerializer, ("-stopped_at", "-pk"))

    @writes("Stop the line of a service, or of everything", shapes.StopSerializer, takes=shapes.StopAsk, status=201)
    def post(self, request: Request) -> Response:
        asked = self.asked(shapes.StopAsk)
        slug = asked.get("service", "")
        service = named("service", loaders.service, self.user, slug) if slug else None
        made = stops.stop(by=self.user, service=service, reason=asked["reason"])
        return self.answer(made, shapes.StopSerializer, 201)


class StopLift(ApiView):
    """A line that goes on."""

    @writes("Lift a stop; never by who stopped it", shapes.StopSerializer, takes=shapes.WhyAsk)
    def post(self, request: Request, pk: int) -> Response:
        found, reason = loaders.stop(self.user, pk), self.asked(shapes.WhyAsk)["reason"]
        answer = stops.lift(by=self.user, stop=found, reason=reason)
        return self.answer(_after(answer, Stop, found.pk), shapes.StopSerializer)


class Switches(ApiView):
    """What is paused for a while."""

    @listed("switches_list", "List the uses of switches, the newest first", shapes.SwitchSerializer, PageQuery)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        rows = Switch.objects.select_related("by", "ended_by")
        return self.page(rows, shapes.SwitchSerializer, ("-began_at", "-pk"))

    @writes("Use a switch until a planned end", shapes.SwitchSerializer, takes=shapes.SwitchAsk, status=201)
    def post(self, request: Request) -> Response:
        return self.answer(stops.switch_on(by=self.user, **self.asked(shapes.SwitchAsk)), shapes.SwitchSerializer, 201)


class SwitchEnd(ApiView):
    """A switch that is off."""

    @writes("End a switch before its planned end", shapes.SwitchSerializer, takes=AskedNothingSerializer)
    def post(self, request: Request, name: str) -> Response:
        self.asked(AskedNothingSerializer)
        answer = stops.switch_off(by=self.user, name=name)
        return self.answer(answer, shapes.SwitchSerializer)
