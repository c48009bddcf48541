"""`python -m tests.e2e.cast`: fills an installation with a plausible day, and prints the keys of examples as JSON.

Three sites, a charger in every state, two months of sessions, tags, commands, jobs, messages, people of every role.
With `--hostile`, names and texts as bad as the models let them be stand everywhere too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
from datetime import datetime, timedelta
from typing import Any

PASSWORD = "correct horse battery"
VIEWER, SITE_OPERATOR, HOLDER, OPERATOR = "vera", "otto", "hanna", "olga"

SVG = "<svg/onload=alert(1)>"
SCRIPT = "\"'><script>alert(2)</script>"
RIGHT_TO_LEFT = "\u202eevol\u202c محطة الشحن"
ENDLESS = "W" * 20_000
FOREVER = datetime(2100, 1, 1)

#: Bay → its connectors' states; None: its charger is offline.
NORTH: dict[str, tuple[str | None, ...]] = {
    "Bay 01": ("Charging", "Charging"),
    "Bay 02": ("Available",),
    "Bay 03": ("Preparing",),
    "Bay 04": ("SuspendedEV",),
    "Bay 05": ("SuspendedEVSE",),
    "Bay 06": ("Finishing",),
    "Bay 07": ("Reserved",),
    "Bay 08": ("Unavailable",),
    "Bay 09": ("Faulted",),
    "Bay 10": (None,),
}
YARD: dict[str, tuple[str | None, ...]] = {"Yard 1": ("Charging",), "Yard 2": ("Available",)}
MAKES = (("ABB", "TAC-W11-G5", "1.8.32"), ("Alfen", "Eve Single Pro", "6.5.1"), ("KEBA", "P30 x-series", "1.17.2"))
PEOPLE = (
    "Anna Meier",
    "Ben Yılmaz",
    "Carla Schmidt",
    "David Okafor",
    "Hanna Braun",
    "Pool car 2",
    "Visitor 3",
    "Jonas Weiß",
)
_RUNNING = ("Charging", "SuspendedEV", "SuspendedEVSE")


class Cast:
    """Rows of a day; chance is always the same."""

    def __init__(self) -> None:
        from django.utils import timezone

        self.now = timezone.now().replace(microsecond=0)
        self.chance = random.Random(4)

    def fill(self) -> None:
        self._places()
        self._tags()
        self._chargers()
        self._sessions()
        self._power()
        self._commands()
        self._log()
        self._jobs()
        self._people()
        self._transfers()
        self._certificates()
        self._profiles()

    # where and who

    def _places(self) -> None:
        from stations.models import GatewayProcess, Site

        self.north = Site.objects.create(
            name="Garage North", address="Nordring 12\n90408 Nürnberg", holders_may_start=True
        )
        self.yard = Site.objects.create(name="Office yard", address="Am Hof 3\n90402 Nürnberg")
        channel = {"channel": "cast", "host": "cast", "pid": 1}
        self.gateway = GatewayProcess.objects.create(**channel, beat_at=FOREVER.replace(tzinfo=self.now.tzinfo))

    def _tags(self) -> None:
        from transactions.models import IdTag, IdTagGroup

        fleet = IdTagGroup.objects.create(parent_id_tag="FLEET", name="Company cars")
        IdTagGroup.objects.create(parent_id_tag="VISITORS", name="Visitors", blocked=True)
        self.tags = []
        for number, holder in enumerate(PEOPLE):
            id_tag = f"04A1{number:02}5E7B8{number}F2"
            group = fleet if number % 2 else None
            site = self.north if number < 5 else None
            expires_at = self.now + timedelta(days=90) if number == 6 else None
            row = {"id_tag": id_tag, "holder": holder, "group": group, "site": site, "expires_at": expires_at}
            self.tags.append(IdTag.objects.create(**row))
        IdTag.objects.create(id_tag="0455B0CKED99", holder="Lost card", blocked=True)
        IdTag.objects.create(id_tag="0477E1D0AA01", holder="Trainee 2025", expires_at=self.now - timedelta(days=20))

    def _chargers(self) -> None:
        self.connectors = []
        bays = [(self.north, bay, states) for bay, states in NORTH.items()]
        bays += [(self.yard, bay, states) for bay, states in YARD.items()]
        for number, (site, bay, states) in enumerate(bays):
            self._charger(number, site, bay, states)
        self._visitors_at_the_door()

    def _charger(self, number: int, site: Any, bay: str, states: tuple[str | None, ...]) -> None:
        from stations.models import ChargePoint, ConfigurationKey, StatusRecord

        vendor, model, firmware = MAKES[number % 3]
        seen = self.now - (timedelta(seconds=20 + number) if states[0] else timedelta(minutes=37))
        line = {"gateway": self.gateway, "connection": f"c{number}", "connected_at": self.now - timedelta(days=3)}
        station = ChargePoint.objects.create(
            identity=f"{vendor.upper()}-{9000 + number}",
            name=bay,
            site=site,
            last_seen_at=seen,
            vendor=vendor,
            model=model,
            firmware_version=firmware,
            serial_number=f"SN{77120 + number}",
            registration_status="Accepted",
            accepted_at=self.now - timedelta(days=70),
            protocol="ocpp1.6",
            booted_at=self.now - timedelta(days=3),
            remote_address=f"192.168.1.{50 + number}",
            **(line if states[0] else {}),
            created_at=self.now - timedelta(days=70),
            configuration_read_at=self.now - timedelta(hours=5),
        )
        for key, value, readonly in _CONFIGURATION:
            ConfigurationKey.objects.create(charge_point=station, key=key, value=value, readonly=readonly)
        for connector_id, state in enumerate(states, start=1):
            since = self.now - timedelta(minutes=self.chance.randrange(5, 240))
            error = "GroundFailure" if state == "Faulted" else "NoError"
            connector = station.connectors.create(
                connector_id=connector_id, status=state or "Available", error_code=error, status_at=since
            )
            self.connectors.append((connector, state))
            for hours, before in enumerate(("Available", "Preparing", "Charging", "Finishing")):
                at = since - timedelta(hours=hours + 1)
                StatusRecord.objects.create(
                    connector=connector, status=before, error_code="NoError", reported_at=at, received_at=at
                )

    def _visitors_at_the_door(self) -> None:
        from stations.models import ChargePoint, ConnectionAttempt
        from transactions.models import UnknownIdTag

        ChargePoint.objects.create(
            identity="ABB-TAC-W11-9F2",
            vendor="ABB",
            model="TAC-W11-G5",
            firmware_version="1.8.32",
            serial_number="TACW1141322G0312",
            remote_address="192.168.1.57",
            discovered=True,
            gateway=self.gateway,
            connection="door",
            connected_at=self.now,
            last_seen_at=self.now,
        )
        refused = (("", "/ocpp", "no_identity", ""), ("GARAGE-2", "/ocpp/GARAGE-2", "subprotocol", "ocpp2.0.1"))
        for identity, path, reason, offered in refused:
            about = {"identity": identity, "path": path, "reason": reason, "offered": offered, "status_code": 404}
            ConnectionAttempt.objects.create(**about, remote_address="192.168.1.61", last_at=self.now, count=3)
        station = self.connectors[1][0].charge_point
        UnknownIdTag.objects.create(id_tag="04B7C81A2E6F80", charge_point=station, count=2, last_at=self.now)

    # what happened

    def _sessions(self) -> None:
        self.running: list[Any] = []
        for day in range(60, 0, -1):
            for _visit in range(self.chance.randrange(2, 6)):
                connector, _state = self.chance.choice(self.connectors)
                begun = self.now - timedelta(days=day) + timedelta(minutes=self.chance.randrange(-300, 300))
                self._finished(connector, begun, timedelta(minutes=self.chance.randrange(25, 300)))
        for connector, state in self.connectors:
            if state in _RUNNING:
                self._running(connector, state)
        from transactions.models import OrphanedStop

        OrphanedStop.objects.create(
            charge_point=self.connectors[0][0].charge_point,
            reported_transaction_id="4711",
            meter_stop_wh=98_765,
            stopped_at=self.now - timedelta(days=2),
            reason="PowerLoss",
        )

    def _finished(self, connector: Any, begun: datetime, lasted: timedelta) -> None:
        from transactions.models import DailyEnergy

        watts = self.chance.choice((3_680, 7_360, 11_040))
        energy_wh = int(watts * lasted.total_seconds() / 3600 * 0.9)
        ended = begun + lasted
        reason = self.chance.choice(("Local", "EVDisconnected", "EVDisconnected", "Remote"))
        transaction = self._transaction(
            connector,
            begun,
            energy_wh,
            stopped_at=ended,
            stop_reported_at=ended,
            stop_reason=reason,
            ended_by="station",
        )
        transaction.meter_stop_wh = transaction.register_wh
        if self.chance.random() < 0.05:
            transaction.flags, transaction.ended_by, transaction.stop_reason = ["stop_missing"], "superseded", ""
        transaction.save()
        row, _new = DailyEnergy.objects.get_or_create(connector=connector, day=begun.date())
        row.energy_wh += energy_wh
        row.save()
        if begun > self.now - timedelta(days=10):
            self._readings(transaction, lasted, watts)

    def _running(self, connector: Any, state: str) -> None:
        from transactions.models import DailyEnergy

        lasted = timedelta(minutes=self.chance.randrange(40, 150))
        watts = 11_040 if state == "Charging" else 0
        energy_wh = int(9_000 * lasted.total_seconds() / 3600)
        transaction = self._transaction(connector, self.now - lasted, energy_wh)
        connector.status_at = transaction.started_at
        connector.save()
        self.running.append(transaction)
        row, _new = DailyEnergy.objects.get_or_create(connector=connector, day=self.now.date())
        row.energy_wh += energy_wh
        row.save()
        self._readings(transaction, lasted, watts)

    def _transaction(self, connector: Any, begun: datetime, energy_wh: int, **fields: Any) -> Any:
        from transactions.models import Transaction

        is_running = "stopped_at" not in fields
        # who charges now does so at one place
        tag = self.tags[len(self.running) % len(self.tags)] if is_running else self.chance.choice(self.tags)
        start_wh = self.chance.randrange(100_000, 9_000_000)
        return Transaction.objects.create(
            charge_point=connector.charge_point,
            connector=connector,
            tag=tag,
            id_tag=tag.id_tag,
            authorization_status="Accepted",
            started_at=begun,
            start_reported_at=begun,
            meter_start_wh=start_wh,
            register_wh=start_wh + energy_wh,
            energy_wh=energy_wh,
            register_at=fields.get("stopped_at", self.now),
            start_received_at=begun,
            **fields,
        )

    def _readings(self, transaction: Any, lasted: timedelta, watts: int) -> None:
        from transactions.models import MeterValue

        steps = max(3, int(lasted.total_seconds() // 300))
        rows = []
        for step in range(steps + 1):
            share = step / steps
            power = max(0.0, (watts or 4_000) * (1 - max(0.0, share - 0.75) * 2) + 60 * math.sin(step))
            power = float(watts) if transaction.ended_by == "" else power
            amperes = round(power / 690, 1)
            columns = {"current_l1_a": amperes, "current_l2_a": amperes, "current_l3_a": amperes, "voltage_l1_v": 231}
            at = transaction.started_at + lasted * share - timedelta(seconds=20)
            energy_wh = transaction.meter_start_wh + int(transaction.energy_wh * share)
            rows.append(
                MeterValue(
                    **{"connector": transaction.connector, "transaction": transaction, "timestamp": at, **columns},
                    energy_wh=energy_wh,
                    power_w=round(power),
                    soc_percent=round(31 + 49 * share),
                )
            )
        rows[-1].samples = [{"value": 'OCMF|{"FV":"1.0"}|{"SD":"887FABF4"}', "format": "SignedData", "unit": "kWh"}]
        MeterValue.objects.bulk_create(rows)

    def _power(self) -> None:
        from transactions.models import PowerRecord

        midnight = self.now.replace(hour=0, minute=0, second=0)
        count = int((self.now - midnight).total_seconds() // 300)
        for site, most in ((self.north, 34_000), (self.yard, 16_000)):
            records = []
            for step in range(count + 1):
                hour = step / 12
                shape = math.exp(-((hour - 8.5) ** 2) / 6) + 0.7 * math.exp(-((hour - 13) ** 2) / 4)
                records.append(
                    PowerRecord(site=site, at=midnight + timedelta(minutes=5 * step), power_w=int(most * shape))
                )
            PowerRecord.objects.bulk_create(records, ignore_conflicts=True)

    def _commands(self) -> None:
        from stations.models import Command, CommandBatch
        from transactions.models import LocalList, Reservation

        stations = list(
            {connector.charge_point_id: connector.charge_point for connector, _state in self.connectors}.values()
        )
        morning = self.now - timedelta(hours=3)
        payload = {"requestedMessage": "StatusNotification"}
        batch = CommandBatch.objects.create(
            action="TriggerMessage", payload=payload, actor="anna", created_at=morning, source="screen"
        )
        for number, station in enumerate(stations):
            ends = {"status": "timed_out" if number == 3 else "accepted", "closed_at": morning + timedelta(seconds=1)}
            ends |= {"created_at": morning, "sent_at": morning}
            answer = None if number == 3 else {"status": "Accepted"}
            of_batch = {"batch": batch, "action": batch.action, "payload": batch.payload}
            Command.objects.create(
                charge_point=station, actor="anna", source="screen", answer=answer, **of_batch, **ends
            )
            LocalList.objects.create(
                charge_point=station, state=("up_to_date", "off", "pending")[number % 3], version=number
            )
        for minutes, action, payload, columns in _COMMANDS:
            at = self.now - timedelta(minutes=minutes)
            times = {
                "created_at": at,
                "sent_at": at + timedelta(seconds=1),
                "closed_at": at + timedelta(seconds=1, milliseconds=400),
            }
            known = {"charge_point": stations[0], "actor": "anna", "source": "screen", "remote_address": "192.168.1.5"}
            if columns.get("effect_status") == "seen":
                columns = {**columns, "effect_at": at + timedelta(seconds=6)}
                if action == "RemoteStartTransaction":
                    columns["effect"] = {"transaction": self.running[0].pk}
            Command.objects.create(action=action, payload=payload, **known, **{**times, **columns})
        for hours, connector in ((2, self.connectors[7][0]), (20, self.connectors[2][0])):
            Reservation.objects.create(
                connector=connector,
                id_tag=self.tags[3].id_tag,
                expires_at=self.now + timedelta(hours=hours),
                status="active",
            )

    def _log(self) -> None:
        from stations.models import Message

        station = self.connectors[0][0].charge_point
        for number, (action, request, answer) in reversed([*enumerate(_MESSAGES * 12)]):
            at = self.now - timedelta(seconds=40 * number + 5)
            frames = (("in", 2, [2, f"m{number}", action, request]), ("out", 3, [3, f"m{number}", answer]))
            for late, (direction, kind, frame) in enumerate(frames):
                Message.objects.create(
                    charge_point=station,
                    at=at + timedelta(milliseconds=7 * late),
                    direction=direction,
                    kind=kind,
                    action=action,
                    unique_id=f"m{number}",
                    text=json.dumps(frame),
                )

    def _jobs(self) -> None:
        from django.contrib.auth.models import User

        from jobs.models import Job

        owner = User.objects.filter(is_superuser=True).first()
        states = (("done", 1200, 1200), ("failed", 300, 9000), ("cancelled", 0, 0))
        for number, (state, done, total) in enumerate(states):
            title = "Transactions as XLSX" if number == 0 else "Transactions as CSV"
            message = "The disk is full." if state == "failed" else ""
            row = {"kind": "export_transactions", "title": title, "owner": owner, "language": "en", "message": message}
            ended_at = self.now - timedelta(hours=number)
            Job.objects.create(**row, state=state, done=done, total=total, ended_at=ended_at, started_at=ended_at)

    def _people(self) -> None:
        from django.contrib.auth.models import Group, User

        from people.models import Membership, Preferences
        from people.roles import HOLDERS, Role

        for name, group in ((VIEWER, Role.VIEWER.value), (OPERATOR, Role.OPERATOR.value), (HOLDER, HOLDERS)):
            user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, is_staff=group != HOLDERS)
            user.groups.add(Group.objects.get(name=group))
        of_site = User.objects.create_user(SITE_OPERATOR, "otto@example.org", PASSWORD)
        Membership.objects.create(user=of_site, site=self.north, role=Role.OPERATOR)
        card = self.tags[4]
        card.user = User.objects.get(username=HOLDER)
        card.save()
        Preferences.objects.create(user=of_site, time_zone="Europe/Berlin")

    def _transfers(self) -> None:
        from . import cast_transfers

        stations = {connector.charge_point_id: connector.charge_point for connector, _state in self.connectors}
        cast_transfers.fill([*stations.values()], self.now)

    def _certificates(self) -> None:
        from . import cast_certificates

        stations = {connector.charge_point_id: connector.charge_point for connector, _state in self.connectors}
        cast_certificates.fill([*stations.values()], self.now)

    def _profiles(self) -> None:
        from . import cast_profiles

        stations = {connector.charge_point_id: connector.charge_point for connector, _state in self.connectors}
        cast_profiles.fill([*stations.values()], self.now)

    # what nobody would write

    def be_hostile(self) -> None:
        """Bad strings wherever a charger, a card or a person can put one."""
        from stations.models import ChargePoint, Command, ConfigurationKey, Message, SecurityEvent, Site, StatusRecord
        from transactions.models import IdTag, IdTagGroup, UnknownIdTag

        site = Site.objects.create(name=(SVG + RIGHT_TO_LEFT + "W" * 100)[:100], address=ENDLESS, notes=SCRIPT)
        named = {"vendor": SVG, "model": RIGHT_TO_LEFT, "serial_number": SCRIPT, "firmware_version": "W" * 50}
        line = {"gateway": self.gateway, "connection": "x", "connected_at": self.now, "last_seen_at": self.now}
        accepted = {"registration_status": "Accepted", "accepted_at": self.now}
        name = (RIGHT_TO_LEFT + SVG + "W" * 100)[:100]
        station = ChargePoint.objects.create(
            identity=("X" + SVG + "W" * 255)[:255], name=name, site=site, notes=ENDLESS, **named, **line, **accepted
        )
        ChargePoint.objects.create(identity=("Y" + SCRIPT + "W" * 255)[:255], discovered=True, **named, **line)
        told = {"error_code": SVG, "info": (SCRIPT + "W" * 500)[:500], "vendor_error_code": (SVG + "W" * 500)[:500]}
        connector = station.connectors.create(connector_id=1, status="Faulted", status_at=self.now, **told)
        StatusRecord.objects.create(connector=connector, status=SVG, **told, reported_at=self.now, received_at=self.now)
        charging = station.connectors.create(connector_id=2, status="Charging", status_at=self.now, **told)
        group = IdTagGroup.objects.create(parent_id_tag=SVG[:20], name=("W" * 80 + SVG)[:100], notes=ENDLESS)
        tag = IdTag.objects.create(id_tag="<svg/onload=a()>", holder=name, group=group, site=site, note=ENDLESS)
        self.tags, before = [tag], self.tags
        self._finished(connector, self.now - timedelta(hours=5), timedelta(hours=1))
        self._running(charging, "Charging")
        self.tags = before
        UnknownIdTag.objects.create(id_tag=(SVG + "W" * 200)[:200], charge_point=station, count=9)
        ConfigurationKey.objects.create(charge_point=station, key=SVG, value=(SCRIPT + "W" * 500)[:500])
        SecurityEvent.objects.create(charge_point=station, type=SVG, tech_info="W" * 2550, occurred_at=self.now)
        frame = json.dumps([2, SVG, "DataTransfer", {"vendorId": SVG, "data": ENDLESS}])
        for direction in ("in", "out"):
            Message.objects.create(
                charge_point=station, at=self.now, direction=direction, kind=2, action=SVG, unique_id=SVG, text=frame
            )
        from . import cast_certificates, cast_profiles, cast_transfers

        cast_certificates.be_hostile(station, self.now, SVG + RIGHT_TO_LEFT + "W" * 100)
        cast_profiles.be_hostile(station, self.now, SVG + RIGHT_TO_LEFT + "W" * 100)
        cast_transfers.be_hostile(station, self.now, SVG + RIGHT_TO_LEFT + "W" * 100)
        ends = {"status": "failed", "sent_at": self.now, "closed_at": self.now}
        Command.objects.create(
            charge_point=station,
            action="DataTransfer",
            payload={"vendorId": SVG, "data": ENDLESS},
            answer={"status": SVG},
            error_code=SVG,
            error_description=ENDLESS,
            actor=SVG,
            **ends,
        )


_CONFIGURATION = (
    ("HeartbeatInterval", "300", False),
    ("MeterValueSampleInterval", "60", False),
    ("MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import,Current.Import", False),
    ("NumberOfConnectors", "2", True),
    ("SupportedFeatureProfiles", "Core,FirmwareManagement,SmartCharging,RemoteTrigger", True),
    ("ConnectionTimeOut", "60", False),
)
_ACCEPTED = {"status": "accepted", "answer": {"status": "Accepted"}}
_COMMANDS: tuple[tuple[int, str, dict[str, Any], dict[str, Any]], ...] = (
    (150, "Reset", {"type": "Soft"}, {**_ACCEPTED, "effect_status": "seen", "effect": {"reason": "RemoteReset"}}),
    (90, "UnlockConnector", {"connectorId": 1}, {"status": "rejected", "answer": {"status": "UnlockFailed"}}),
    (60, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}, _ACCEPTED),
    (45, "GetDiagnostics", {"location": "ftp://files.example.org/"}, {"status": "timed_out"}),
    (
        30,
        "Reset",
        {"type": "Hard"},
        {"status": "failed", "error_code": "InternalError", "error_description": "no power"},
    ),
    (
        12,
        "RemoteStartTransaction",
        {"connectorId": 1, "idTag": "04A1005E7B80F2"},
        {**_ACCEPTED, "effect_status": "seen", "effect": {"transaction": 1}},
    ),
)
_MESSAGES: tuple[tuple[str, Any, Any], ...] = (
    ("Heartbeat", {}, {"currentTime": "2026-11-21T13:02:11Z"}),
    (
        "MeterValues",
        {"connectorId": 1, "meterValue": [{"timestamp": "2026-11-21T13:02:00Z", "sampledValue": [{"value": "11040"}]}]},
        {},
    ),
    ("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}, {}),
)


def examples(hostile: bool = False) -> dict[str, Any]:
    """Keys of the rows that `tests.pages.address` needs: of the newest, or of the hostile ones."""
    from django.contrib.auth.models import User

    from certificates.models import RootCertificate
    from charging_profiles.models import Assignment, ChargingProfile
    from jobs.models import Job
    from stations.models import ChargePoint, Command, CommandBatch, Message, Site
    from transactions.models import IdTag, IdTagGroup, MeterValue, OrphanedStop, Reservation, Transaction, UnknownIdTag
    from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile

    station = ChargePoint.objects.filter(identity__startswith="X<").first() if hostile else None
    station = station or ChargePoint.objects.filter(registration_status="Accepted").order_by("pk")[0]
    sessions = Transaction.objects.filter(charge_point=station).exclude(ended_by="").order_by("-started_at")
    session = sessions[0]
    tag = session.tag or IdTag.objects.all()[0]
    person = User.objects.filter(username=SITE_OPERATOR).first() or User.objects.all()[0]
    rows: dict[str, Any] = {
        "station": station,
        "site": station.site or Site.objects.all()[0],
        "transaction": session,
        "tag": tag,
        "group": tag.group or IdTagGroup.objects.all().first(),
        "unknown": UnknownIdTag.objects.order_by("-pk").first(),
        "stop": OrphanedStop.objects.order_by("-pk").first(),
        "command": station.commands.order_by("-created_at").first() or Command.objects.all().first(),
        "batch": CommandBatch.objects.order_by("-pk").first(),
        "message": Message.objects.filter(charge_point=station).order_by("-pk").first(),
        "reservation": Reservation.objects.order_by("-pk").first(),
        "reading": MeterValue.objects.filter(transaction=session).order_by("-timestamp").first(),
        "job": Job.objects.order_by("created_at").first(),
        "assignment": Assignment.objects.filter(charge_point=station).order_by("pk").first(),
        "profile": ChargingProfile.objects.order_by("-pk" if hostile else "pk").first(),
        "certificate": station.certificates.order_by("-pk").first(),
        "signing_request": station.signing_requests.order_by("-pk").first(),
        "root_certificate": RootCertificate.objects.order_by("-pk" if hostile else "pk").first(),
        "installed_certificate": station.installed_certificates.first(),
        "security_upgrade": station.security_upgrades.first(),
        "firmware": FirmwareFile.objects.order_by("-pk").first(),
        "update": FirmwareUpdate.objects.filter(charge_point=station).order_by("-created_at").first(),
        "campaign": Campaign.objects.order_by("-created_at").first(),
        "file": StationFile.objects.filter(charge_point=station).order_by("-pk").first(),
        "person": person,
    }
    keys = {name: str(row.pk) for name, row in rows.items() if row is not None}
    account = f"account-{tag.user_id}" if tag.user_id else f"name-{tag.holder}"
    return {**keys, "person_key": account, "elsewhere": _elsewhere()}


def _elsewhere() -> dict[str, Any]:
    """Keys of rows of the yard, and of a bay of the garage."""
    from stations.models import ChargePoint
    from transactions.models import Transaction

    yard = ChargePoint.objects.filter(name="Yard 1").first()
    if yard is None:
        return {}
    session = Transaction.objects.filter(charge_point=yard).order_by("-pk")[0]
    north = ChargePoint.objects.get(name="Bay 02")
    return {"station": yard.pk, "site": yard.site_id, "transaction": session.pk, "north": north.pk}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.cast", description=__doc__)
    parser.add_argument("--hostile", action="store_true")
    hostile = parser.parse_args().hostile
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
    import django

    django.setup()
    cast = Cast()
    cast.fill()
    if hostile:
        cast.be_hostile()
    print(json.dumps(examples(hostile)))  # noqa: T201 - for whoever started it


if __name__ == "__main__":
    main()
