"""The OCPP log: frames as rows, with secrets masked and what a database cannot hold escaped."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from stations import write_batch
from stations.masking import mask_text
from stations.models import Message

MAX_TEXT = 100_000


def record(
    charge_point_id: int,
    *,
    at: datetime,
    direction: str,
    kind: int,
    text: str,
    action: str = "",
    unique_id: object = "",
) -> None:
    """Add one frame to the log, in the same transaction as the fact it carries."""
    write_batch.insert(
        Message,
        charge_point_id=charge_point_id,
        at=at,
        direction=direction,
        kind=kind,
        action=storable(action)[:50],
        unique_id=storable(str(unique_id))[:100],
        text=storable(mask_text(text)),
    )


def wants(*, is_error: bool) -> bool:
    """Whether MESSAGE_LOG asks for a frame: all, those of failed exchanges, or none."""
    return settings.MESSAGE_LOG == "all" or (is_error and settings.MESSAGE_LOG == "errors")


def storable(text: str) -> str:
    """Escape NUL and lone surrogates, which PostgreSQL refuses, and cut what is absurdly long."""
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}… ({len(text)} characters)"
    if "\0" in text:
        text = text.replace("\0", "\\u0000")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text
