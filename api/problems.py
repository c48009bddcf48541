"""Every error as problem JSON (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger(__name__)


class Conflict(exceptions.APIException):
    """What is asked for does not go together with what is there."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


class Unavailable(exceptions.APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"


class PayloadRefused(exceptions.APIException):
    """An OCPP payload that breaks its schema; `code` is OCPP's name for what is wrong."""

    status_code = HTTPStatus.BAD_REQUEST


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler; None for what is our own fault, which Django answers and logs."""
    error = _as_api_exception(error)
    plain = exception_handler(error, context)
    if plain is None or not isinstance(error, exceptions.APIException):
        return None
    problem = _problem(plain.status_code, *_said(error, context["request"].method in ("GET", "HEAD")))
    headers = {name: plain[name] for name in ("WWW-Authenticate", "Retry-After", "Allow") if name in plain}
    return Response(problem, status=plain.status_code, headers=headers, content_type=MEDIA_TYPE)


def _as_api_exception(error: Exception) -> Exception:
    match error:
        case Http404():
            return exceptions.NotFound()  # its text names our tables
        case IntegrityError():
            return Conflict(_("Somebody else entered the same at the same moment."))
        case DataError():
            return exceptions.ParseError(_("A value is out of range."))
        case OperationalError() | InterfaceError():
            log.warning("request not served: the database is away", error=str(error).strip())
            return Unavailable(_("The database cannot be reached."))
        case _:
            return error


def _problem(status: int, detail: str, code: str, errors: list[dict[str, str]]) -> dict[str, Any]:
    problem: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    problem |= {"detail": detail, "code": code}
    return {**problem, "errors": errors} if errors else problem


def _said(error: exceptions.APIException, by_query: bool) -> tuple[str, str, list[dict[str, str]]]:
    """Sentence, code, and what is wrong with which member of the body or parameter of the query."""
    if isinstance(error, exceptions.ValidationError):
        where = "parameter" if by_query else "path"
        errors = [
            {where: path.removeprefix("$.") if by_query else path, "detail": str(detail), "code": detail.code}
            for path, detail in _leaves("$", error.detail)
        ]
        return _("The request is not valid."), "invalid", errors
    codes = error.get_codes()
    return str(error.detail), codes if isinstance(codes, str) else error.default_code, []


def _leaves(path: str, detail: Any) -> Iterator[tuple[str, Any]]:
    match detail:
        case dict():
            for name, inner in detail.items():
                yield from _leaves(path if name == "non_field_errors" else f"{path}.{name}", inner)
        case list():
            for inner in detail:
                yield from _leaves(path, inner)
        case _:
            yield path, detail


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, for what it refuses before a view is reached."""
    if is_api(request):
        return JsonResponse(
            _problem(400, _("The request is not valid."), "invalid", []), status=400, content_type=MEDIA_TYPE
        )
    return defaults.bad_request(request, exception)


def server_error() -> HttpResponse:
    """For what nobody expected; the log says more than the answer."""
    sentence = _("Something went wrong here; the server's log says more.")
    return JsonResponse(_problem(500, sentence, "error", []), status=500, content_type=MEDIA_TYPE)


def unavailable() -> HttpResponse:
    """While the database is away; the same request may be sent again."""
    return _unavailable(_("The database cannot be reached; try again in a moment."))


def crowded() -> HttpResponse:
    """For a request that waited too long for its turn; nothing of it was done."""
    return _unavailable(_("Too many requests are under way; try again in a moment."))


def _unavailable(sentence: str) -> HttpResponse:
    return JsonResponse(_problem(503, sentence, "unavailable", []), status=503, content_type=MEDIA_TYPE)


def too_large(is_api: bool) -> HttpResponse:
    """For a body that nobody reads to its end."""
    if is_api:
        problem = _problem(413, _("The body is larger than 1 MiB."), "too_large", [])
        return JsonResponse(problem, status=413, content_type=MEDIA_TYPE)
    return HttpResponse(HTTPStatus(413).phrase, status=413, content_type="text/plain; charset=utf-8")
