"""Django's handler500: what a person or a program is told when something broke."""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import translation
from django.views import defaults

from api import problems

#: Seconds until it is worth trying again.
RETRY_AFTER_S = 5
#: After a long wait in vain there are many who want the same.
RETRY_WHEN_CROWDED_S = 15


def server_error(request: HttpRequest) -> HttpResponse:
    """500; while the database cannot be reached 503, which says that it will be back.

    Django calls it while it handles the exception, so the exception is at hand.
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _unavailable(request, "database_away.html", problems.unavailable, RETRY_AFTER_S)
    return problems.server_error() if problems.is_api(request) else defaults.server_error(request)


def crowded(request: HttpRequest) -> HttpResponse:
    """503 for a request that waited its turn at the database in vain; for a middleware above that of languages."""
    with translation.override(translation.get_language_from_request(request)):
        return _unavailable(request, "crowded.html", problems.crowded, RETRY_WHEN_CROWDED_S)


def _unavailable(
    request: HttpRequest, page: str, problem: Callable[[], HttpResponse], retry_after_s: int
) -> HttpResponse:
    """503 as a problem for the API, else as a page, made without the request: its user is in the database."""
    response = problem() if problems.is_api(request) else HttpResponse(loader.render_to_string(page), status=503)
    response.headers["Retry-After"] = str(retry_after_s)
    return response
