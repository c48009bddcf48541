"""Where commands may send a station for files (§5.9, §5.19, white paper L01, N01): to file servers, by their schemes.

We never open such an address ourselves; stations do, and some open whatever they are given (reliability H38).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

SCHEMES = ("http", "https", "ftp", "ftps", "sftp")


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
    if location is None or is_location(str(location)):
        return ""
    return _("An address starts with http://, https://, ftp://, ftps:// or sftp://.")


def _location_of(action: str, payload: Mapping[str, Any]) -> Any:
    match action, payload:
        case "GetDiagnostics" | "UpdateFirmware", {"location": location}:
            return location
        case "GetLog", {"log": {"remoteLocation": location}}:
            return location
        case "SignedUpdateFirmware", {"firmware": {"location": location}}:
            return location
    return None
