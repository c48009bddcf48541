"""Nobody gets past the second factor: what a session is worth, asked at every request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from people.access import Access
from people.second_factor import Standing, standing

#: What somebody may open who has to set up a second factor first.
_BEFORE = ("screens:second_factor", "screens:logout")


class SecondFactorMiddleware:
    """Logs out the sessions that have not passed their person's second factor; stands after AccessMiddleware.

    Where one is required and missing, pages lead to where it is set up, and the REST API takes the browser for nobody.
    API keys are no sessions and need none.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        found = standing(request.session, request.access) if request.user.is_authenticated else Standing.GOOD  # type: ignore[attr-defined]
        if found is Standing.STALE:
            logout(request)
        elif found is Standing.MISSING and request.path_info.startswith("/api/"):
            request.user = AnonymousUser()
        if found is not Standing.GOOD:
            request.access = Access(request.user)  # type: ignore[attr-defined]
        request.must_set_up = found is Standing.MISSING and request.user.is_authenticated  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        here = request.resolver_match.view_name if request.resolver_match else ""
        if request.must_set_up and here not in _BEFORE:  # type: ignore[attr-defined]
            return redirect("screens:second_factor")
        return None
