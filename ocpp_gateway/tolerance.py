"""The generous reading of a message: what can be put right without guessing is put right and reported.

A field's type says what is correct; `tolerate(…)` and `Open[…]` beside it say what else is understood. In strict mode
the same walk refuses what it would have repaired.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, TypedDict, TypeVar, Union, Unpack

import msgspec
from msgspec import inspect

from ocpp_gateway import timestamps
from ocpp_gateway.errors import (
    FormationViolation,
    OccurenceConstraintViolation,
    OcppError,
    PropertyConstraintViolation,
    TypeConstraintViolation,
)
from ocpp_gateway.frames import Repaired

MAX_REPAIRS = 50  # reported for one message: a station must not fill our log with the names of its members
MAX_WORD_LENGTH = 50  # of a word outside its enumeration
MAX_FIELD_LENGTH = 100
MAX_DIGITS = 40
EXCESS = 10  # text up to this many times its limit is cut, beyond that it is no slip

ABSENT = object()
MISSING = "Missing member"
_INDEX = re.compile(r"\[\d+\]")
_DIGITS = re.compile(r"\s*[+-]?\d{1,40}(\.\d{0,40})?\s*", re.ASCII)
_json = msgspec.json.Encoder(decimal_format="number")
T = TypeVar("T")


class Tolerance(TypedDict, total=False):
    """What a field takes beyond its type."""

    missing: str  # the rule that reports the absence of a required member …
    stand_in: Any  # … and what then stands in its place, else None
    former_name: str  # the member's name in OCPP 1.5, taken if the right one is missing
    unknown: str  # the word that stands for words outside the enumeration
    keep_unknown: bool  # such words stay as they are
    synonyms: Mapping[str, str]  # spellings that some edition of the schemas allows: read without a report
    aliases: Mapping[str, str]  # spellings that none allows
    fraction: Literal["round"]
    beyond: Literal["keep"]  # a number outside its range stays as it is
    decimals: int  # of a number that need not be whole; more are rounded
    keep_empty: bool  # of an optional text: "" is not the same as nothing
    json_text: bool  # any JSON value stands for its text; never cut


def tolerate(**tolerance: Unpack[Tolerance]) -> msgspec.Meta:
    return msgspec.Meta(extra=dict(tolerance))


if TYPE_CHECKING:
    Open = Union[T, str]  # noqa: UP007 - `T | str` cannot be subscripted
else:

    class Open:
        """A word of an enumeration, or any other text: msgspec reads the former at full speed, we the latter."""

        def __class_getitem__(cls, words):
            return Annotated[words, tolerate(keep_unknown=True)]


class Reading:
    """One message being read: what was put right so far, or that nothing may be."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self._repairs: dict[Repaired, None] = {}

    @property
    def repairs(self) -> tuple[Repaired, ...]:
        """Each rule and field once, however many samples it concerned."""
        return tuple(self._repairs)

    def repair(self, rule: str, path: str, otherwise: type[OcppError], description: str) -> None:
        """Report a repair; in strict mode raise the error that it would otherwise be."""
        if self.strict:
            raise otherwise(f"{description} at {path}")
        if len(self._repairs) < MAX_REPAIRS:
            field = _INDEX.sub("", path).removeprefix("$.")
            self._repairs[Repaired(rule, field[:MAX_FIELD_LENGTH])] = None


class Reader(Protocol):
    def read(self, value: Any, path: str, reading: Reading) -> Any: ...


