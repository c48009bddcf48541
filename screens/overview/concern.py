"""A thing that needs a person, and who looks for such things."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from people.access import Access
from stations.models.gateway_process import alive_since

#: No list of worries is read to its hundredth line.
MOST = 50


@dataclass(frozen=True, slots=True)
class Concern:
    """`kind` is the icon, `subject` what it is about, `url` its page; `action` leads to `action_url`.

    `in_sheet`: the action is a form that opens beside the page.
    """

    kind: str
    subject: str
    text: str
    since: datetime | None
    url: str
    action: Any
    action_url: str
    in_sheet: bool = False


@dataclass(frozen=True)
class View:
    """What somebody may see, at one site or at all of theirs, as of now."""

    access: Access
    site: int | None
    now: datetime

    def narrow(self, rows: Any, permission: str, charge_point: str) -> Any:
        """Rows of chargers in use that the reader may see; `charge_point` is the lookup to the charger, with `__`."""
        rows = self.access.narrow(rows, permission, f"{charge_point}site")
        if self.site is not None:
            rows = rows.filter(**{f"{charge_point}site": self.site})
        return rows.filter(**{f"{charge_point}archived_at": None})

    def online(self, charge_point: str) -> Q:
        beat = {f"{charge_point}gateway__beat_at__gt": alive_since()}
        return ~Q(**{f"{charge_point}connection": ""}) & Q(**beat)
