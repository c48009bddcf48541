"""Local authorization list (OCPP 1.6 §3.5.2, §5.10, §5.15)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from . import fields
from .base import CommandForm, Values

STATUSES = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")


class TagLinesField(fields.LinesField):
    """`CAFE`, `CAFE Blocked`, `CAFE Accepted 2027-01-31 FLEET`: number, status, valid until, group; `-CAFE` removes."""

    def read_line(self, line: str) -> dict[str, Any]:
        if line.startswith("-"):
            return {"idTag": _tag(line[1:].strip())}
        number, status, expiry, parent = self.words(line, 4)
        info = {"status": status or "Accepted", "expiryDate": _moment(expiry), "parentIdTag": parent and _tag(parent)}
        if info["status"] not in STATUSES:
            raise ValueError(line)
        return {"idTag": _tag(number), "idTagInfo": {name: value for name, value in info.items() if value}}

    def write_line(self, item: dict[str, Any]) -> str:
        info = item.get("idTagInfo")
        if info is None:
            return f"-{item['idTag']}"
        expiry = info.get("expiryDate") or ("-" if "parentIdTag" in info else "")
        return " ".join(filter(None, (item["idTag"], info["status"], expiry, info.get("parentIdTag"))))


def _tag(number: str) -> str:
    if not 0 < len(number) <= fields.MAX_ID_TAG or " " in number:
        raise ValueError(number)
    return number


def _moment(text: str) -> str:
    """A date or moment as the wire wants it; "" and "-" stand for none."""
    if text in ("", "-"):
        return ""
    if parse_date(text) and len(text) == len("2027-01-31"):
        return f"{text}T00:00:00Z"
    if (at := parse_datetime(text)) is None or at.tzinfo is None:
        raise ValueError(text)
    return text


class GetLocalListVersion(CommandForm):
    action = "GetLocalListVersion"
    title = _("Ask for the local list's version")
    explanation = _("0 means an empty list, −1 that the charger has no local list.")


class SendLocalList(CommandForm):
    action = "SendLocalList"
    title = _("Send a local list by hand")
    explanation = _("The tags the charger lets charge while it is offline. Publishing sends the right list by itself.")

    list_version = fields.whole_number(label=_("Version"), min_value=1, help_text=_("Of the list after this update."))
    update_type = forms.ChoiceField(
        label=_("Update"),
        choices=[("Full", _("Replace the list")), ("Differential", _("Change the tags below"))],
        widget=forms.RadioSelect,
        initial="Full",
    )
    local_authorization_list = TagLinesField(
        label=_("Tags"),
        required=False,
        help_text=_(
            "One a line: number, status (Accepted, Blocked, Expired, Invalid), valid until (2027-01-31 or -), group. "
            "Only the number is needed. -NUMBER removes a tag. Empty with “Replace the list” empties it."
        ),
    )

    def check(self, values: Values) -> None:
        entries = values["local_authorization_list"]
        if values["update_type"] == "Full" and any("idTagInfo" not in entry for entry in entries):
            self.add_error("local_authorization_list", _("A full list holds no removals."))


FORMS: tuple[type[CommandForm], ...] = (GetLocalListVersion, SendLocalList)
