"""A station speaks for itself only: whatever one says, no row of another changes (S27)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charging_profiles.models import Assignment, CompositeReading
from stations import commands
from stations.models import ChargePoint, Command, ConfigurationKey, Message
from tests.certificates import pki
from tests.conftest import make_station
from tests.our_commands import ACCEPTED, PAYLOADS, PROFILE, SCHEDULE
from tests.rows import held, names, of_station, touched
from tests.scenarios.speech import at, meter_value, meters, shows, start, starts, stop, stops
from transactions.models import LocalList, Reservation
from transfers.models import FirmwareFile, FirmwareUpdate

ROUNDS, AT_ONCE = 20, 25
_numbers = count(1)
#: What a thief might have read on the other's socket, filled in once it exists.
Loot = dict[str, Any]


def _belongings(station: ChargePoint) -> Loot:
    """Rows of a station that no message of its own makes."""
    later = timezone.now() + timedelta(days=1)
    connector = station.connectors.get(connector_id=2)
    reservation = Reservation.objects.create(connector=connector, id_tag="BOB", expires_at=later)
    firmware = FirmwareFile.objects.create(name="1.0", version="1.0", file="f", file_name="f", size=1, sha256="0")
    update = FirmwareUpdate.objects.create(
        charge_point=station, firmware=firmware, signed=True, request_id=4711, state=FirmwareUpdate.State.DOWNLOADING
    )
    Assignment.objects.create(
        charge_point=station, connector_id=1, charging_profile_id=1, purpose="TxDefaultProfile", stack_level=0,
        payload=PROFILE, state=Assignment.State.INSTALLED,
    )  # fmt: skip
    CompositeReading.objects.create(
        charge_point=station, connector_id=1, starts_at=later, duration_s=1, unit="A", schedule=SCHEDULE
    )
    ConfigurationKey.objects.create(charge_point=station, key="HeartbeatInterval", value="300", read_at=later)
    LocalList.objects.create(charge_point=station, version=3)
    for action in ("Reset", "RemoteStopTransaction"):
        Command.objects.create(
            charge_point=station, action=action, payload=PAYLOADS[action], status="timed_out", effect_status="awaited",
            sent_at=timezone.now(), closed_at=timezone.now(), effect_due_at=later,
        )  # fmt: skip
    return {"reservation": reservation.pk, "request": update.request_id}


@pytest.fixture
async def loot(gateway: Any, connect: Any, stored: Any) -> Loot:
    """Bob's charger: on the line, charging, with a command that waits for its answer; what Mallory knows of it."""
    station = await sync_to_async(make_station)("BOB", serial_number="SN-1")
    bob = await connect("BOB")
    finished = await starts(bob, idTag="BOB")
    await meters(bob, meter_value(1500, 1), transactionId=finished)
    await stops(bob, finished, idTag="BOB")
    await shows(bob, "Available", 2)
    running = await starts(bob, idTag="BOB", timestamp=at(61), meterStart=13_000)
    await meters(bob, meter_value(14_000, 62), transactionId=running)
    await bob.call("StopTransaction", **stop(999_999))
    known = await stored(lambda: _belongings(station))
    command = await sync_to_async(commands.queue_command)(station, "ClearCache", {}, timeout_s=300)
    await bob.hears()
    ids = await stored(lambda: [str(row.pk) for row in station.commands.all()])
    assert str(command.pk) in ids
    return known | {"station": station.pk, "transactions": [finished, running], "commands": ids}


