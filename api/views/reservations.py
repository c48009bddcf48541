"""`reservations/`: ask a station to keep a connector, and give it back."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from stations.commands import CommandRefused
from transactions import reservations
from transactions.models import Reservation

from ..authentication import origin_of
from ..filters import ReservationFilters
from ..models import Scope
from ..permissions import Need
from ..problems import Conflict
from ..serializers.reservations import ReservationRequestSerializer, ReservationSerializer
from .base import ReadViewSet

#: What a caller calls the fields that the service names.
_MEMBERS = {"connector": "connector_id"}


class ReservationViewSet(ReadViewSet):
    """Connectors kept for somebody, newest first."""

    needs: ClassVar = {
        "list": Need("transactions.view_reservation"),
        "retrieve": Need("transactions.view_reservation"),
        "create": Need("transactions.add_reservation", Scope.COMMAND),
        "cancel": Need("transactions.change_reservation", Scope.COMMAND),
    }
    queryset = Reservation.objects.select_related("connector__charge_point", "command")
    serializer_class = ReservationSerializer
    filterset_class = ReservationFilters
    ordering = ("-id",)
    ordering_fields = ("id",)

    @extend_schema(request=ReservationRequestSerializer, responses={202: ReservationSerializer})
    def create(self, request: Request) -> Response:
        """Ask the station: `requested` until it has answered, `refused` at once if it is offline."""
        order = ReservationRequestSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        return self._accepted(_reserve(request, order.validated_data))

    @extend_schema(request=None, responses={202: ReservationSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Give it back; it stays open until the station has answered. 409 for one that is over."""
        reservation = self.get_object()
        try:
            reservations.cancel(reservation, origin=origin_of(request))
        except CommandRefused as refused:
            raise Conflict(str(refused)) from None
        return self._accepted(reservation)

    def _accepted(self, reservation: Reservation) -> Response:
        row = self.get_queryset().get(pk=reservation.pk)
        return Response(ReservationSerializer(row).data, status=status.HTTP_202_ACCEPTED)


def _reserve(request: Request, order: dict[str, Any]) -> Reservation:
    try:
        return reservations.reserve(order["target"], order["id_tag"], order["expires_at"], origin=origin_of(request))
    except reservations.NotReservable as refused:
        member = _MEMBERS.get(refused.field, refused.field)
        raise serializers.ValidationError({member: str(refused)}, code="not_reservable") from None
    except CommandRefused as refused:
        raise Conflict(str(refused)) from None
