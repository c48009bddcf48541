"""One address for one command: opened before it is queued, found again by what the station shows, closed in time."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.utils import timezone

from stations import changes
from stations.models import ChargePoint, CommandStatus

from .addresses import Way, choose_way, location
from .models import Direction, FileKind, FirmwareFile, Transfer

#: Letters and digits only: firmware exists that escapes anything else in an address, or does not.
_TOKEN = re.compile(r"[0-9a-f]{32}")
#: Ends after which the station has never seen the address, or does not want it.
_USELESS = (CommandStatus.UNDELIVERED, CommandStatus.EXPIRED, CommandStatus.CANCELLED, CommandStatus.REJECTED)
BYTES_PER_MB = 10**6


def default_life() -> timedelta:
    return timedelta(hours=settings.TRANSFER_HOURS)


def open_download(
    charge_point: ChargePoint, firmware: FirmwareFile, *, valid_until: datetime, way: Way | None = None
) -> tuple[Transfer, str]:
    """An address from which the station can fetch a firmware until `valid_until`. Raises addresses.NoWay."""
    way = choose_way(charge_point, way)
    token = secrets.token_hex(16)
    transfer = Transfer.objects.create(
        charge_point=charge_point,
        direction=Direction.DOWNLOAD,
        kind=FileKind.FIRMWARE,
        firmware=firmware,
        token_hash=hash_of(token),
        ftp_user=_new_user(),
        expires_at=valid_until,
    )
    return transfer, location(way, token=token, ftp_user=transfer.ftp_user, file_name=firmware.file_name)


def open_upload(
    charge_point: ChargePoint, kind: FileKind | str, *, valid_until: datetime, way: Way | None = None
) -> tuple[Transfer, str]:
    """The address of a folder to which the station can deliver one file until `valid_until`. Raises addresses.NoWay."""
    way = choose_way(charge_point, way)
    token = secrets.token_hex(16)
    transfer = Transfer.objects.create(
        charge_point=charge_point,
        direction=Direction.UPLOAD,
        kind=kind,
        token_hash=hash_of(token),
        ftp_user=_new_user(),
        max_bytes=settings.MAX_STATION_FILE_MB * BYTES_PER_MB,
        expires_at=valid_until,
    )
    return transfer, location(way, token=token, ftp_user=transfer.ftp_user)


def close(transfer: Transfer) -> None:
    """End the life of an address now; what is flowing flows to its end."""
    now = timezone.now()
    if Transfer.objects.filter(pk=transfer.pk, expires_at__gt=now).update(expires_at=now):
        transfer.expires_at = now
        changes.note(changes.station(transfer.charge_point_id), "files")


def close_useless(now: datetime) -> int:
    """Close addresses whose command never reached its station, or was refused by it."""
    return Transfer.objects.filter(expires_at__gt=now, command__status__in=_USELESS).update(expires_at=now)


def find(token: str) -> Transfer | None:
    """The transfer that a token belongs to, whether it is still valid or not."""
    if not _TOKEN.fullmatch(token):
        return None
    transfers = Transfer.objects.select_related("charge_point", "firmware", "command")
    return transfers.filter(token_hash=hash_of(token)).first()


def find_login(user: str, password: str) -> Transfer | None:
    """The transfer of an FTP login."""
    transfer = find(password)
    if transfer is None or not secrets.compare_digest(transfer.ftp_user.encode(), user.encode("utf-8", "replace")):
        return None
    return transfer


def hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _new_user() -> str:
    return f"f{secrets.token_hex(8)}"
