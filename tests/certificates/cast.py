"""Rows of certificates that are stored and never checked: what pages, lists and the administration show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from certificates.models import (
    CertificateReading,
    InstalledCertificate,
    RootCertificate,
    SecurityUpgrade,
    SigningRequest,
    StationCertificate,
)
from stations.models import ChargePoint

from .pki import request

PEM = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


def make_certificate(station: ChargePoint, number: int = 1, **columns: Any) -> StationCertificate:
    now = timezone.now()
    known = {
        "serial_number": f"{number:040x}",
        "subject": f"CN={station.identity[:200]},O=plugcontrol",
        "issuer": "CN=plugcontrol CA,O=plugcontrol",
        "sha256": f"{station.pk:032x}{number:032x}",
        "chain": PEM,
        "key_text": "EC P-256",
        "not_before": now - timedelta(days=30),
        "not_after": now + timedelta(days=400),
        "delivered_at": now - timedelta(days=29),
    }
    return StationCertificate.objects.create(charge_point=station, **{**known, **columns})


def make_request(station: ChargePoint, **columns: Any) -> SigningRequest:
    known = {"pem": request("CP-1"), "subject": f"CN={station.identity[:200]},O=plugcontrol", "key_text": "EC P-256"}
    return SigningRequest.objects.create(charge_point=station, **{**known, **columns})


def make_root(number: int = 1, **columns: Any) -> RootCertificate:
    now = timezone.now()
    known = {
        "name": f"Root {number}",
        "use": "CentralSystemRootCertificate",
        "pem": PEM,
        "subject": f"CN=Root {number}",
        "sha256": f"{number:064x}",
        "not_before": now - timedelta(days=30),
        "not_after": now + timedelta(days=4000),
    }
    return RootCertificate.objects.create(**{**known, **columns})


def make_installed(station: ChargePoint, root: RootCertificate | None, **columns: Any) -> InstalledCertificate:
    use = root.use if root else "CentralSystemRootCertificate"
    CertificateReading.objects.get_or_create(charge_point=station, use=use, defaults={"read_at": timezone.now()})
    known = {
        "use": use,
        "hash_algorithm": "SHA256",
        "issuer_name_hash": "ab" * 32,
        "issuer_key_hash": "cd" * 32,
        "serial_number": "4a1f",
    }
    return InstalledCertificate.objects.create(charge_point=station, root=root, **{**known, **columns})


def make_upgrade(station: ChargePoint, **columns: Any) -> SecurityUpgrade:
    at = timezone.now() - timedelta(minutes=3)
    known = {
        "profile": 2,
        "profile_before": 0,
        "step": "root",
        "state": "waiting",
        "problem": "root_refused",
        "actor": "anna",
        "steps": [["check", "done", _text(at)], ["password", "already", _text(at)], ["root", "waiting", _text(at)]],
    }
    return SecurityUpgrade.objects.create(charge_point=station, **{**known, **columns})


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def make_all(number: int, station: ChargePoint) -> dict[str, Any]:
    """One row of each model, by its label."""
    root = make_root(number)
    return {
        "certificates.stationcertificate": make_certificate(station, number),
        "certificates.signingrequest": make_request(station),
        "certificates.rootcertificate": root,
        "certificates.installedcertificate": make_installed(station, root),
        "certificates.securityupgrade": make_upgrade(station),
    }
