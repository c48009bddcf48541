"""Request bodies: JSON that a database can store, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import msgspec
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_BYTES = 1024 * 1024
_json = msgspec.json.Decoder(float_hook=Decimal)


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class StrictJsonParser(BaseParser):
    """RFC 8259 without what PostgreSQL refuses (NUL); fractions are Decimals. Lone surrogates and NaN are no JSON."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if length > MAX_BYTES:
            raise TooLarge(_("The body is larger than 1 MiB."))
        body = stream.read(max(length, 0))
        try:
            value = _json.decode(body)
            has_nul = b"\\u0000" in body and _has_nul(value)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise ParseError(_("This is not JSON: %(reason)s.") % {"reason": str(error)[:200]}) from None
        if has_nul:
            raise ParseError(_("NUL characters cannot be stored."))
        return value


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_has_nul(name) or _has_nul(member) for name, member in value.items())
        case list():
            return any(map(_has_nul, value))
        case _:
            return False