@dataclass(frozen=True)
class Text:
    limit: int | None
    json_text: bool
    pattern: str | None = None

    def read(self, value: Any, path: str, reading: Reading) -> str:
        text = value if isinstance(value, str) else self._text_of(value, path, reading)
        if self.pattern is not None and re.search(self.pattern, text) is None:
            raise PropertyConstraintViolation(f"Not of the required form at {path}")
        if self.limit is None or len(text) <= self.limit:
            return text
        too_long = f"More than {self.limit} characters"
        if self.json_text or len(text) > EXCESS * self.limit:
            raise PropertyConstraintViolation(f"{too_long} at {path}")
        reading.repair("too_long", path, PropertyConstraintViolation, too_long)
        return text[: self.limit]

    def _text_of(self, value: Any, path: str, reading: Reading) -> str:
        if not self.json_text:
            return _text_of_scalar(value, path, reading)
        reading.repair("text_from_json", path, TypeConstraintViolation, "Expected a text")
        return _json.encode(value).decode()


def _not(expected: str, path: str) -> OcppError:
    return TypeConstraintViolation(f"Expected {expected} at {path}")


def _text_of_scalar(value: Any, path: str, reading: Reading) -> str:
    if value is None or isinstance(value, dict | list):
        raise _not("a text", path)
    reading.repair("text_from_number", path, TypeConstraintViolation, "Expected a text")
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Integer:
    least: int | None
    most: int | None
    rounds: bool
    keeps_beyond: bool = False

    def read(self, value: Any, path: str, reading: Reading) -> int:
        number = self._from_text(value, path, reading) if isinstance(value, str) else value
        if isinstance(number, Decimal):
            number = self._whole(number, path, reading)
        if not isinstance(number, int) or isinstance(number, bool):
            raise _not("an integer", path)
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            self._is_beyond(f"Not between {self.least} and {self.most}", path, reading)
        return number

    def _is_beyond(self, description: str, path: str, reading: Reading) -> None:
        if not self.keeps_beyond:
            raise PropertyConstraintViolation(f"{description} at {path}")
        reading.repair("out_of_range", path, PropertyConstraintViolation, description)

    def _from_text(self, text: str, path: str, reading: Reading) -> int | Decimal:
        if not _DIGITS.fullmatch(text):
            raise _not("an integer", path)
        reading.repair("number_from_text", path, TypeConstraintViolation, "Expected an integer")
        return Decimal(text.strip()) if "." in text else int(text)

    def _whole(self, number: Decimal, path: str, reading: Reading) -> int:
        # Without this bound 1e999999999 would become an integer of a gigabyte.
        if not number.is_finite() or number.adjusted() > MAX_DIGITS:
            raise PropertyConstraintViolation(f"Out of range at {path}")
        whole = number.to_integral_value(ROUND_HALF_UP)
        if whole == number:
            reading.repair("integer_from_float", path, TypeConstraintViolation, "Expected an integer")
        elif self.rounds:
            reading.repair("rounded", path, TypeConstraintViolation, "Expected an integer")
        else:
            raise _not("an integer", path)
        return int(whole)


@dataclass(frozen=True)
class Number:
    """One that need not be whole: an int stays one, 16 is not 16.0 on the wire."""

    decimals: int

    def read(self, value: Any, path: str, reading: Reading) -> float:
        number = self._from_text(value, path, reading) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | Decimal):
            raise _not("a number", path)
        if isinstance(number, int):
            return number
        if not math.isfinite(number) or math.isinf(float(number)):
            raise PropertyConstraintViolation(f"Out of range at {path}")
        return self._rounded(float(number), path, reading)

    def _from_text(self, text: str, path: str, reading: Reading) -> Decimal:
        if not _DIGITS.fullmatch(text):
            raise _not("a number", path)
        reading.repair("number_from_text", path, TypeConstraintViolation, "Expected a number")
        return Decimal(text.strip())

    def _rounded(self, number: float, path: str, reading: Reading) -> float:
        rounded = round(number, self.decimals)
        if rounded != number:
            too_fine = f"More than {self.decimals} decimal places"
            reading.repair("rounded", path, PropertyConstraintViolation, too_fine)
        return rounded


