"""Messages: from JSON to typed structs and back, and what of a station's slips is forgiven (see `tolerance`)."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec.structs import force_setattr

from ocpp_gateway import timestamps
from ocpp_gateway.errors import FormationViolation, PropertyConstraintViolation
from ocpp_gateway.frames import Repaired
from ocpp_gateway.tolerance import Open, Reading, record_of, tolerate

__all__ = ["Message", "Open", "Repaired", "decode", "encode", "has_one_decimal", "in_utc", "tolerate"]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Base of the payloads and their parts.

    Subclasses repeat `frozen=True` for mypy and say `kw_only=True`, which msgspec does not inherit. Optional members
    default to None and nothing else: `omit_defaults` would keep a connectorId of 0 off the wire where 0 is the default.
    """


M = TypeVar("M", bound=Message)

_untyped = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(message_type: type[M], payload: bytes, *, strict: bool = False) -> tuple[M, tuple[Repaired, ...]]:
    """Read a payload, and say what had to be put right: each rule and field once.

    Raises the OcppError that names the cause and the JSON path of what cannot be put right. `strict` puts nothing
    right. Times are in UTC. The payload comes from `frames.parse`, which keeps out what a database cannot store.
    """
    # Optional fields are None when absent, so msgspec would let null pass, and "" is one of the slips.
    if b"null" not in payload and b'""' not in payload:
        try:
            return _decoder(message_type).decode(payload), ()
        except (ValueError, RecursionError):
            pass  # nothing is wrong yet: most of what msgspec refuses can be repaired
    reading = Reading(strict=strict)
    try:
        return record_of(message_type).read(_members(payload), "$", reading), reading.repairs
    except RecursionError as error:
        raise FormationViolation("The payload is nested too deeply") from error


def encode(message: Message) -> bytes:
    """The payload as OCPP wants it: absent members left out, times in UTC with whole seconds."""
    if not message.__struct_fields__:
        return b"{}"  # most answers are
    return _encoder.encode(_with_written_times(msgspec.to_builtins(message, builtin_types=(datetime, Decimal))))


def in_utc(message: Message, field: str) -> None:
    """Turn a moment of a frozen message to UTC; for `__post_init__`. ValueError for one without a zone."""
    moment: datetime | None = getattr(message, field)
    if moment is None or moment.tzinfo is UTC:
        return
    if moment.tzinfo is None:
        raise ValueError(f"{field} has no time zone")
    try:
        force_setattr(message, field, moment.astimezone(UTC))
    except OverflowError as error:
        raise ValueError(f"{field} is out of range") from error


def has_one_decimal(message: Message, field: str) -> None:
    """ValueError for a number with more; for `__post_init__`."""
    number: float | None = getattr(message, field)
    if number is not None and round(number, 1) != number:
        raise ValueError(f"{field} has more than one decimal")


@cache
def _decoder(message_type: type[M]) -> msgspec.json.Decoder[M]:
    return msgspec.json.Decoder(message_type)


def _members(payload: bytes) -> dict[str, Any]:
    try:
        members = _untyped.decode(payload)
    except (msgspec.ValidationError, ArithmeticError) as error:
        raise PropertyConstraintViolation("A number is out of range") from error
    except ValueError as error:
        raise FormationViolation("The payload is not valid JSON") from error
    if not isinstance(members, dict):
        raise FormationViolation("The payload is not an object")
    return members


def _with_written_times(value: Any) -> Any:
    match value:
        case datetime():
            return timestamps.write(value)
        case dict():
            return {name: _with_written_times(member) for name, member in value.items()}
        case list() | tuple():
            return [_with_written_times(item) for item in value]
        case _:
            return value
