"""Words that the tests of commands share."""

from __future__ import annotations

from django.urls import reverse

from stations.models import Command, CommandSource

SENDING = {"sending-idempotency_key": "once", "sending-if_offline": "drop"}
HOSTILE = "<script>alert(1)</script>"
IN_SHEET = {"HX-Request": "true", "HX-Target": "sheet"}


def form_url(station, action="Reset"):
    return reverse("screens:send", args=[station.pk, action])


def url_of(command):
    return reverse("screens:command", args=[command.pk])


def page_of(client, command):
    response = client.get(url_of(command))
    assert response.status_code == 200
    return response.content.decode()


def sent(station):
    """Commands of the station that were sent from the screens."""
    return Command.objects.filter(charge_point=station).exclude(source=CommandSource.SYSTEM)


def stored(station, **fields):
    return Command.objects.create(charge_point=station, **{"action": "Reset", "payload": {"type": "Soft"}, **fields})
