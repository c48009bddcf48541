"""Who asks: `Authorization: Token …`, or a browser's session with its CSRF token."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from stations.commands import Origin
from stations.models import CommandSource

from .keys import find_key, note_use
from .models import ApiKey


class ApiKeyAuthentication(TokenAuthentication):
    """Reads the header as the library does and looks the key up by its digest; `request.auth` is the key."""

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        known = find_key(key)
        if known is None or not known.user.is_active:
            raise AuthenticationFailed(_("This API key is unknown, expired or revoked."), code="invalid_key")
        note_use(known)
        return known.user, known


def key_of(request: Any) -> ApiKey | None:
    """The API key a request came with; None for a person's session."""
    return request.auth if isinstance(request.auth, ApiKey) else None


def origin_of(request: Any) -> Origin:
    """Who raises a command over this door, and from where."""
    key = key_of(request)
    return Origin(
        source=CommandSource.API,
        user=request.user,
        actor=f"API key {key.name}" if key else "",
        remote_address=request.META.get("REMOTE_ADDR", ""),
    )
