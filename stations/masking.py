"""Secrets out of what is kept: values of secret configuration keys, and credentials in addresses."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MASK = "***"
#: Lists and objects in each other; no message of OCPP has ten levels. What is deeper is not kept: it could not be
#: looked through, nor stored, without running out of stack.
MAX_DEPTH = 64
TOO_DEEP = f"{MASK} (nested too deeply)"
_SECRET_NAME = re.compile(r"password|passwd|passphrase|authorizationkey|secret|token", re.IGNORECASE)
#: Up to the last @ before the path: people put one into passwords without escaping it.
_USER_INFO = re.compile(r"(?<=://)([^/\s:@\"]*:)?[^/\s\"]+(?=@[^@/\s\"]*)")
#: No character that begins a match may stand within one, or hostile text costs the square of its length.
_SECRET_PARAMETER = re.compile(
    r"([?&][^?=&\s\"]{0,60}(?:password|passwd|secret|token|signature|sig)[^?=&\s\"]{0,60}=)[^&\s\"#]+", re.IGNORECASE
)
#: The addresses that we give to stations for their files (`transfers.addresses`).
_TRANSFER = re.compile(r"(/transfers/)[^/?#\s\"]+")
_MASKED_ADDRESS = re.compile(r"://[^/\s@]*\*\*\*@|[?&][^?=&\s]+=\*\*\*(?:[&#]|$)|/transfers/\*\*\*(?:/|$)")
#: For torn text; bounded, so that hostile text costs no more than its length.
_SECRET_KEY_VALUE = re.compile(
    r'("key"\s*:\s*"[^"]{0,60}(?:password|passwd|passphrase|authorizationkey|secret|token)[^"]{0,60}"'
    r'[^{}]{0,200}?"value"\s*:\s*")'
    r'(?:[^"\\]|\\.)*',
    re.IGNORECASE,
)


def is_secret_key(key: str) -> bool:
    """Whether a configuration key of this name holds a secret: AuthorizationKey, and what vendors call theirs."""
    return _SECRET_NAME.search(key) is not None


def masked(value: Any) -> Any:
    """A copy of a JSON value that may be kept: the value beside a secret key, and credentials in addresses, hidden."""
    return _masked(value, 0)


def _masked(value: Any, depth: int) -> Any:
    match value:
        case dict() | list() if depth >= MAX_DEPTH:
            return TOO_DEEP
        case dict():
            hides_value = isinstance(value.get("key"), str) and is_secret_key(value["key"])
            return {
                name: MASK if hides_value and name == "value" and member else _masked(member, depth + 1)
                for name, member in value.items()
            }
        case list():
            return [_masked(item, depth + 1) for item in value]
        case str():
            return _mask_addresses(value)
        case _:
            return value


def is_masked(value: Any) -> bool:
    """Whether a secret is missing from a payload, so that it cannot be sent again."""
    values = [value]
    while values:
        match values.pop():
            case dict() as members:
                key = members.get("key")
                if isinstance(key, str) and is_secret_key(key) and members.get("value") == MASK:
                    return True
                values += members.values()
            case list() as items:
                values += items
            case str() as text if text == TOO_DEEP or _MASKED_ADDRESS.search(text):
                return True
    return False


def mask_text(text: str) -> str:
    """JSON text, whole or torn, that may be kept; returned as it is where it holds no secret. Never raises."""
    if not (_may_hold_address(text) or ('"key"' in text and _SECRET_NAME.search(text))):
        return text
    try:
        value = json.loads(text, parse_float=_finite)
    except (ValueError, RecursionError):
        return _mask_addresses(_SECRET_KEY_VALUE.sub(rf"\1{MASK}", text).replace(r"\/", "/"))
    hidden = masked(value)
    return text if hidden == value else json.dumps(hidden, ensure_ascii=False, separators=(",", ":"))


def _finite(text: str) -> float:
    """ValueError for what Python would read as infinite and write as a word that JSON does not know."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _may_hold_address(text: str) -> bool:
    """JSON may write / as \\/. Nearly every frame is without one, which is seen at once."""
    return "/" in text and ("://" in text or "transfers" in text or r":\/\/" in text)


def _mask_addresses(text: str) -> str:
    if not _may_hold_address(text):
        return text
    text = _TRANSFER.sub(rf"\1{MASK}", text)
    text = _USER_INFO.sub(lambda found: f"{found[1] or ''}{MASK}", text)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", text)
