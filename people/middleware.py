"""Every request knows what its person may do (`request.access`) and speaks their language in their time zone."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from .access import Access
from .models import Preferences

#: How exactly the age of a session is known.
NOTED_EVERY_S = 300


class AccessMiddleware:
    """Sets `request.access`, which asks the database only when a view does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.access = Access(request.user)  # type: ignore[attr-defined]
        return self.get_response(request)


class ActivityMiddleware:
    """Keeps a session alive while its person does something.

    Noted every NOTED_EVERY_S only, since it is a write; what a page fetches by itself because something changed
    (`X-Live`, see live.js) does not count, or a forgotten tab would be logged in for ever.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        session = request.session
        # a session nobody touched is not read for this, and who came with an API key gets none
        if session.accessed and "X-Live" not in request.headers and SESSION_KEY in session:
            now = int(time.time())
            if now - session.get("active_at", 0) >= NOTED_EVERY_S:
                session["active_at"] = now
        return response


class PreferencesMiddleware:
    """Activates the person's language over the browser's, and their time zone over the server's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        preferences = self._of(request)
        if preferences and preferences.language in dict(settings.LANGUAGES):
            translation.activate(preferences.language)
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
        with timezone.override(_zone(preferences.time_zone) if preferences else None):
            return self.get_response(request)

    @staticmethod
    def _of(request: HttpRequest) -> Preferences | None:
        if not request.user.is_authenticated:
            return None
        return Preferences.objects.filter(user=request.user.pk).first()


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    """The time zone of a name; None, which means the server's, for none or one that the machine has lost."""
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None
