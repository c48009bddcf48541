"""What the forms of all commands have in common: a field per member, by name, in both directions.

`id_tag` is the member `idTag`; `log__remote_location` is `remoteLocation` inside `log`. Whoever fills in a form reads
labels; whoever reads the code sees the specification's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from ocpp_gateway.errors import OcppError
from ocpp_gateway.v16.outgoing import read_payload
from stations.commands import Origin, queue_command
from stations.masking import is_masked
from stations.models import ChargePoint, Command

from .fields import SuggestingInput
from .sending import OnceForm, SendingForm

Values = dict[str, Any]
_NOTHING: tuple[Any, ...] = (None, "", [], {})
MASKED = _("A secret in it was not kept and stands here as ***: type it again.")


class StationForm(forms.Form):
    """Something a station can be told; `command` is what to send, (action, payload), once the form is valid.

    `station` is None when it goes to many; then nothing of a station can be offered.
    """

    #: In addresses.
    name: ClassVar[str]
    #: The specification's name of what is sent, if it is always the same.
    code: ClassVar[str] = ""
    #: What it does as a verb: the heading and the button.
    title: ClassVar[Any]
    explanation: ClassVar[Any]
    #: What happens to sessions that run; shown only while some do.
    on_running: ClassVar[Any] = ""
    #: Whether one payload can make sense for many stations.
    for_many: ClassVar[bool] = True
    sending_class: ClassVar[type[OnceForm]] = SendingForm

    command: tuple[str, dict[str, Any]]

    def __init__(self, *args: Any, station: ChargePoint | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.station = station
        for field in self.fields.values():
            if isinstance(field.widget, SuggestingInput):
                field.widget.station = station

    def queue(self, station: ChargePoint, origin: Origin, sending: OnceForm) -> Command:
        """Send what was filled in. Raises CommandRefused."""
        action, payload = self.command
        return queue_command(
            station,
            action,
            payload,
            origin=origin,
            valid_until=sending.valid_until,
            idempotency_key=sending.idempotency,
        )


class CommandForm(StationForm):
    """One command of the specification."""

    action: ClassVar[str]
    #: Fields that help to fill in the others and are no members of the payload.
    helpers: ClassVar[tuple[str, ...]] = ()
    #: Members that are sent even if they are empty.
    kept_empty: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = cls.code = cls.action

    @classmethod
    def compose(cls, values: Values) -> dict[str, Any]:
        """The payload made of the fields' values; members nobody filled in are absent."""
        payload: dict[str, Any] = {}
        for name, value in values.items():
            if name not in cls.helpers and (value not in _NOTHING or name in cls.kept_empty):
                *parents, member = map(camel, name.split("__"))
                owner = payload
                for parent in parents:
                    owner = owner.setdefault(parent, {})
                owner[member] = on_the_wire(value)
        return payload

    @classmethod
    def entries(cls, payload: Mapping[str, Any]) -> Values:
        """The values that would make this payload again, as far as the form has fields for its members."""
        names = (name for name in cls.base_fields if name not in cls.helpers)
        found = {name: _member(payload, name) for name in names}
        return {name: _entry(cls.base_fields[name], value) for name, value in found.items() if value is not None}

    @classmethod
    def can_show(cls, payload: Mapping[str, Any]) -> bool:
        """Whether the form can make exactly this payload; what an expert wrote may have more to it."""
        return cls.compose(cls.entries(payload)) == payload

    def clean(self) -> Values:
        cleaned = super().clean() or {}
        if not self.errors:
            self.check(cleaned)
        if not self.errors:
            self._settle(cleaned)
        return cleaned

    def check(self, values: Values) -> None:
        """What the fields cannot know of each other; errors through `add_error`."""

    def _settle(self, values: Values) -> None:
        payload = self.compose(values)
        if is_masked(payload):
            self.add_error(None, MASKED)
            return
        try:
            self.command = self.action, read_payload(self.action, payload)
        except OcppError as error:
            self.add_error(None, error.description or error.code)


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def on_the_wire(value: Any) -> Any:
    """Moments in UTC with whole seconds, decimals as the shortest number."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
    return value


def _member(payload: Mapping[str, Any], name: str) -> Any:
    value: Any = payload
    for member in map(camel, name.split("__")):
        value = value.get(member) if isinstance(value, Mapping) else None
    return value


def _entry(field: forms.Field, value: Any) -> Any:
    if isinstance(field, forms.DateTimeField) and isinstance(value, str):
        return parse_datetime(value)
    return Decimal(str(value)) if isinstance(field, forms.DecimalField) and isinstance(value, int | float) else value
