"""The OCPP log: what was said on the lines, newest first."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from people.access import Access
from stations.masking import mask_text
from stations.models import ChargePoint, Command, Message

from ..pages import Page
from ..tag_numbers import hide_tags
from .download import CAP
from .forms import VIEW, MessageFilters
from .pairs import partner_of, partners, round_trip_ms
from .search import BEGINNING, ERRORS, Asked, search

#: More chargers than these are not followed by their own topics, but by looking every few seconds.
MAX_TOPICS = 50
MAX_ID = 2**63 - 1
#: `[2,"id","Action",` and `[3,"id",`: what the other columns say already.
_ENVELOPE = re.compile(r'^\s*\[\s*\d\s*,\s*"(?:[^"\\]|\\.){0,200}"\s*,\s*(?:"[^"]{0,60}"\s*,\s*)?')


@dataclass(frozen=True, slots=True)
class Line:
    """A message in the list. `ms`: from the CALL to its answer, None where one of both is not known."""

    message: Message
    charger: ChargePoint | None
    summary: str
    partner: Message | None
    ms: int | None

    @property
    def is_error(self) -> bool:
        return self.message.kind in ERRORS


def lines_of(messages: Sequence[Message], access: Access) -> list[Line]:
    """Two queries for any number of messages; they carry `beginning`."""
    pairs = partners(messages)
    chargers = chargers_of(messages)
    return [_line(row, chargers.get(row.charge_point_id), pairs.get(row.pk), access) for row in messages]


def chargers_of(messages: Iterable[Message]) -> dict[int, ChargePoint]:
    """A charger that was never approved may be gone while its messages are still kept."""
    return ChargePoint.objects.in_bulk({message.charge_point_id for message in messages})


def _line(message: Any, charger: ChargePoint | None, partner: Message | None, access: Access) -> Line:
    said = mask_text(message.beginning)
    if len(message.beginning) < BEGINNING:
        said = said.rstrip().removesuffix("]")
    summary = hide_tags(_ENVELOPE.sub("", said), access)
    ms = round_trip_ms(message, partner) if partner else None
    return Line(message, charger, summary, partner, ms)


class MessageLog(Page):
    """`before` is the id from which to go on back; `follow` keeps the newest on the screen."""

    permission = VIEW
    template_name = "screens/messages/list.html"
    parts = {"list": "screens/messages/_list.html", "messages": "screens/messages/_list.html"}

    @cached_property
    def form(self) -> MessageFilters:
        return MessageFilters(self.request.GET, access=self.access)

    @cached_property
    def before(self) -> int | None:
        """Raises Http404 for what no link of ours says."""
        text = self.request.GET.get("before", "")
        if text and not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_ID):
            raise Http404
        return int(text) if text else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked = self.form.asked()
        found = search(asked, self.before)
        follows = self.form.is_valid() and self.form.cleaned_data["follow"] and self.before is None
        return super().get_context_data(
            filterset={"form": self.form},
            is_filtered=not self.form.is_empty,
            lines=lines_of(found.messages, self.access),
            found=found,
            before=self.before,
            follows=follows,
            topics=self.topics(asked) if follows else "",
            retention_days=settings.MESSAGE_RETENTION_DAYS,
            kept=settings.MESSAGE_LOG,
            cap=CAP,
            **kwargs,
        )

    def topics(self, asked: Asked) -> str:
        """What rings when a message came; "" where that would be every charger."""
        few = asked.stations is not None and len(asked.stations) <= MAX_TOPICS
        return " ".join(f"station:{pk}" for pk in asked.stations or ()) if few else ""


class MessagePage(Page):
    """A message with its other half, whole."""

    permission = VIEW
    template_name = "screens/messages/message.html"
    parts = {"sheet": "screens/messages/_message.html"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        message = get_object_or_404(Message, pk=self.kwargs["pk"])
        charger = ChargePoint.objects.filter(pk=message.charge_point_id).first()
        if not (self.access.on(VIEW, charger) if charger else self.access.everywhere(VIEW)):
            raise Http404
        partner = partner_of(message)
        exchange = sorted(filter(None, [message, partner]), key=lambda half: (half.at, half.pk))
        return super().get_context_data(
            message=message,
            charger=charger,
            exchange=exchange,
            ms=partner and round_trip_ms(message, partner),
            command=self._command(message, charger),
            **kwargs,
        )

    def _command(self, message: Message, charger: ChargePoint | None) -> Command | None:
        """The command of ours that the message carried or answered."""
        if charger is None or not self.access.on("stations.view_command", charger):
            return None
        try:
            return Command.objects.filter(pk=uuid.UUID(message.unique_id), charge_point=charger).first()
        except ValueError:
            return None
