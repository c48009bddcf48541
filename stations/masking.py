"""Secrets out of what is kept: values of secret configuration keys, and credentials in addresses."""

from __future__ import annotations

import json
import re
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile(r"password|passwd|passphrase|authorizationkey|secret|token", re.IGNORECASE)
#: Up to the last @ before the path: people put one into passwords without escaping it.
_USER_INFO = re.compile(r"(?<=://)([^/\s:@\"]*:)?[^/\s\"]+(?=@[^@/\s\"]*)")
_SECRET_PARAMETER = re.compile(
    r"([?&][^=&\s\"]{0,60}(?:password|passwd|secret|token|signature|sig)[^=&\s\"]{0,60}=)[^&\s\"#]+", re.IGNORECASE
)
_MASKED_ADDRESS = re.compile(r"://[^/\s@]*\*\*\*@|[?&][^=&\s]+=\*\*\*(?:[&#]|$)")
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
    match value:
        case dict():
            hides_value = isinstance(value.get("key"), str) and is_secret_key(value["key"])
            return {
                name: MASK if hides_value and name == "value" and member else masked(member)
                for name, member in value.items()
            }
        case list():
            return [masked(item) for item in value]
        case str():
            return _mask_addresses(value)
        case _:
            return value


def is_masked(value: Any) -> bool:
    """Whether a secret is missing from a payload, so that it cannot be sent again."""
    match value:
        case dict():
            hidden = isinstance(value.get("key"), str) and is_secret_key(value["key"]) and value.get("value") == MASK
            return hidden or any(is_masked(member) for member in value.values())
        case list():
            return any(is_masked(item) for item in value)
        case str():
            return _MASKED_ADDRESS.search(value) is not None
        case _:
            return False


def mask_text(text: str) -> str:
    """JSON text, whole or torn, that may be kept; returned as it is where it holds no secret."""
    if not ("://" in text or ('"key"' in text and _SECRET_NAME.search(text))):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _mask_addresses(_SECRET_KEY_VALUE.sub(rf"\1{MASK}", text))
    hidden = masked(value)
    return text if hidden == value else json.dumps(hidden, ensure_ascii=False, separators=(",", ":"))


def _mask_addresses(text: str) -> str:
    if "://" not in text:
        return text
    text = _USER_INFO.sub(lambda found: f"{found[1] or ''}{MASK}", text)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", text)
