"""Firmware files: stored once, checked, served to stations under addresses of their own."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import PurePath
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes

from . import signatures
from .models import Campaign, FirmwareFile, FirmwareUpdate
from .tokens import BYTES_PER_MB

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

TOPIC = "campaigns"
MAX_FILE_NAME = 100
#: What any station's HTTP or FTP client takes without escaping.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def store(
    upload: File[bytes],
    *,
    name: str,
    version: str,
    vendor: str = "",
    model: str = "",
    signature: str = "",
    signing_certificate: str = "",
    notes: str = "",
    by: AbstractBaseUser | None = None,
) -> FirmwareFile:
    """Keep an image, read in pieces, and return its row.

    `signature` (Base64) and `signing_certificate` (PEM) are both given or neither, and checked against the image.
    Raises ValidationError, by field where it belongs to one: `file` for the upload itself.
    """
    firmware = FirmwareFile(
        name=name.strip(),
        version=version.strip(),
        vendor=vendor.strip(),
        model=model.strip(),
        signature="".join(signature.split()),
        signing_certificate=signing_certificate.strip().replace("\r\n", "\n"),
        notes=notes,
        uploaded_by_id=None if by is None else by.pk,
        file_name=_plain_name(upload.name or ""),
        size=0,
    )
    firmware.full_clean(exclude=["file", "size", "sha256"])
    if bool(firmware.signature) != bool(firmware.signing_certificate):
        raise ValidationError(_("A signature and its certificate belong together: give both or neither."))
    firmware.size, firmware.sha256 = _measured(upload)
    if firmware.signature:
        signatures.check(firmware.sha256, firmware.signature, firmware.signing_certificate)
    _save(firmware, upload)
    return firmware


def archive(firmware: FirmwareFile) -> None:
    """Offer a file no more; its history stays. Raises ValidationError while it is being used."""
    running = Campaign.objects.filter(firmware=firmware).exclude(
        state__in=[Campaign.State.DONE, Campaign.State.CANCELLED]
    )
    if running.exists() or FirmwareUpdate.objects.filter(firmware=firmware, ended_at=None).exists():
        raise ValidationError(_("Chargers are being updated with this file: wait until they are done, or cancel that."))
    FirmwareFile.objects.filter(pk=firmware.pk, archived_at=None).update(archived_at=timezone.now())
    firmware.refresh_from_db(fields=["archived_at"])
    changes.note(TOPIC)


def check_signature(firmware: FirmwareFile) -> signatures.Scheme:
    """How the file is signed; ValidationError if it is not, or if chargers would refuse the certificate by now."""
    if not firmware.is_signed:
        raise ValidationError(_("This file has no signature."))
    return signatures.check(firmware.sha256, firmware.signature, firmware.signing_certificate)


def largest() -> int:
    """How many bytes an image may have."""
    return int(settings.MAX_FIRMWARE_MB) * BYTES_PER_MB


def _plain_name(name: str) -> str:
    """The last part of the address: plain letters, with its ending, whatever the upload was called."""
    path = PurePath(name.replace("\\", "/"))
    stem, ending = (_NOT_PLAIN.sub("_", part).strip("_") for part in (path.stem, path.suffix))
    return f"{stem.strip('.-')[: MAX_FILE_NAME - 20] or 'firmware'}{ending[:20]}"


def _measured(upload: File[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of the upload, of which only a piece is in memory at a time."""
    digest, size, limit = hashlib.sha256(), 0, largest()
    for piece in upload.chunks():
        size += len(piece)
        if size > limit:
            problem = _("The file is larger than %(most)d MB, which MAX_FIRMWARE_MB allows.")
            raise ValidationError({"file": problem % {"most": settings.MAX_FIRMWARE_MB}})
        digest.update(piece)
    if not size:
        raise ValidationError({"file": _("The file is empty.")})
    return size, digest.hexdigest()


def _save(firmware: FirmwareFile, upload: File[bytes]) -> None:
    """The file, then its row; without the row no file stays."""
    firmware.file.save(f"{secrets.token_hex(8)}-{firmware.file_name}", upload, save=False)
    try:
        with transaction.atomic():
            firmware.validate_constraints()  # somebody may have stored the same meanwhile
            firmware.save(force_insert=True)
    except BaseException:
        firmware.file.delete(save=False)
        raise
    changes.note(TOPIC)
