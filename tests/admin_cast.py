"""One row of everything, for tests that walk over the admin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from api.models import ApiKey
from charging_profiles.models import Assignment, ChargingProfile, CompositeReading
from jobs.models import Job
from stations.models import (
    ChargePoint,
    Command,
    CommandBatch,
    ConnectionAttempt,
    Connector,
    GatewayProcess,
    Message,
    ProgressReport,
    RecipeKey,
    RecipeRun,
    Repair,
    SecurityChange,
    SecurityEvent,
    Site,
    StationModel,
    StatusRecord,
    TemplateKey,
)
from transactions.models import (
    DailyEnergy,
    IdTag,
    IdTagGroup,
    LocalList,
    MeterValue,
    OrphanedStop,
    Reservation,
    Transaction,
    UnknownIdTag,
)
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile, Transfer

from .certificates import cast as certificates

AT = datetime(2026, 11, 21, 13, 2, 11, tzinfo=UTC)


def make_everything(number: int = 1) -> dict[str, Any]:
    """Rows of every model the admin shows, tied together; `number` makes their names unique."""
    now = timezone.now()
    site = Site.objects.create(name=f"Garage {number}")
    gateway = GatewayProcess.objects.create(channel=f"c{number}", host="h", pid=number)
    station = ChargePoint.objects.create(
        identity=f"CP-{number}", site=site, vendor="ABB", gateway=gateway, connection="1", connected_at=now
    )
    connector = Connector.objects.create(charge_point=station, connector_id=1, status="Charging", status_at=now)
    group = IdTagGroup.objects.create(parent_id_tag=f"FLEET{number}")
    tag = IdTag.objects.create(id_tag=f"CAFE{number}", holder="Anna", group=group)
    transaction = make_transaction(connector, tag, AT + timedelta(seconds=number))
    rows: dict[str, Any] = {
        "stations.site": site,
        "stations.chargepoint": station,
        "stations.connector": connector,
        "transactions.idtaggroup": group,
        "transactions.idtag": tag,
        "transactions.transaction": transaction,
    }
    of_station: dict[str, Any] = {"charge_point": station}
    batch = CommandBatch.objects.create(action="Reset")
    rows |= {
        "stations.statusrecord": StatusRecord.objects.create(
            connector=connector, status="Charging", reported_at=now, received_at=now
        ),
        "stations.message": Message.objects.create(
            at=now, direction="in", kind=2, action="Heartbeat", text='[2,"1","Heartbeat",{}]', **of_station
        ),
        "stations.command": Command.objects.create(action="Reset", batch=batch, **of_station),
        "stations.commandbatch": batch,
        "stations.securityevent": SecurityEvent.objects.create(type="X", occurred_at=now, **of_station),
        "stations.progressreport": ProgressReport.objects.create(kind="log", status="Idle", **of_station),
        "stations.repair": Repair.objects.create(action="A", rule="r", field="f", **of_station),
        "stations.stationmodel": make_model(number),
        "stations.reciperun": RecipeRun.objects.create(booted_at=now, **of_station),
        "stations.securitychange": SecurityChange.objects.create(
            kind="profile",
            security_profile=2,
            command=Command.objects.create(action="Reset", **of_station),
            **of_station,
        ),
        "stations.connectionattempt": ConnectionAttempt.objects.create(
            path=f"/ocpp/{number}", reason="unknown", status_code=404
        ),
        "transactions.unknownidtag": UnknownIdTag.objects.create(id_tag=f"NEW{number}", **of_station),
        "transactions.orphanedstop": OrphanedStop.objects.create(
            reported_transaction_id="7", stopped_at=now, **of_station
        ),
        "transactions.metervalue": MeterValue.objects.create(
            connector=connector, transaction=transaction, timestamp=AT, energy_wh=1500
        ),
        "transactions.dailyenergy": DailyEnergy.objects.create(connector=connector, day=AT.date(), energy_wh=-5),
        "transactions.locallist": LocalList.objects.create(**of_station),
        "transactions.reservation": Reservation.objects.create(connector=connector, id_tag="CAFE", expires_at=now),
    }
    rows |= make_transfers(number, station)
    rows |= make_profiles(number, station)
    rows |= certificates.make_all(number, station)
    rows["api.apikey"] = make_key(number)
    rows["jobs.job"] = Job.objects.create(kind="export_transactions", title=f"Transactions {number}")
    rows["auditlog.logentry"] = LogEntry.objects.get_for_object(station).latest()
    return rows


def make_transfers(number: int, station: ChargePoint) -> dict[str, Any]:
    """A firmware with a campaign and its update, and a file that the station delivered."""
    firmware = FirmwareFile.objects.create(
        name=f"Image {number}",
        version="2.0",
        vendor="ABB",
        file=default_storage.save("firmware/image.bin", ContentFile(b"image")),
        file_name="image.bin",
        size=5,
        sha256="00" * 32,
    )
    campaign = Campaign.objects.create(name=f"Spring {number}", firmware=firmware)
    life = {"charge_point": station, "expires_at": timezone.now() + timedelta(hours=1)}
    transfer = Transfer.objects.create(
        direction="upload", kind="diagnostics", token_hash=str(number), ftp_user=f"f{number}", **life
    )
    update = FirmwareUpdate.objects.create(charge_point=station, firmware=firmware, campaign=campaign)
    file = StationFile.objects.create(
        charge_point=station,
        transfer=transfer,
        kind="diagnostics",
        file=default_storage.save("station-files/log.txt", ContentFile(b"log")),
        file_name="log.txt",
        size=3,
        sha256="00" * 32,
        over="http",
    )
    return {
        "transfers.firmwarefile": firmware,
        "transfers.campaign": campaign,
        "transfers.transfer": transfer,
        "transfers.firmwareupdate": update,
        "transfers.stationfile": file,
    }


def make_profiles(number: int, station: ChargePoint) -> dict[str, Any]:
    """A profile of the library that a station follows, and what it says it makes of it."""
    now = timezone.now()
    profile = ChargingProfile.objects.create(
        name=f"Night {number}",
        recurrency="Daily",
        starts_at=AT.replace(hour=0, minute=0, second=0),
        periods=[{"start": 0, "limit": "32.0"}, {"start": 25_200, "limit": "16.0", "phases": 3}],
    )
    schedule = {
        "chargingRateUnit": "A",
        "startSchedule": "2026-11-21T00:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 32}, {"startPeriod": 25_200, "limit": 16}],
    }
    payload = {
        "chargingProfileId": 1_000_000,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": schedule,
    }
    assignment = Assignment.objects.create(
        charge_point=station,
        connector_id=0,
        profile=profile,
        charging_profile_id=1_000_000,
        purpose="TxDefaultProfile",
        stack_level=0,
        payload=payload,
        state="installed",
        installed_at=now,
    )
    said = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]}
    reading = CompositeReading.objects.create(
        charge_point=station, connector_id=1, starts_at=now, duration_s=86_400, unit="A", schedule=said
    )
    return {
        "charging_profiles.chargingprofile": profile,
        "charging_profiles.assignment": assignment,
        "charging_profiles.compositereading": reading,
    }


def make_key(number: int) -> ApiKey:
    owner = User.objects.create_user(f"api-{number}")
    return ApiKey.objects.create(name=f"Billing {number}", user=owner, digest=str(number), hint="pc_12345")


def make_model(number: int) -> StationModel:
    model = StationModel.objects.create(vendor=f"ABB {number}", recipe="own")
    TemplateKey.objects.create(station_model=model, key="HeartbeatInterval", value="300")
    RecipeKey.objects.create(station_model=model, key="HeartbeatInterval", values_text="300")
    return model


def make_transaction(connector: Connector, tag: IdTag | None, at: datetime, **fields: Any) -> Transaction:
    values: dict[str, Any] = {
        "id_tag": tag.id_tag if tag else "CAFE",
        "authorization_status": "Accepted",
        "started_at": at,
        "start_reported_at": at,
        "meter_start_wh": 1000,
        "stopped_at": at + timedelta(hours=1, seconds=1),
        "meter_stop_wh": 13345,
        "stop_reason": "EVDisconnected",
        "ended_by": "station",
        "register_wh": 13345,
        "register_at": at,
        "energy_wh": 12345,
        "flags": ["clock_suspect"],
    }
    return Transaction.objects.create(
        charge_point=connector.charge_point, connector=connector, tag=tag, **{**values, **fields}
    )
