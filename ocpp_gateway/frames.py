"""OCPP-J frames: the JSON arrays that travel over the socket (OCPP-J 1.6 §4.2)."""

import re
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Raw

from ocpp_gateway.errors import FormationViolation, OcppError, ProtocolError
from ocpp_gateway.json_repair import escape_unstorable, repair

T = TypeVar("T")

MAX_ID_LENGTH = 36
MAX_DESCRIPTION_LENGTH = 255

UniqueId = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]


class Repaired(NamedTuple):
    """A slip of the station's that was put right: a stable code, and the member as `meterValue.timestamp` or "$"."""

    rule: str
    field: str


class Call(msgspec.Struct, frozen=True):
    """A request; `payload` is the JSON text of an object, `repairs` what had to be done to the frame to read it."""

    unique_id: str
    action: str
    payload: bytes
    repairs: tuple[Repaired, ...] = ()


class CallResult(msgspec.Struct, frozen=True):
    """The answer to a request; `payload` is whatever JSON text stood there, or what is left of a torn frame."""

    unique_id: str
    payload: bytes


class CallError(msgspec.Struct, frozen=True):
    """The refusal of a request. The id is a number only where a station sent one and has to recognise it."""

    unique_id: str | int
    code: str
    description: str = ""
    details: dict[str, Any] = {}

    @classmethod
    def of(cls, unique_id: str | int, error: OcppError) -> "CallError":
        return cls(unique_id, error.code, error.description, error.details)


Frame = Call | CallResult | CallError


class FrameError(Exception):
    """A CALL that cannot be taken, but has an id that can be answered: with `CallError.of(unique_id, error)`."""

    def __init__(self, unique_id: str | int, error: OcppError) -> None:
        super().__init__(f"{error.code}: {error.description}")
        self.unique_id = unique_id
        self.error = error


_call = msgspec.json.Decoder(tuple[Literal[2], UniqueId, str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_object = msgspec.json.Decoder(dict[str, Any])
_message_id = msgspec.json.Decoder(str | int)
_text = msgspec.json.Decoder(str)
_integer = msgspec.json.Decoder(int)

# What the decoders raise on hostile text: ValueError covers bad UTF-8 and msgspec's own errors.
_UNREADABLE = (ValueError, RecursionError)
_TORN_FRAME = re.compile(r'\s*\[\s*([23])\s*,\s*"([^"]{1,36})"\s*,?')


def parse(text: str) -> Frame | None:
    """Read what a station sent.

    None means that OCPP-J wants silence: no message type of 1.6, no id to answer to, an answer out of shape. Raises
    FrameError for a CALL out of shape whose id can be read, and nothing else whatever the text is.
    """
    if "\\u" not in text:
        try:
            _, unique_id, action, payload = _call.decode(text)
        except _UNREADABLE:
            return _parse_thoroughly(text)
        raw = bytes(payload)
        if raw.startswith(b"{"):
            return Call(unique_id, action, raw)
    return _parse_thoroughly(text)


def dump(frame: Frame) -> str:
    """The frame as it goes over the wire; a description is cut to the 255 characters that OCPP-J allows."""
    match frame:
        case Call(unique_id, action, payload):
            elements = [2, unique_id, action, Raw(payload)]
        case CallResult(unique_id, payload):
            elements = [3, unique_id, Raw(payload)]
        case CallError(number_or_text, code, description, details):
            elements = [4, number_or_text, code, description[:MAX_DESCRIPTION_LENGTH], details]
    return msgspec.json.encode(elements).decode()


def _parse_thoroughly(text: str) -> Frame | None:
    storable = escape_unstorable(text)
    elements, repairs = _elements(storable)
    if storable != text:
        repairs += (Repaired("unstorable_text", "$"),)
    if elements is None:
        return _torn(storable)
    match _read(_integer, elements[0]) if elements else None:
        case 2:
            return _call_of(elements, repairs)
        case 3:
            return _result_of(elements)
        case 4:
            return _error_of(elements)
    return None


def _elements(text: str) -> tuple[list[Raw] | None, tuple[Repaired, ...]]:
    elements = _read(_array, text)
    if elements is not None or not (repaired := repair(text)):
        return elements, ()
    return _read(_array, repaired), (Repaired("json", "$"),)


def _torn(text: str) -> CallResult | None:
    """What can be saved of a text that is no JSON array: its id, for whoever waits for an answer to it."""
    match = _TORN_FRAME.match(text)
    if match is None:
        return None
    if match[1] == "3":  # Grizzl-E tears answers to GetConfiguration (lbbrhzn/ocpp#442): the command has failed
        return CallResult(match[2], text[match.end() :].encode())
    raise FrameError(match[2], FormationViolation("The frame is not valid JSON"))


def _call_of(elements: list[Raw], repairs: tuple[Repaired, ...]) -> Call | None:
    unique_id = _read(_message_id, elements[1]) if len(elements) > 1 else None
    if unique_id is None:
        return None
    if not isinstance(unique_id, str) or not 1 <= len(unique_id) <= MAX_ID_LENGTH:
        raise FrameError(unique_id, FormationViolation(f"The message id is no text of 1 to {MAX_ID_LENGTH} characters"))
    if len(elements) == 3:
        raise FrameError(unique_id, ProtocolError("The payload is missing"))
    if len(elements) != 4:
        raise FrameError(unique_id, FormationViolation(f"A CALL has 4 elements, not {len(elements)}"))
    action = _read(_text, elements[2])
    if action is None:
        raise FrameError(unique_id, FormationViolation("The action is not a text"))
    payload = _payload(elements[3])
    if not payload.startswith(b"{"):
        raise FrameError(unique_id, FormationViolation("The payload is not an object"))
    return Call(unique_id, action, payload, repairs)


def _result_of(elements: list[Raw]) -> CallResult | None:
    """One out of shape answers all the same: what stands behind its id is then no payload."""
    unique_id = _read(_text, elements[1]) if len(elements) > 1 else None
    if unique_id is None:
        return None
    return CallResult(unique_id, _payload(elements[2]) if len(elements) == 3 else b",".join(map(bytes, elements[2:])))


def _error_of(elements: list[Raw]) -> CallError | None:
    unique_id = _read(_text, elements[1]) if len(elements) > 1 else None
    if unique_id is None:
        return None
    code, description = (_read(_text, element) or "" for element in (*elements[2:4], *[Raw(b'""')] * 2)[:2])
    details = _read(_object, elements[4]) if len(elements) > 4 else None
    return CallError(unique_id, code, description, details or {})


def _payload(element: Raw) -> bytes:
    """Some stations write null for a message without members (steve-community/steve#1109)."""
    payload = bytes(element)
    return b"{}" if payload == b"null" else payload


def _read(decoder: msgspec.json.Decoder[T], text: str | Raw) -> T | None:
    try:
        return decoder.decode(text)
    except _UNREADABLE:
        return None
