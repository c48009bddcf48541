"""The OCPP log: frames as rows, with secrets masked and what a database cannot hold escaped."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from stations import write_batch
from stations.masking import mask_text
from stations.models import Message

MAX_TEXT = 100_000
#: Beyond what is kept of a frame, for a secret that begins before the cut and is known by what follows it.
_MARGIN = 10_000


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
        text=kept(text),
    )


def wants(*, is_error: bool) -> bool:
    """Whether MESSAGE_LOG asks for a frame: all, those of failed exchanges, or none."""
    return settings.MESSAGE_LOG == "all" or (is_error and settings.MESSAGE_LOG == "errors")


def kept(text: str) -> str:
    """What is kept of JSON text, whole or torn. It is cut before it is masked: the rest would cost time for nothing."""
    if len(text) <= MAX_TEXT + _MARGIN:
        return storable(mask_text(text))
    return storable(mask_text(text[: MAX_TEXT + _MARGIN]), len(text))


def storable(text: str, length: int = 0) -> str:
    """Escape NUL and lone surrogates, which PostgreSQL refuses, and cut what is absurdly long.

    `length` is that of the whole where `text` is the beginning only.
    """
    if max(len(text), length) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}… ({length or len(text)} characters)"
    if "\0" in text:
        text = text.replace("\0", "\\u0000")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text
