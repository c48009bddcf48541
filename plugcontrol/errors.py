"""Django's handler500: what a person or a program is told when something broke."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views import defaults

from api import problems

#: Seconds until it is worth trying again.
RETRY_AFTER_S = 5


def server_error(request: HttpRequest) -> HttpResponse:
    """500; while the database cannot be reached 503, which says that it will be back.

    Django calls it while it handles the exception, so the exception is at hand.
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _database_away(request)
    return problems.server_error() if problems.is_api(request) else defaults.server_error(request)


def _database_away(request: HttpRequest) -> HttpResponse:
    if problems.is_api(request):
        response = problems.unavailable()
    else:
        # without the request: its user and session live in the database
        response = HttpResponse(loader.render_to_string("database_away.html"), status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
