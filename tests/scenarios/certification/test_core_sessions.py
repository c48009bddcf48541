"""Certification of central systems, core profile: sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stations.models import ChargePoint as Station
from stations.models import Command, ConfigurationKey, Connector, StatusRecord
from transactions.models import MeterValue, Transaction

from .charge_point import ENERGY, ago, now
from .conftest import TAG

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED = {"status": "Accepted"}


def reported(central, cp, connector=1) -> list[str]:
    """Every state that the connector has reported, oldest first."""
    rows = central.rows(StatusRecord, connector__charge_point__identity=cp.identity, connector__connector_id=connector)
    return list(rows.order_by("pk").values_list("status", flat=True))


def the_session(central, cp) -> Transaction:
    return central.of(cp, Transaction).get()


def test_tc_001_cold_boot(central, new):
    """Cold boot"""
    cp = new()
    answer = cp.boots(
        chargePointSerialNumber="A-1", chargeBoxSerialNumber="B-1", firmwareVersion="4.2.0", iccid="89", imsi="26"
    )
    assert answer.keys() == {"status", "currentTime", "interval"}
    assert (answer["status"], answer["interval"]) == ("Accepted", 300)
    assert abs(datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)) < timedelta(seconds=10)
    for connector in (0, 1, 2):
        cp.shows("Available", connector)
    answer = cp.call("Heartbeat")
    assert answer.keys() == {"currentTime"}
    assert abs(datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)) < timedelta(seconds=10)

    row = central.row(Station, identity=cp.identity)
    assert (row.vendor, row.model, row.serial_number, row.box_serial_number) == ("Acme", "Wall 22", "A-1", "B-1")
    assert (row.firmware_version, row.registration_status, row.is_online) == ("4.2.0", "Accepted", True)
    states = central.of(cp, Connector).values_list("connector_id", "status", "error_code")
    assert list(states) == [(number, "Available", "NoError") for number in (0, 1, 2)]
    assert reported(central, cp) == ["Available"]


def test_tc_003_plug_first(central, cp):
    """Regular charging session, plugged in first"""
    cp.shows("Preparing")
    assert cp.authorizes(TAG) == ACCEPTED
    number = cp.starts(TAG, timestamp=ago(30))
    cp.shows("Charging")
    for wh, minutes in ((1500, 20), (2000, 10)):
        cp.meters(wh, number, at=ago(minutes))
    assert cp.authorizes(TAG) == ACCEPTED
    end = {"timestamp": now(), "sampledValue": [{"value": "2500", "context": "Transaction.End", "measurand": ENERGY}]}
    assert cp.stops(number, idTag=TAG, transactionData=[end]) == {"idTagInfo": ACCEPTED}
    cp.shows("Finishing")
    cp.shows("Available")

    session = the_session(central, cp)
    assert (session.pk, session.id_tag, session.tag.id_tag, session.authorization_status) == (
        number,
        TAG,
        TAG,
        "Accepted",
    )
    assert (session.meter_start_wh, session.meter_stop_wh, session.energy_wh) == (1000, 2500, 1500)
    assert (session.ended_by, session.stop_reason, session.stop_id_tag, session.flags) == ("station", "Local", TAG, [])
    values = central.rows(MeterValue, transaction=number).order_by("pk").values_list("energy_wh", "power_w", "context")
    periodic = [(wh, 11_000, "Sample.Periodic") for wh in (1500, 2000)]
    assert list(values) == [*periodic, (2500, None, "Transaction.End")]
    assert reported(central, cp) == ["Available", "Preparing", "Charging", "Finishing", "Available"]
    assert central.row(Connector, charge_point__identity=cp.identity, connector_id=1).status == "Available"


def test_tc_004_1_id_first(central, cp):
    """Regular charging session, identified first"""
    assert cp.authorizes(TAG) == ACCEPTED
    cp.shows("Preparing")
    number = cp.starts(TAG)
    cp.shows("Charging")
    assert the_session(central, cp).is_running
    assert cp.stops(number) == {}
    cp.shows("Available")
    session = the_session(central, cp)
    assert (session.is_running, session.energy_wh, session.stop_id_tag) == (False, 1500, "")


def test_tc_004_2_id_first_no_plug(central, cp):
    """Identified first, ConnectionTimeOut passes without a plug"""
    assert cp.authorizes(TAG) == ACCEPTED
    cp.shows("Preparing")
    cp.shows("Available")
    assert reported(central, cp) == ["Available", "Preparing", "Available"]
    assert not central.of(cp, Transaction).exists()


def test_tc_005_1_ev_side_disconnect(central, cp):
    """The cable is unplugged at the car"""
    cp.shows("Preparing")
    assert cp.authorizes(TAG) == ACCEPTED
    number = cp.starts(TAG)
    cp.shows("Charging")
    cp.shows("SuspendedEV")
    assert cp.stops(number, reason="EVDisconnected") == {}
    cp.shows("Finishing")
    cp.shows("Available")
    session = the_session(central, cp)
    assert (session.ended_by, session.stop_reason, session.energy_wh) == ("station", "EVDisconnected", 1500)


def test_tc_007_cached_id(central, cp):
    """Regular start with a cached tag"""
    cp.shows("Preparing")
    answer = cp.asks_to_start(TAG)
    assert answer["idTagInfo"] == ACCEPTED
    cp.shows("Charging")
    session = the_session(central, cp)
    assert (session.pk, session.tag.id_tag, session.is_running) == (answer["transactionId"], TAG, True)


def test_tc_061_clear_cache(central, cp):
    """Clear the authorization cache"""
    order = central.sends(cp, "ClearCache")
    cp.expects("ClearCache").replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED)


def test_tc_010_remote_start_plug_first(central, cp):
    """Remote start, plugged in first"""
    cp.shows("Preparing")
    order = central.sends(cp, "RemoteStartTransaction", connectorId=1, idTag=TAG)
    cp.expects("RemoteStartTransaction", connectorId=1, idTag=TAG).replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED, "awaited")
    assert cp.authorizes(TAG) == ACCEPTED
    number = cp.starts(TAG)
    cp.shows("Charging")
    order.ends("accepted", ACCEPTED, "seen", transaction=number)
    assert the_session(central, cp).is_running


def test_tc_011_1_remote_start_first(central, cp):
    """Remote start, plugged in afterwards"""
    order = central.sends(cp, "RemoteStartTransaction", idTag=TAG)
    cp.expects("RemoteStartTransaction", idTag=TAG).replies(**ACCEPTED)
    assert cp.authorizes(TAG) == ACCEPTED
    cp.shows("Preparing")
    number = cp.starts(TAG)
    cp.shows("Charging")
    order.ends("accepted", ACCEPTED, "seen", transaction=number)


def test_tc_011_2_remote_start_timeout(central, cp):
    """Remote start, ConnectionTimeOut passes without a plug"""
    central.sends(cp, "GetConfiguration", key=["ConnectionTimeOut"])
    known = [{"key": "ConnectionTimeOut", "readonly": False, "value": "0"}]
    cp.expects("GetConfiguration", key=["ConnectionTimeOut"]).replies(configurationKey=known)
    central.comes_to(lambda: [row.value for row in central.of(cp, ConfigurationKey)], ["0"])

    order = central.sends(cp, "RemoteStartTransaction", connectorId=1, idTag=TAG)
    cp.expects("RemoteStartTransaction", connectorId=1, idTag=TAG).replies(**ACCEPTED)
    cp.shows("Preparing")
    cp.shows("Available")
    order.ends("accepted", ACCEPTED, "awaited")
    row = order.row
    assert timedelta(seconds=29) < row.effect_due_at - row.sent_at < timedelta(seconds=60)
    central.hands_move("effects that did not come are missed", 60)
    order.ends("accepted", ACCEPTED, "missed")
    assert not central.of(cp, Transaction).exists()

    number = cp.starts(TAG)  # a session that comes now has another cause
    order.ends("accepted", ACCEPTED, "missed")
    assert the_session(central, cp).pk == number


def test_tc_012_remote_stop(central, cp):
    """Remote stop"""
    number = cp.starts(TAG)
    cp.shows("Charging")
    order = central.sends(cp, "RemoteStopTransaction", transactionId=number)
    cp.expects("RemoteStopTransaction", transactionId=number).replies(**ACCEPTED)
    assert cp.stops(number, reason="Remote") == {}
    cp.shows("Finishing")
    cp.shows("Available")
    order.ends("accepted", ACCEPTED, "seen", transaction=number)
    session = the_session(central, cp)
    assert (session.ended_by, session.stop_reason, session.energy_wh) == ("station", "Remote", 1500)
    assert central.of(cp, Command).count() == 1
