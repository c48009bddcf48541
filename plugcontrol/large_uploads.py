"""Who may send a body larger than a page's: a firmware image, to the two addresses that take one.

Django's handler stores a whole body before it asks who sends it. For a gigabyte that is asked here first; the view
asks again, and for the CSRF token too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from channels.db import database_sync_to_async
from django.db import DatabaseError

from api.keys import find_key
from screens.live.viewer import session_key_of, viewer_of
from transfers.firmware_files import largest

#: Fields and boundaries around the image.
FORM_BYTES = 1024 * 1024
PATHS = ("/firmware/add/", "/api/v1/firmware-files/")
PERMISSION = "transfers.add_firmwarefile"


async def allowance(scope: Mapping[str, Any]) -> int | None:
    """The most bytes that this request's body may have, if that is more than others may send; None if not."""
    if scope["method"] != "POST" or scope["path"] not in PATHS:
        return None
    if not await database_sync_to_async(_may_upload)(scope["headers"]):
        return None
    return largest() + FORM_BYTES


def _may_upload(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    try:
        return _by_key(dict(headers).get(b"authorization", b"")) or _by_session(session_key_of(headers))
    except DatabaseError:
        return False


def _by_key(header: bytes) -> bool:
    scheme, _, secret = header.decode("latin-1").partition(" ")
    key = find_key(secret.strip()) if scheme.lower() == "token" else None
    return key is not None and key.user.is_active and key.user.has_perm(PERMISSION)


def _by_session(session_key: str) -> bool:
    viewer = viewer_of(session_key) if session_key else None
    return viewer is not None and viewer.access.everywhere(PERMISSION)
