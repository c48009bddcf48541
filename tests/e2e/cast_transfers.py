"""What the cast did with firmware and files; part of `tests/e2e/cast.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

#: State, failure, what the charger said.
_FATES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("installed", "", ("Downloading", "Downloaded", "Installing", "Installed")),
    ("installed", "", ("Downloading", "Downloaded", "Installing", "Installed")),
    ("failed", "download", ("Downloading", "DownloadFailed")),
    ("unverified", "", ("Downloading", "Downloaded", "Installing", "Installed")),
    ("installing", "", ("Downloading", "Downloaded", "Installing")),
    ("downloading", "", ("Downloading",)),
    ("waiting", "", ()),
    ("waiting", "", ()),
    ("failed", "not_sent", ()),
    ("cancelled", "", ()),
)


def fill(stations: list[Any], now: datetime) -> None:
    """Two files, a campaign in the middle of its work, and what chargers delivered."""
    from transfers.models import Campaign

    firmware = make_firmware("Spring release", "1.9.0", now, notes="Fixes the clock after a power cut.")
    make_signed_firmware()
    campaign = Campaign.objects.create(
        name="Spring round",
        firmware=firmware,
        state="paused",  # the server's clock would go on with it
        actor="anna",
        source="screen",
        created_at=now - timedelta(hours=2),
    )
    for number, station in enumerate(stations):
        state, failure, words = _FATES[number % len(_FATES)]
        make_update(station, firmware, campaign, now, state=state, failure=failure, words=words)
    for station, kind, name in (
        (stations[0], "diagnostics", "diag.zip"),
        (stations[1], "security_log", "security.log"),
    ):
        make_file(station, kind, name, now)


def be_hostile(station: Any, now: datetime, text: str) -> None:
    """`text` wherever a charger or a person can put it."""
    firmware = make_firmware(text[:100], text[:50], now, vendor=text[:50], model=text[:50], notes=text * 50)
    make_update(station, firmware, None, now, state="failed", failure="download", words=(text[:50],) * 20)
    make_file(station, "diagnostics", (text * 9)[:255], now)


def make_signed_firmware() -> None:
    from django.core.files.base import ContentFile

    from tests.firmware_signing import signed
    from transfers import firmware_files

    image = b"\x7fELF" * 500_000
    made_for = {"vendor": "ABB", "model": "TAC-W11-G5"}
    firmware_files.store(
        ContentFile(image, "tac-w11-1.8.40.bin"), name="TAC-W11", version="1.8.40", **made_for, **signed(image)
    )


def make_firmware(name: str, version: str, now: datetime, **columns: Any) -> Any:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from transfers.models import FirmwareFile

    stored = default_storage.save("firmware/cast.bin", ContentFile(b"\0" * 1000))
    known = {"file": stored, "file_name": "cast.bin", "size": 24_117_248, "sha256": "5f" * 32}
    return FirmwareFile.objects.create(
        name=name, version=version, uploaded_at=now - timedelta(days=1), **known, **columns
    )


def make_update(station: Any, firmware: Any, campaign: Any, now: datetime, **fate: Any) -> Any:
    from transfers.models import FirmwareUpdate

    words, begun_at = fate.pop("words"), now - timedelta(minutes=40)
    steps = [[word, (begun_at + timedelta(minutes=4 * turn)).isoformat()] for turn, word in enumerate(words)]
    is_over = fate["state"] in ("installed", "unverified", "failed", "cancelled")
    after = {"installed": firmware.version, "unverified": station.firmware_version}.get(fate["state"], "")
    has_begun = fate["state"] not in ("waiting", "cancelled")
    return FirmwareUpdate.objects.create(
        charge_point=station,
        firmware=firmware,
        campaign=campaign,
        created_at=now - timedelta(hours=2),
        steps=steps,
        status=words[-1][:50] if words else "",
        tries=1 if has_begun else 0,
        version_before=station.firmware_version,
        version_after=after,
        begun_at=begun_at if has_begun else None,
        reported_at=now - timedelta(minutes=20) if words else None,
        ended_at=now - timedelta(minutes=19) if is_over else None,
        **fate,
    )


def make_file(station: Any, kind: str, name: str, now: datetime) -> Any:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from transfers.models import StationFile, Transfer

    transfer = Transfer.objects.create(
        charge_point=station,
        direction="upload",
        kind=kind,
        token_hash=f"{kind} {station.pk}",
        ftp_user=f"f{station.pk}{kind[:4]}",
        expires_at=now + timedelta(hours=20),
        first_used_at=now - timedelta(minutes=5),
        done_at=now - timedelta(minutes=4),
        bytes_done=48_211,
        remote_address="192.168.1.50",
    )
    stored = default_storage.save("station-files/cast.bin", ContentFile(b"log\n"))
    known = {"file": stored, "file_name": name, "size": 48_211, "sha256": "a0" * 32, "over": "http"}
    return StationFile.objects.create(
        charge_point=station, transfer=transfer, kind=kind, received_at=now - timedelta(minutes=4), **known
    )