@dataclass(frozen=True)
class Flag:
    _WORDS: ClassVar = {"true": True, "1": True, "false": False, "0": False}

    def read(self, value: Any, path: str, reading: Reading) -> bool:
        if isinstance(value, bool):
            return value
        flag = self._WORDS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
        if flag is None:
            raise _not("true or false", path)
        reading.repair("flag_from_text", path, TypeConstraintViolation, "Expected true or false")
        return flag


@dataclass(frozen=True)
class Word:
    words: frozenset[str]
    by_case: Mapping[str, str]
    synonyms: Mapping[str, str]
    aliases: Mapping[str, str]
    unknown: str | None
    keeps_unknown: bool

    def read(self, value: Any, path: str, reading: Reading) -> str:
        word = value if isinstance(value, str) else _text_of_scalar(value, path, reading)
        if word in self.words:
            return word
        if word in self.synonyms:
            return self.synonyms[word]
        return self._repaired(word, path, reading)

    def _repaired(self, word: str, path: str, reading: Reading) -> str:
        outside = PropertyConstraintViolation, "Outside the enumeration"
        folded = word.strip().lower()
        if folded in self.by_case:
            reading.repair("enum_case", path, *outside)
            return self.by_case[folded]
        if folded in self.aliases:
            reading.repair("alias", path, *outside)
            return self.aliases[folded]
        if self.unknown is None and not self.keeps_unknown:
            raise PropertyConstraintViolation(f"{outside[1]} at {path}")
        reading.repair("unknown_enum", path, *outside)
        return self.unknown or word[:MAX_WORD_LENGTH]


@dataclass(frozen=True)
class Moment:
    may_be_none: bool

    def read(self, value: Any, path: str, reading: Reading) -> Any:
        moment, has_zone = timestamps.read(value) if isinstance(value, str) else (None, True)
        if moment is None and not self.may_be_none:
            raise PropertyConstraintViolation(f"No date and time at {path}")
        if moment is None:
            reading.repair("unreadable_time", path, PropertyConstraintViolation, "No date and time")
        elif not has_zone:
            reading.repair("time_without_zone", path, PropertyConstraintViolation, "A time without its zone")
        return moment


@dataclass(frozen=True)
class Listing:
    item: Reader
    least: int = 0

    def read(self, value: Any, path: str, reading: Reading) -> tuple[Any, ...]:
        if isinstance(value, dict):
            reading.repair("object_to_list", path, TypeConstraintViolation, "Expected a list")
            value = [value]
        if not isinstance(value, list):
            raise _not("a list", path)
        if len(value) < self.least:
            reading.repair("too_few", path, OccurenceConstraintViolation, f"Fewer than {self.least} entries")
        return tuple(self.item.read(item, f"{path}[{index}]", reading) for index, item in enumerate(value))


@dataclass(frozen=True)
class Member:
    attribute: str
    name: str
    reader: Reader
    required: bool
    nullable: bool
    tolerance: Tolerance

    def take(self, rest: dict[str, Any], at: str, reading: Reading) -> Any:
        """The member's value, read, and out of `rest`, where what nobody takes is unknown."""
        path = f"{at}.{self.name}"
        value = self._find(rest, path, reading)
        if value is not ABSENT:
            return self.reader.read(value, path, reading)
        if not self.required:
            return None
        if "missing" not in self.tolerance:
            raise OccurenceConstraintViolation(f"{MISSING} at {path}")
        reading.repair(self.tolerance["missing"], path, OccurenceConstraintViolation, MISSING)
        return self.tolerance.get("stand_in")

    def _find(self, rest: dict[str, Any], path: str, reading: Reading) -> Any:
        value = rest.pop(self.name, ABSENT)
        former_name = self.tolerance.get("former_name")
        if value is ABSENT and former_name in rest:
            reading.repair("alias", path, OccurenceConstraintViolation, MISSING)
            value = rest.pop(former_name)
        if value is None:
            reading.repair("null_dropped", path, TypeConstraintViolation, "null")
            return ABSENT
        # An empty text is a text: in strict mode the reader judges it.
        is_empty = value == "" and not self.tolerance.get("keep_empty", False)
        if is_empty and self.nullable and not reading.strict:
            reading.repair("empty_dropped", path, TypeConstraintViolation, "Empty text")
            return ABSENT
        return value


