"""`charging-profiles/` and what belongs to them: the library, what stations were told, what they say they do."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin, UpdateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from charging_profiles import assignments, belief, clearing, comparison
from charging_profiles.models import Assignment, ChargingProfile, CompositeReading
from stations.commands import CommandRefused
from stations.models import Command

from ..authentication import origin_of
from ..filters import AssignmentFilters, ChargingProfileFilters, CompositeReadingFilters
from ..models import Scope
from ..permissions import Need
from ..problems import Conflict
from ..serializers.charging_profiles import (
    AssignmentSerializer,
    AssignRequestSerializer,
    ChargingProfileSerializer,
    ClearRequestSerializer,
    ComparedReadingSerializer,
    CompositeReadingSerializer,
    CompositeScheduleSerializer,
    WindowSerializer,
)
from ..serializers.commands import CommandSerializer
from .base import ApiViewSet, ReadViewSet, find_station

SEND = Need("stations.send_command", Scope.COMMAND)
VIEW_ASSIGNMENTS = Need("charging_profiles.view_assignment")


class ChargingProfileViewSet(ReadViewSet, CreateModelMixin, UpdateModelMixin):
    """The library. A profile that changes is not told to stations by itself: assign it again. None is deleted."""

    needs: ClassVar = {
        "list": Need("charging_profiles.view_chargingprofile"),
        "retrieve": Need("charging_profiles.view_chargingprofile"),
        "create": Need("charging_profiles.add_chargingprofile", Scope.ADMIN),
        "update": Need("charging_profiles.change_chargingprofile", Scope.ADMIN),
        "partial_update": Need("charging_profiles.change_chargingprofile", Scope.ADMIN),
        "assign": SEND,
    }
    queryset = ChargingProfile.objects.all()
    serializer_class = ChargingProfileSerializer
    filterset_class = ChargingProfileFilters
    ordering = ("id",)
    ordering_fields = ("id", "name", "changed_at")

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save(created_by=self.request.user)

    @extend_schema(request=AssignRequestSerializer, responses={202: AssignmentSerializer})
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: Any) -> Response:
        """Tell a station the profile. 409 says everything that speaks against it; nothing was sent then."""
        profile = self.get_object()
        read = AssignRequestSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        order = read.validated_data
        try:
            assignment = assignments.assign(
                profile,
                order["target"],
                order["connector_id"],
                origin=origin_of(request),
                transaction=order["session"],
                valid_until=order["valid_until"],
                idempotency_key=order["idempotency_key"],
            )
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        row = Assignment.objects.select_related("charge_point").get(pk=assignment.pk)
        return Response(AssignmentSerializer(row).data, status=status.HTTP_202_ACCEPTED)


class AssignedProfileViewSet(ReadViewSet):
    """Profiles that stations were told, from wherever, newest first; `installed` and `uncertain` are at the station."""

    needs: ClassVar = {"list": VIEW_ASSIGNMENTS, "retrieve": VIEW_ASSIGNMENTS, "clear": SEND}
    queryset = Assignment.objects.select_related("charge_point")
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilters
    ordering = ("-id",)
    ordering_fields = ("id", "asked_at")

    @extend_schema(request=None, responses={202: CommandSerializer})
    @action(detail=True, methods=["post"])
    def clear(self, request: Request, pk: Any) -> Response:
        """Take it from its station; 409 if it is not there."""
        try:
            return _raised(clearing.clear_one(self.get_object(), origin=origin_of(request)))
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None


class ClearProfilesViewSet(ApiViewSet):
    """Profiles of one station, taken away together."""

    needs: ClassVar = {"create": SEND}

    @extend_schema(request=ClearRequestSerializer, responses={202: CommandSerializer})
    def create(self, request: Request, identity: str) -> Response:
        """Take away what meets all that is given, or everything; also what plugcontrol knows nothing of."""
        station = find_station(identity)
        read = ClearRequestSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        order = {**read.validated_data}
        try:
            if order.pop("all"):
                return _raised(clearing.clear_all(station, origin=origin_of(request)))
            return _raised(clearing.clear_matching(station, **order, origin=origin_of(request)))
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None


class CompositeScheduleViewSet(ApiViewSet):
    """The limit of a connector over the hours to come; connector 0 is the whole station."""

    needs: ClassVar = {"retrieve": VIEW_ASSIGNMENTS, "create": SEND}

    @extend_schema(parameters=[WindowSerializer], responses=CompositeScheduleSerializer)
    def retrieve(self, request: Request, identity: str) -> Response:
        """What we expect, by the profiles that we believe to be there."""
        station = find_station(identity)
        window = _window(request.query_params)
        begins = timezone.now().replace(microsecond=0)
        number, hours, unit = window["connector_id"], window["hours"], window["unit"]
        periods = belief.composite(station, number, begin=begins, hours=hours, unit=unit)
        return Response(CompositeScheduleSerializer({**window, "begins": begins, "periods": periods}).data)

    @extend_schema(request=WindowSerializer, responses={202: CommandSerializer})
    def create(self, request: Request, identity: str) -> Response:
        """Ask the station for what it expects itself; its answer stands among `composite-readings/`."""
        station = find_station(identity)
        window = _window(request.data)
        duration_s = window["hours"] * 3600
        try:
            command = comparison.ask(
                station,
                window["connector_id"],
                duration_s=duration_s,
                unit=window["unit"],
                origin=origin_of(request),
            )
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return _raised(command)


class CompositeReadingViewSet(ReadViewSet):
    """What stations answered, newest first; a single one says where it differs from what we expected."""

    needs: ClassVar = {
        "list": Need("charging_profiles.view_compositereading"),
        "retrieve": Need("charging_profiles.view_compositereading"),
    }
    queryset = CompositeReading.objects.select_related("charge_point")
    filterset_class = CompositeReadingFilters
    ordering = ("-id",)
    ordering_fields = ("id", "read_at")

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return ComparedReadingSerializer if self.action == "retrieve" else CompositeReadingSerializer


def _window(entered: Any) -> dict[str, Any]:
    read = WindowSerializer(data=entered)
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def _raised(command: Command) -> Response:
    row = Command.objects.select_related("charge_point", "created_by").get(pk=command.pk)
    return Response(CommandSerializer(row).data, status=status.HTTP_202_ACCEPTED)
