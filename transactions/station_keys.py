"""What a station's configuration says about its limits, as it was last read (OCPP 1.6 §9)."""

from __future__ import annotations

from django.db.models import Value
from django.db.models.functions import Upper

from stations.models import ChargePoint, ConfigurationKey

_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def text_of(charge_point: ChargePoint, key: str) -> str:
    """The value of a key, "" if the station has none or was never asked."""
    same = ConfigurationKey.objects.annotate(upper_key=Upper("key")).filter(upper_key=Upper(Value(key)))
    value = same.filter(charge_point=charge_point.pk).values_list("value", flat=True).first()
    return (value or "").strip()


def number_of(charge_point: ChargePoint, key: str) -> int | None:
    """The value of a key that holds a count; None for anything but a number above zero."""
    value = text_of(charge_point, key)
    return int(value) if value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value) else None


def truth_of(charge_point: ChargePoint, key: str) -> bool | None:
    """The value of a boolean key in any of the spellings of the field; None if it says neither."""
    value = text_of(charge_point, key).lower()
    return True if value in _TRUE else False if value in _FALSE else None


def words_of(charge_point: ChargePoint, key: str) -> set[str]:
    """The items of a comma list, in lower case, without the blanks and quotes that some stations put around them."""
    words = {word.strip(" '\"").lower() for word in text_of(charge_point, key).split(",")}
    return words - {""}
