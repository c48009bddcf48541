"""Fields that several commands share: how OCPP's types look to a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.forms.utils import to_current_timezone
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.locations import SCHEMES
from stations.models import ChargePoint

from . import suggestions
from .suggestions import Suggestions

Suggest = Callable[[ChargePoint | None], Suggestions]

MAX_INTEGER = 2**31 - 1
MAX_ID_TAG = 20
MAX_URL = 512
#: Moments that every database and every time zone can hold.
YEARS = [MinValueValidator(datetime(1971, 1, 1, tzinfo=UTC)), MaxValueValidator(datetime(2999, 12, 31, tzinfo=UTC))]
_URL = re.compile(rf"(?i)^({'|'.join(SCHEMES)})://[^\s/]\S*$")
_PEM = re.compile(r"^-----BEGIN CERTIFICATE-----\s[\s\S]*-----END CERTIFICATE-----$")


class SuggestingInput(forms.TextInput):
    """Offers what is known of the station and takes anything else; the browser's own list, so no script is needed."""

    station: ChargePoint | None = None

    def __init__(self, suggest: Suggest, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off", **(attrs or {})})
        self.suggest = suggest

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        list_id = f"{name}-known"
        options = format_html_join("", '<option value="{}">{}</option>', self.suggest(self.station))
        own = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', own, list_id, options)


class SuggestingNumber(SuggestingInput):
    input_type = "number"


class MomentInput(forms.DateTimeInput):
    """The browser's own picker, in the time zone of the page."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"step": 1}, format="%Y-%m-%dT%H:%M:%S")

    def format_value(self, value: Any) -> str | None:
        return super().format_value(to_current_timezone(value) if isinstance(value, datetime) else value)


class ClockField(forms.DateTimeField):
    """A moment by the clock of the page.

    Of the hour that the clock strikes twice in autumn it is the first time, unless only the second is still to come.
    Django refuses such a moment, and with it in that night every form that proposes one: nobody could send anything.
    """

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment: datetime | None = super().to_python(value)
        except forms.ValidationError as error:
            if error.code != "ambiguous_timezone" or error.params is None:
                raise
            entered, zone = error.params["datetime"], error.params["current_timezone"]
            first, second = (entered.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
            if first.utcoffset() < second.utcoffset():  # skipped, not struck twice
                raise
            # in UTC, for Python finds a moment of such an hour equal to none in another zone
            moment = (second if first <= timezone.now() < second else first).astimezone(UTC)
        return moment


def connector(*, station_too: bool = False, **options: Any) -> forms.IntegerField:
    """A connector's number; with `station_too` 0 means the whole station."""
    suggest = suggestions.connectors_and_station if station_too else suggestions.connectors
    return whole_number(**{"label": _("Connector"), "min_value": 0 if station_too else 1, **options}, suggest=suggest)


def whole_number(*, suggest: Suggest | None = None, **options: Any) -> forms.IntegerField:
    widget = {"widget": SuggestingNumber(suggest)} if suggest else {}
    return forms.IntegerField(**{"min_value": 0, "max_value": MAX_INTEGER, **widget, **options})


def id_tag(**options: Any) -> forms.CharField:
    known = SuggestingInput(suggestions.id_tags)
    return forms.CharField(**{"label": _("Tag"), "max_length": MAX_ID_TAG, "widget": known, **options})


def moment(**options: Any) -> forms.DateTimeField:
    return ClockField(widget=MomentInput(), validators=YEARS, **options)


def url(**options: Any) -> forms.CharField:
    """An address without Django's wish for a top-level domain: file servers stand in the local network."""
    known = RegexValidator(_URL, _("An address starts with http://, https://, ftp://, ftps:// or sftp://."))
    return forms.CharField(**{"max_length": MAX_URL, "validators": [known], **options})


def retries(**options: Any) -> forms.IntegerField:
    own = {"label": _("Retries"), "help_text": _("How often the charger tries again. Empty: as it likes.")}
    return whole_number(required=False, **{**own, **options})


def retry_interval(**options: Any) -> forms.IntegerField:
    return whole_number(required=False, **{"label": _("Seconds between tries"), **options})


class PemField(forms.CharField):
    """Certificates as text, with the line ends of a file."""

    default_validators = [RegexValidator(_PEM, _("Paste it with its lines BEGIN CERTIFICATE and END CERTIFICATE."))]

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea({"rows": 8, "class": "pem", "spellcheck": "false"}), **options)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        return "\n".join(line.rstrip() for line in text.splitlines()) if text else ""


class WordsField(forms.CharField):
    """A list of words, one a line or with commas between."""

    def __init__(self, *, max_word: int, **options: Any) -> None:
        super().__init__(widget=forms.Textarea({"rows": 3, "spellcheck": "false"}), **options)
        self.max_word = max_word

    def to_python(self, value: Any) -> Any:
        words = [word.strip() for word in re.split(r"[,\n]", super().to_python(value) or "")]
        if any(len(word) > self.max_word for word in words):
            raise forms.ValidationError(_("A name has at most %(max)d characters."), params={"max": self.max_word})
        return [word for word in words if word]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value


class LinesField(forms.CharField):
    """A table as text: each line becomes one object. Subclasses read and write a line; ValueError refuses it."""

    refusal: Any = _("Line %(number)d cannot be read: %(line)s")

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea({"rows": 5, "spellcheck": "false", "class": "lines"}), **options)

    def to_python(self, value: Any) -> Any:
        lines = enumerate((super().to_python(value) or "").splitlines(), 1)
        return [self._read(number, line.strip()) for number, line in lines if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(self.write_line, value)) if isinstance(value, list) else value

    def _read(self, number: int, line: str) -> dict[str, Any]:
        try:
            return self.read_line(line)
        except ValueError as error:
            raise forms.ValidationError(self.refusal, params={"number": number, "line": line}) from error

    @staticmethod
    def words(line: str, most: int) -> list[str]:
        """The words of a line, filled up with "" to as many as it may have."""
        words = line.split()
        if len(words) > most:
            raise ValueError(line)
        return words + [""] * (most - len(words))

    def read_line(self, line: str) -> dict[str, Any]:
        raise NotImplementedError

    def write_line(self, item: dict[str, Any]) -> str:
        raise NotImplementedError
