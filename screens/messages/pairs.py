"""A CALL and its answer: two messages with one id, in opposite directions, soon after each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import Q

from stations.models import Message

#: Stations use ids again; what comes later than this is no answer.
WITHIN = timedelta(minutes=5)


def partners(messages: Sequence[Message]) -> dict[int, Message]:
    """The other half of each message that has one, by the message's key; without texts. One query at most."""
    pairs = _matched(messages, messages)
    alone = [message for message in messages if message.pk not in pairs and _can_pair(message)]
    if alone:
        places = Q()
        for message in alone:
            places |= _place_of_partner(message)
        pairs |= _matched(alone, Message.objects.filter(places).defer("text"))
    return pairs


def partner_of(message: Message) -> Message | None:
    """The other half, with its text."""
    if not _can_pair(message):
        return None
    return _matched([message], Message.objects.filter(_place_of_partner(message))).get(message.pk)


def round_trip_ms(message: Message, partner: Message) -> int:
    return round(abs(partner.at - message.at) / timedelta(milliseconds=1))


def _can_pair(message: Message) -> bool:
    return bool(message.unique_id) and message.kind != Message.Kind.UNREADABLE


def _is_call(message: Message) -> bool:
    return message.kind == Message.Kind.CALL


def _place_of_partner(message: Message) -> Q:
    """Where to look: after a CALL for its answer, before an answer for its CALL."""
    first, last = (message.at, message.at + WITHIN) if _is_call(message) else (message.at - WITHIN, message.at)
    return Q(charge_point=message.charge_point_id, at__gte=first, at__lte=last, unique_id=message.unique_id)


def _matched(messages: Sequence[Message], candidates: Iterable[Message]) -> dict[int, Message]:
    by_id: dict[tuple[int, str], list[Message]] = defaultdict(list)
    for candidate in candidates:
        by_id[candidate.charge_point_id, candidate.unique_id].append(candidate)
    pairs = {}
    for message in filter(_can_pair, messages):
        fitting = [other for other in by_id[message.charge_point_id, message.unique_id] if _belong(message, other)]
        if fitting:
            pairs[message.pk] = min(fitting, key=lambda other: abs(other.at - message.at))
    return pairs


def _belong(message: Message, other: Message) -> bool:
    call, answer = (message, other) if _is_call(message) else (other, message)
    return (
        _is_call(call)
        and _can_pair(answer)
        and not _is_call(answer)
        and call.direction != answer.direction
        and timedelta(0) <= answer.at - call.at <= WITHIN
    )
