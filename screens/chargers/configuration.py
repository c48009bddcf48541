"""A charger's configuration: what it is set to, what it should be, what another one has."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.text import slugify
from django.utils.translation import gettext_lazy

from people.access import Access
from stations import templates
from stations.masking import is_secret_key, masked
from stations.models import ChargePoint, ConfigurationKey
from stations.templates import Difference, Drift

from ..pages import Allowed
from .filters import matching
from .now import SEND, send_url

VIEW = "stations.view_configurationkey"
_REASONS = {
    Difference.OTHER_VALUE: gettext_lazy("differs"),
    Difference.NOT_READ: gettext_lazy("not read yet"),
    Difference.MISSING: gettext_lazy("the charger does not have it"),
    Difference.READ_ONLY: gettext_lazy("read-only"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of a charger. `row` is None for one it has not reported; `wanted` is the template's value, where it has
    one, and `remark` says why it is not so; `other` is what the compared charger has, None if it lacks the key."""

    key: str
    row: ConfigurationKey | None
    wanted: str | None
    remark: str
    other: str | None
    differs: bool
    edit_url: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the tab shows. `with_station` is the other charger, `not_found` what was typed in vain."""

    settings: list[Setting]
    drifts: int
    can_be_applied: bool
    has_template: bool
    with_station: ChargePoint | None = None
    not_found: str = ""


def compare(station: ChargePoint, access: Access, other: str = "", *, only_differences: bool = False) -> Comparison:
    """The charger's keys beside its template's and those of the charger that `other` names. Six queries at most."""
    with_station = _find(access, other)
    sides = _Sides.of(station, with_station)
    may_send = access.on(SEND, station) and station.archived_at is None
    settings = [sides.setting(name, station, may_send=may_send) for name in sides.names]
    return Comparison(
        settings=[setting for setting in settings if setting.differs or not only_differences],
        drifts=len(sides.drifts),
        can_be_applied=any(drift.can_be_set for drift in sides.drifts.values()),
        has_template=bool(sides.wanted),
        with_station=with_station,
        not_found=other if other and with_station is None else "",
    )


Named = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared, all by the key in capitals: Named are (key as it is written, value)."""

    own: dict[str, ConfigurationKey]
    wanted: Named
    drifts: dict[str, Drift]
    theirs: Named | None

    @classmethod
    def of(cls, station: ChargePoint, other: ChargePoint | None) -> _Sides:
        wanted = templates.wanted_of(station)
        return cls(
            own={row.key.upper(): row for row in station.configuration_keys.all()},
            wanted=wanted,
            drifts={drift.key.upper(): drift for drift in templates.drift_of(station)} if wanted else {},
            theirs=None if other is None else _values_of(other),
        )

    @property
    def names(self) -> list[str]:
        return sorted({*self.own, *self.wanted, *(self.theirs or {})})

    def setting(self, name: str, station: ChargePoint, *, may_send: bool) -> Setting:
        row, drift = self.own.get(name), self.drifts.get(name)
        value = None if row is None else row.value or ""
        _key, wanted = self.wanted.get(name, ("", None))
        _key, other = (self.theirs or {}).get(name, ("", None))
        key = self._written(name)
        return Setting(
            key=key,
            row=row,
            wanted=None if wanted is None else masked(wanted),
            remark=str(_REASONS[drift.difference]) if drift else "",
            other=other,
            differs=drift is not None or (self.theirs is not None and not _is_same(value, other)),
            edit_url=_edit_url(station, key, value) if may_send and _is_editable(key, row) else "",
        )

    def _written(self, name: str) -> str:
        """The key as the charger writes it, else as the template or the other charger does."""
        if name in self.own:
            return self.own[name].key
        return (self.wanted.get(name) or (self.theirs or {})[name])[0]


def _find(access: Access, text: str) -> ChargePoint | None:
    """The charger of that identity, else the only one whose names hold the text."""
    if not (text := text.replace("\0", "").strip()):
        return None
    visible = access.charge_points(VIEW)
    exact = visible.filter(identity__iexact=text).first()
    if exact is not None:
        return exact
    found = list(matching(visible, text)[:2])
    return found[0] if len(found) == 1 else None


def _values_of(station: ChargePoint) -> Named:
    return {key.upper(): (key, value or "") for key, value in station.configuration_keys.values_list("key", "value")}


def _is_same(value: str | None, other: str | None) -> bool:
    if value is None or other is None:
        return value is other
    return templates.is_same(value, other)


def _is_editable(key: str, row: ConfigurationKey | None) -> bool:
    """Whether the form can change it. A secret's present value is known to nobody, and how a charger logs in is
    changed where its password is."""
    return (row is None or not row.readonly) and not is_secret_key(key) and key.upper() != "SECURITYPROFILE"


def _edit_url(station: ChargePoint, key: str, value: str | None) -> str:
    return send_url(station, "ChangeConfiguration", "configuration", key=key, value=value or "")


class ConfigurationFile(Allowed):
    """What the charger told of itself as JSON, to keep or to compare; values of secret keys were never stored."""

    permission = VIEW

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        station = get_object_or_404(self.access.charge_points(), pk=pk)
        if not self.access.on(VIEW, station):
            raise PermissionDenied
        rows = station.configuration_keys.order_by("key").values("key", "value", "readonly", "read_at")
        name = slugify(station.identity) or str(station.pk)
        response = JsonResponse(
            {
                "identity": station.identity,
                "vendor": station.vendor,
                "model": station.model,
                "firmware_version": station.firmware_version,
                "read_at": station.configuration_read_at,
                "keys": list(rows),
            },
            json_dumps_params={"indent": 2, "ensure_ascii": False},
        )
        response.headers["Content-Disposition"] = f'attachment; filename="plugcontrol-{name[:80]}-configuration.json"'
        return response
