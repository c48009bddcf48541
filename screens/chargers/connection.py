"""How a charger finds its way here: what to type into it, as text and as a picture, and why it was turned away."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import segno
from django.http import HttpRequest

from people.access import Access
from plugcontrol.addresses import charger_address
from stations.attempts import fix_of
from stations.models import ChargePoint, ConnectionAttempt

#: What was refused last, of this identity.
MAX_ATTEMPTS = 10
#: More than this does not fit a picture that a telephone can read.
MAX_QR_CHARACTERS = 500


def address_of(request: HttpRequest, station: ChargePoint) -> str:
    """The whole address, as some chargers want it; others add their id themselves."""
    return f"{charger_address(request)}{quote(station.identity, safe='')}"


def qr_of(text: str) -> str:
    """A picture of the text as a data: address, empty if it is too long for one."""
    if len(text) > MAX_QR_CHARACTERS:
        return ""
    code = segno.make_qr(text, error="m")
    return str(code.svg_data_uri(scale=4, border=2, light="#fff", dark="#000"))


def help_for(request: HttpRequest, station: ChargePoint, access: Access) -> dict[str, Any]:
    """What the connection help shows."""
    address = address_of(request, station)
    return {
        "address": address,
        "short_address": charger_address(request),
        "qr": qr_of(address),
        "attempts": _attempts(station) if access.on("stations.view_connectionattempt", station) else [],
    }


def _attempts(station: ChargePoint) -> list[tuple[ConnectionAttempt, Any]]:
    """Refused handshakes with what to do about them, the newest first."""
    rows = ConnectionAttempt.objects.filter(identity__iexact=station.identity).order_by("-last_at")[:MAX_ATTEMPTS]
    return [(attempt, fix_of(attempt)) for attempt in rows]
