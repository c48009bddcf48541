"""Requests wait for a place at the database, in the order in which they came, before anything asks it for them."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase

from plugcontrol.errors import crowded
from stations.database_places import Crowded, places

log = structlog.get_logger(__name__)


class DatabasePlacesMiddleware:
    """Gives the place back before the answer is sent: a slow reader keeps nobody waiting.

    Its body has been read by then. Above it is what needs no database: /healthz, static files, headers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            with places.taken():
                return self.get_response(request)
        except Crowded as error:
            log.warning("request not served: too many at once", error=str(error), waiting=places.waiting)
            return crowded(request)
