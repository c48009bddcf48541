"""What the cast did with certificates; part of `tests/e2e/cast.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def fill(stations: list[Any], now: datetime) -> None:
    """Certificates that end over the year, a request that waits, roots, and upgrades on their way."""
    from ..certificates.cast import make_certificate, make_installed, make_request, make_root, make_upgrade

    ours = make_root(1, name="plugcontrol: this server", subject="CN=plugcontrol CA,O=plugcontrol")
    make_root(2, name="ABB firmware", use="ManufacturerRootCertificate", subject="CN=ABB Device Root,O=ABB")
    for number, station in enumerate(stations):
        used = {"used_at": now - timedelta(days=9), "last_used_at": now - timedelta(hours=number)}
        make_certificate(station, number, not_after=now + timedelta(days=9 + 31 * number), **used)
        make_installed(station, ours)
    make_certificate(stations[1], 900, revoked_at=now, revocation="lost", revoked_by="anna")
    make_certificate(stations[2], 901, not_after=now - timedelta(days=2))
    make_request(stations[0], state="refused", problem="name", subject="CN=another,O=plugcontrol", ended_at=now)
    make_request(stations[1])
    make_upgrade(stations[0])
    make_upgrade(
        stations[1], profile=3, profile_before=2, state="returned", problem="came_back", step="return", ended_at=now
    )


def be_hostile(station: Any, now: datetime, text: str) -> None:
    """`text` wherever a charger or a person can put it."""
    from ..certificates.cast import make_certificate, make_installed, make_request, make_root, make_upgrade

    root = make_root(666, name=text[:100], subject=(text * 9)[:500])
    named = {"subject": (text * 9)[:500]}
    make_certificate(station, 666, issuer=(text * 9)[:500], key_text=text[:40], revoked_by=text[:150], **named)
    make_request(station, key_text=text[:40], decided_by=text[:150], state="refused", problem="name", **named)
    make_installed(station, root)
    make_upgrade(station, details=(text * 9)[:500], actor=text[:150], root=root)