def _messages(loot: Loot) -> st.SearchStrategy[list[Any]]:
    """What Mallory says: everything of any action that names Bob's, and answers to what Bob was told."""
    number = st.sampled_from([*loot["transactions"], -1, 0, 999_999])
    connector = st.integers(0, 3)
    tag = st.sampled_from(["BOB", "bob", "MALLORY", ""])
    minutes = st.integers(0, 200)
    wh = st.integers(0, 30_000)
    request = st.sampled_from([loot["request"], 1])
    reserved = loot["reservation"]
    said: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "Authorize": st.builds(lambda tag: {"idTag": tag}, tag),
        "BootNotification": st.just(
            {"chargePointVendor": "Acme", "chargePointModel": "Wall 22", "chargePointSerialNumber": "SN-1",
             "chargeBoxSerialNumber": "BOB"}
        ),
        "DataTransfer": st.just({"vendorId": "BOB", "data": json.dumps({"chargePoint": "BOB"})}),
        "DiagnosticsStatusNotification": st.just({"status": "Uploaded"}),
        "FirmwareStatusNotification": st.sampled_from([{"status": "Installed"}, {"status": "InstallationFailed"}]),
        "Heartbeat": st.just({}),
        "LogStatusNotification": st.builds(lambda request: {"status": "Uploaded", "requestId": request}, request),
        "MeterValues": st.builds(
            lambda connector, number, wh, minutes: {
                "connectorId": connector, "transactionId": number, "meterValue": [meter_value(wh, minutes)]
            },
            connector, number, wh, minutes,
        ),
        "SecurityEventNotification": st.just({"type": "FirmwareUpdated", "timestamp": at(1), "techInfo": "BOB"}),
        "SignCertificate": st.just({"csr": _REQUEST_FOR_BOB}),
        "SignedFirmwareStatusNotification": st.builds(
            lambda request, status: {"status": status, "requestId": request},
            request, st.sampled_from(["Installed", "InvalidSignature"]),
        ),
        "StartTransaction": st.builds(
            lambda connector, tag, wh, minutes: start(
                connectorId=connector, idTag=tag, meterStart=wh, timestamp=at(minutes), reservationId=reserved
            ),
            connector, tag, wh, minutes,
        ),
        "StatusNotification": st.builds(
            lambda connector, status: {"connectorId": connector, "status": status, "errorCode": "LocalListConflict"},
            connector, st.sampled_from(["Faulted", "Available", "Unavailable", "Reserved"]),
        ),
        "StopTransaction": st.builds(
            lambda number, tag, wh, minutes: stop(number, idTag=tag, meterStop=wh, timestamp=at(minutes)),
            number, tag, wh, minutes,
        ),
    }  # fmt: skip
    calls = st.sampled_from(sorted(said)).flatmap(
        lambda action: said[action].map(lambda payload: [2, f"m{next(_numbers)}", action, payload])
    )
    command = st.sampled_from(loot["commands"])
    results = st.builds(
        lambda unique_id, answer: [3, unique_id, answer],
        command, st.sampled_from([answer for answers in ACCEPTED.values() for answer in answers]),
    )  # fmt: skip
    errors = st.builds(lambda unique_id: [4, unique_id, "NotSupported", "says Mallory", {}], command)
    return calls | calls | calls | results | errors


_REQUEST_FOR_BOB = pki.request("BOB")


@pytest.mark.long
@settings(max_examples=ROUNDS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_messages_of_one_station_change_nothing_of_another(
    loot: Loot, station: ChargePoint, cp: Any, stored: Callable[[Callable[[], Any]], Any], data: st.DataObject
) -> None:
    before, log_before = await stored(held), await stored(lambda: _log_of(loot["station"]))
    frames = data.draw(st.lists(_messages(loot), min_size=AT_ONCE, max_size=AT_ONCE))
    for frame in frames:
        await cp.send(frame)
        if frame[0] == 2:
            assert (await cp.answer_to(frame[1]))[0] in (3, 4)
    after = await stored(held)
    own, others = (touched(of_station(before, pk), of_station(after, pk)) for pk in (station.pk, loot["station"]))
    assert others == set()
    assert await stored(lambda: _log_of(loot["station"])) == log_before
    assert own or not any(frame[0] == 2 for frame in frames), names(touched(before, after))


def _log_of(station_pk: int) -> int:
    return Message.objects.filter(charge_point=station_pk).count()
