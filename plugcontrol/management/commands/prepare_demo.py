"""`manage.py prepare_demo`: the site, cards and chargers that `make demo` lets live."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from simulator import demo
from stations.commands import Origin
from stations.models import ChargePoint, CommandSource, Site
from stations.services import approve_charge_point
from transactions.models import IdTag

SITE = "Demo garage"


class Command(BaseCommand):
    help = "Enter what the demo needs. What is there already stays as it is."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        site, _new = Site.objects.get_or_create(name=SITE, defaults={"holders_may_start": True})
        for id_tag in demo.ID_TAGS:
            holder = id_tag.removeprefix("DEMO-").capitalize()
            IdTag.objects.get_or_create(id_tag=id_tag, defaults={"holder": holder, "site": site})
        for identity, name in demo.APPROVED.items():
            station, created = ChargePoint.objects.get_or_create(
                identity=identity, defaults={"name": name, "site": site}
            )
            if created:
                approve_charge_point(station, origin=Origin(CommandSource.COMMAND_LINE))
