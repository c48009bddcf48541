"""One row of everything, for tests that walk over the admin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from api.models import ApiKey
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
    rows["api.apikey"] = make_key(number)
    rows["jobs.job"] = Job.objects.create(kind="export_transactions", title=f"Transactions {number}")
    rows["auditlog.logentry"] = LogEntry.objects.get_for_object(station).latest()
    return rows


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