@dataclass(frozen=True)
class Record:
    build: Callable[..., Any]
    members: tuple[Member, ...]

    def read(self, value: Any, path: str, reading: Reading) -> Any:
        if not isinstance(value, dict):
            raise _not("an object", path)
        rest = dict(value)
        taken = {member.attribute: member.take(rest, path, reading) for member in self.members}
        for name in rest:
            reading.repair("unknown_member", f"{path}.{name[:MAX_FIELD_LENGTH]}", FormationViolation, "Unknown member")
        return self.build(**taken)


@cache
def record_of(message_type: type) -> Record:
    """The reader that a message's annotations describe."""
    described = inspect.type_info(message_type)
    assert isinstance(described, inspect.StructType)  # noqa: S101 - for mypy
    return _record(described)


def _record(struct: inspect.StructType) -> Record:
    return Record(struct.cls, tuple(map(_member, struct.fields)))


def _member(field: inspect.Field) -> Member:
    bare, nullable, tolerance = _unwrapped(field.type)
    return Member(
        field.name, field.encode_name, _reader(bare, nullable, tolerance), field.required, nullable, tolerance
    )


def _unwrapped(wrapped: inspect.Type) -> tuple[inspect.Type, bool, Tolerance]:
    """A field's type without its Annotated and its `| None`, in whatever order they were put around it."""
    tolerance: dict[str, Any] = {}
    nullable = False
    while True:
        match wrapped:
            case inspect.Metadata():
                tolerance |= wrapped.extra or {}
                wrapped = wrapped.type
            case inspect.UnionType():
                nullable = nullable or wrapped.includes_none
                wrapped = _only(part for part in wrapped.types if not isinstance(part, inspect.NoneType))
            case _:
                return wrapped, nullable, Tolerance(**tolerance)  # type: ignore[typeddict-item]


def _only(parts: Iterable[inspect.Type]) -> inspect.Type:
    """The one type of a union beside None; `int | float` is a number like any other."""
    kinds = list(parts)
    numbers = [kind for kind in kinds if isinstance(kind, inspect.FloatType)]
    (only,) = numbers or kinds
    return only


def _reader(bare: inspect.Type, nullable: bool, tolerance: Tolerance) -> Reader:
    match bare:
        case inspect.StrType():
            return Text(bare.max_length, tolerance.get("json_text", False), bare.pattern)
        case inspect.IntType():
            return Integer(bare.ge, bare.le, "fraction" in tolerance, "beyond" in tolerance)
        case inspect.FloatType():
            return Number(tolerance["decimals"])
        case inspect.BoolType():
            return Flag()
        case inspect.LiteralType():
            return _word(bare, tolerance)
        case inspect.DateTimeType():
            return Moment(nullable)
        case inspect.VarTupleType():
            item, item_nullable, item_tolerance = _unwrapped(bare.item_type)
            return Listing(_reader(item, item_nullable, item_tolerance), bare.min_length or 0)
        case inspect.StructType():
            return _record(bare)
        case _:
            raise TypeError(f"Messages have no fields of the kind {bare}")


def _word(literal: inspect.LiteralType, tolerance: Tolerance) -> Word:
    words = frozenset(map(str, literal.values))
    synonyms = tolerance.get("synonyms", {})
    folded_synonyms = {spelling.lower(): word for spelling, word in synonyms.items()}
    return Word(
        words=words,
        by_case=folded_synonyms | {word.lower(): word for word in words},
        synonyms=synonyms,
        aliases={spelling.lower(): word for spelling, word in tolerance.get("aliases", {}).items()},
        unknown=tolerance.get("unknown"),
        keeps_unknown=tolerance.get("keep_unknown", False),
    )
