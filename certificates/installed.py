"""Which roots a station holds: read, removed, and kept in step with what it answers (white paper M03 to M05)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from django.core.exceptions import ValidationError

from stations import changes
from stations.commands import SYSTEM, CommandRefused, Origin, queue_command
from stations.models import ChargePoint, Command

from . import x509 as certificates
from .models import CertificateReading, CertificateUse, InstalledCertificate, RootCertificate
from .requests import TOPIC

#: Of one station and use: real ones have a dozen, a hostile one may name thousands.
MOST = 200
#: With what we write down a root that a station has accepted, until it says itself what it knows it by.
_OWN_ALGORITHM = "SHA256"


@dataclass(frozen=True, slots=True)
class HashData:
    """CertificateHashData in lower case; two are the same whatever zeros their serial numbers begin with."""

    algorithm: str
    issuer_name: str
    issuer_key: str
    number: str
    #: As the station writes it: it may want to hear it like that.
    serial_number: str = field(compare=False)

    @classmethod
    def of(cls, algorithm: str, issuer_name: str, issuer_key: str, serial_number: str) -> HashData:
        name, key, serial = (certificates.storable(it.lower(), 128) for it in (issuer_name, issuer_key, serial_number))
        return cls(certificates.storable(algorithm, 6), name, key, serial[:40].lstrip("0"), serial[:40])

    @classmethod
    def of_root(cls, root: x509.Certificate, algorithm: str) -> HashData:
        """A root has issued itself."""
        return cls.of(*certificates.hash_data(root, root, algorithm).values())

    @classmethod
    def of_row(cls, row: InstalledCertificate) -> HashData:
        return cls.of(row.hash_algorithm, row.issuer_name_hash, row.issuer_key_hash, row.serial_number)

    @property
    def columns(self) -> dict[str, str]:
        return {
            "hash_algorithm": self.algorithm,
            "issuer_name_hash": self.issuer_name,
            "issuer_key_hash": self.issuer_key,
            "serial_number": self.serial_number,
        }


def read(
    charge_point: ChargePoint,
    use: str,
    *,
    origin: Origin = SYSTEM,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """Ask a station which roots it holds for a use; raises CommandRefused."""
    payload = {"certificateType": use}
    return queue_command(
        charge_point,
        "GetInstalledCertificateIds",
        payload,
        origin=origin,
        valid_until=valid_until,
        idempotency_key=idempotency_key,
    )


def remove(installed: InstalledCertificate, *, origin: Origin = SYSTEM) -> Command:
    """Take a root from a station, by what the station knows it by; raises CommandRefused. One in use it keeps."""
    known_by = {
        "hashAlgorithm": installed.hash_algorithm,
        "issuerNameHash": installed.issuer_name_hash,
        "issuerKeyHash": installed.issuer_key_hash,
        "serialNumber": installed.serial_number,
    }
    return queue_command(installed.charge_point, "DeleteCertificate", {"certificateHashData": known_by}, origin=origin)


# What stations answer


def was_read(command: Command, held: Iterable[HashData], *, at: datetime) -> None:
    """The answer to GetInstalledCertificateIds: these and no others."""
    station, use = command.charge_point, str(command.payload.get("certificateType", ""))
    if use not in CertificateUse.values:
        return
    reported = list(dict.fromkeys(held))[:MOST]
    rows = {HashData.of_row(row): row for row in station.installed_certificates.filter(use=use)}
    named = _roots(use, {known_by.algorithm for known_by in reported})
    InstalledCertificate.objects.filter(charge_point=station, use=use).exclude(
        pk__in=[rows[known_by].pk for known_by in reported if known_by in rows]
    ).delete()
    for known_by in reported:
        root_id = named.get(known_by)
        if known_by in rows:
            InstalledCertificate.objects.filter(pk=rows[known_by].pk).update(read_at=at, root_id=root_id)
        else:
            _store(station, use, known_by, root_id, at)
    CertificateReading.objects.update_or_create(charge_point=station, use=use, defaults={"read_at": at})
    changes.note(changes.station(station.pk), TOPIC)


def was_installed(command: Command, *, at: datetime) -> None:
    """A station has accepted a root: it is written down, and the station is asked what it knows it by."""
    station, use = command.charge_point, str(command.payload.get("certificateType", ""))
    try:
        root = certificates.read_chain(str(command.payload.get("certificate", "")))[0]
        known_by = HashData.of_root(root, _OWN_ALGORITHM)
    except (ValidationError, ValueError):
        return  # a command by hand, and a station that takes anything
    stored = RootCertificate.objects.filter(use=use, sha256=certificates.sha256_of(root)).first()
    held = {HashData.of_row(row) for row in station.installed_certificates.filter(use=use)}
    if known_by not in held:
        _store(station, use, known_by, None if stored is None else stored.pk, at)
    changes.note(changes.station(station.pk), TOPIC)
    _ask_again(command, use)


def was_removed(command: Command) -> None:
    """A station has deleted a root, or does not know it: it is gone either way."""
    told = command.payload.get("certificateHashData")
    if not isinstance(told, dict):
        return
    names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
    known_by = HashData.of(*(str(told.get(name, "")) for name in names))
    rows = InstalledCertificate.objects.filter(charge_point=command.charge_point_id)
    gone = [row.pk for row in rows if HashData.of_row(row) == known_by]
    rows.filter(pk__in=gone).delete()
    changes.note(changes.station(command.charge_point_id), TOPIC)


def _ask_again(command: Command, use: str) -> None:
    with suppress(CommandRefused):  # it is archived
        read(command.charge_point, use)


def _store(station: ChargePoint, use: str, known_by: HashData, root_id: int | None, at: datetime) -> None:
    InstalledCertificate.objects.create(charge_point=station, use=use, root_id=root_id, read_at=at, **known_by.columns)


def _roots(use: str, algorithms: Iterable[str]) -> dict[HashData, int]:
    """Our roots by what stations may know them by."""
    named: dict[HashData, int] = {}
    rows = RootCertificate.objects.filter(use=use)
    for row in rows:
        root = certificates.read_chain(row.pem)[0]
        named |= {
            HashData.of_root(root, algorithm): row.pk for algorithm in algorithms if algorithm in certificates.HASHES
        }
    return named
