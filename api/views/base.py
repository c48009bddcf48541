"""What all endpoints share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from stations.models import ChargePoint

from ..permissions import Need
from ..problems import MEDIA_TYPE

M = TypeVar("M", bound=Model)


class ApiView:
    """Requests are counted as soon as it is known whose they are: also those that fail to log in or may not."""

    request: Any

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)  # type: ignore[misc]
        except AuthenticationFailed:
            super().check_throttles(request)  # type: ignore[misc]
            raise
        super().check_throttles(request)  # type: ignore[misc]

    def check_throttles(self, request: Request) -> None:
        """Done with the authentication."""

    def handle_exception(self, exc: Exception) -> Response:
        """A problem is JSON, whatever the view's own answers are."""
        response: Response = super().handle_exception(exc)  # type: ignore[misc]
        self.request.accepted_renderer, self.request.accepted_media_type = JSONRenderer(), MEDIA_TYPE
        return response


class ApiViewSet(ApiView, GenericViewSet[Any]):
    """`needs` names for each action what it asks for."""

    needs: ClassVar[Mapping[str, Need]] = {}


class ReadViewSet(ApiViewSet, ListModelMixin, RetrieveModelMixin):
    """A list and its rows."""


def find_station(identity: str) -> ChargePoint:
    """The station of an address. Raises NotFound."""
    station = ChargePoint.objects.select_related("gateway", "site").with_identity(identity).first()
    if station is None:
        raise NotFound
    return station
