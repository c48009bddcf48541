"""Where commands may send a station for files (§5.9, §5.19, white paper L01, N01): to file servers, by their schemes.

We never open such an address ourselves; stations do, and some open whatever they are given (reliability H38).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

SCHEMES = ("http", "https", "ftp", "ftps", "sftp")
_ENDS_CREDENTIALS = re.compile(r'[\s"]')


def is_location(text: str) -> bool:
    """Whether it is an address of a file server."""
    try:
        parts = urlsplit(text)
        return parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:  # [ without ] in the host
        return False


def refusal(action: str, payload: Mapping[str, Any]) -> str:
    """Why a command may not be sent, else nothing."""
    location = _location_of(action, payload)
    if location is None:
        return ""
    if not is_location(str(location)):
        return _("An address starts with http://, https://, ftp://, ftps:// or sftp://.")
    if not _is_plain(str(location)):
        return _(
            "This address cannot be read: a port is a number, and blanks, slashes and quotation marks in a password "
            "are written as percent codes."
        )
    return ""


def _is_plain(location: str) -> bool:
    """Whether its credentials, if any, stand where `masking` finds them: raw, these characters end them too early."""
    try:
        urlsplit(location).port  # noqa: B018 - of a password with a slash the first half stands in the port's place
    except ValueError:
        return False
    return _ENDS_CREDENTIALS.search(location.rpartition("@")[0]) is None


def _location_of(action: str, payload: Mapping[str, Any]) -> Any:
    match action, payload:
        case "GetDiagnostics" | "UpdateFirmware", {"location": location}:
            return location
        case "GetLog", {"log": {"remoteLocation": location}}:
            return location
        case "SignedUpdateFirmware", {"firmware": {"location": location}}:
            return location
    return None
