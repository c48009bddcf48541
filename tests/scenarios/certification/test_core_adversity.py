"""Certification of central systems, core profile: refusals, failures, and charge points that were offline."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stations.models import Connector, Message
from transactions.models import MeterValue, OrphanedStop, Transaction, UnknownIdTag

from ..speech import written
from .charge_point import ago
from .conftest import BLOCKED, EXPIRED, STRANGER, TAG

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED, INVALID = {"status": "Accepted"}, {"status": "Invalid"}


def state_of(central, cp, connector=1) -> tuple[str, str]:
    return central.of(cp, Connector, connector_id=connector).values_list("status", "error_code").get()


def test_tc_023_1_tag_invalid(central, cp):
    """Start refused: tag unknown"""
    cp.shows("Preparing")
    assert cp.authorizes(STRANGER) == INVALID
    cp.shows("Available")
    assert not central.of(cp, Transaction).exists()
    central.comes_to(lambda: [row.id_tag for row in central.of(cp, UnknownIdTag)], [STRANGER])


def test_tc_023_2_tag_expired(central, cp):
    """Start refused: tag expired"""
    cp.shows("Preparing")
    assert cp.authorizes(EXPIRED) == {"status": "Expired", "expiryDate": "2025-01-01T00:00:00Z"}
    cp.shows("Available")
    assert not central.of(cp, Transaction).exists()


def test_tc_023_3_tag_blocked(central, cp):
    """Start refused: tag blocked"""
    cp.shows("Preparing")
    assert cp.authorizes(BLOCKED) == {"status": "Blocked"}
    cp.shows("Available")
    assert not central.of(cp, Transaction).exists()


def test_tc_024_lock_failure(central, cp):
    """Start fails: the connector's lock does not close"""
    assert cp.authorizes(TAG) == ACCEPTED
    cp.shows("Preparing")
    cp.shows("Faulted", error="ConnectorLockFailure")
    assert state_of(central, cp) == ("Faulted", "ConnectorLockFailure")
    assert not central.of(cp, Transaction).exists()
    cp.shows("Available")
    assert state_of(central, cp) == ("Available", "NoError")


def test_tc_026_remote_start_rejected(central, cp):
    """Remote start, rejected"""
    order = central.sends(cp, "RemoteStartTransaction", connectorId=1, idTag=TAG)
    cp.expects("RemoteStartTransaction", connectorId=1, idTag=TAG).replies(status="Rejected")
    order.ends("rejected", {"status": "Rejected"})
    assert cp.is_told_nothing()


def test_tc_028_remote_stop_rejected(central, cp):
    """Remote stop, rejected"""
    number = cp.starts(TAG)
    cp.shows("Charging")
    order = central.sends(cp, "RemoteStopTransaction", transactionId=number)
    cp.expects("RemoteStopTransaction", transactionId=number).replies(status="Rejected")
    order.ends("rejected", {"status": "Rejected"})
    assert central.row(Transaction, pk=number).is_running


def test_tc_030_unlock_fails(central, cp):
    """Unlock a connector, the lock does not open"""
    order = central.sends(cp, "UnlockConnector", connectorId=1)
    cp.expects("UnlockConnector", connectorId=1).replies(status="UnlockFailed")
    order.ends("rejected", {"status": "UnlockFailed"})


def test_tc_031_unlock_unknown_connector(central, cp):
    """Unlock a connector that does not exist"""
    order = central.sends(cp, "UnlockConnector", connectorId=7)
    cp.expects("UnlockConnector", connectorId=7).replies(status="NotSupported")
    order.ends("rejected", {"status": "NotSupported"})
    assert not central.of(cp, Connector, connector_id=7).exists()


def test_tc_032_1_power_failure(central, cp):
    """Power fails during a session; it is stopped after the boot"""
    number = cp.starts(TAG, timestamp=ago(30))
    cp.shows("Charging")
    outage = ago(2)
    cp.returns()
    assert cp.boots()["status"] == "Accepted"
    assert central.row(Transaction, pk=number).is_running  # a boot ends no session
    assert cp.stops(number, reason="PowerLoss", timestamp=outage) == {}
    for connector in (0, 1, 2):
        cp.shows("Available", connector)
    session = central.row(Transaction, pk=number)
    assert (session.ended_by, session.stop_reason, session.energy_wh) == ("station", "PowerLoss", 1500)
    assert (written(session.stopped_at), session.flags) == (outage, [])
    assert state_of(central, cp) == ("Available", "NoError")


def test_tc_037_1_offline_start_valid(central, cp):
    """Started offline with a tag that is valid"""
    cp.leaves()
    begin = ago(10)
    cp.returns()
    answer = cp.asks_to_start(TAG, timestamp=begin)
    assert answer["idTagInfo"] == ACCEPTED
    cp.shows("Charging")
    session = central.of(cp, Transaction).get()
    assert (session.pk, written(session.started_at), session.flags) == (answer["transactionId"], begin, [])
    assert session.start_received_at - session.started_at > timedelta(minutes=9)
    assert session.is_running


def test_tc_037_3_offline_start_invalid(central, cp):
    """Started offline with a tag that is invalid"""
    cp.leaves()
    begin = ago(10)
    cp.returns()
    answer = cp.asks_to_start(STRANGER, timestamp=begin)
    assert answer["idTagInfo"] == INVALID
    assert cp.stops(answer["transactionId"], wh=1010, reason="DeAuthorized") == {}
    cp.shows("Finishing")
    session = central.of(cp, Transaction).get()
    assert (session.stop_reason, session.energy_wh, session.flags) == ("DeAuthorized", 10, ["unauthorized"])
    assert session.authorization_status == "Invalid"


def test_tc_039_offline_transaction(central, cp):
    """A whole session offline"""
    cp.leaves()
    begin, middle, end = ago(60), ago(30), ago(5)
    cp.returns()
    number = cp.starts(TAG, timestamp=begin)
    cp.meters(2000, number, at=middle)
    assert cp.stops(number, idTag=TAG, timestamp=end) == {"idTagInfo": ACCEPTED}
    cp.shows("Available")
    session = central.of(cp, Transaction).get()
    assert (written(session.started_at), written(session.stopped_at)) == (begin, end)
    assert (session.energy_wh, session.flags, session.ended_by) == (1500, [], "station")
    assert session.stop_received_at - session.stopped_at > timedelta(minutes=4)
    assert written(central.row(MeterValue, transaction=number).timestamp) == middle
    assert not central.of(cp, OrphanedStop).exists()


def test_tc_064_data_transfer(central, cp):
    """DataTransfer to the central system"""
    answer = cp.call("DataTransfer", vendorId="org.example.nobody", messageId="Hello", data="?")
    assert answer == {"status": "UnknownVendorId"}
    logged = central.of(cp, Message, action="DataTransfer")
    central.comes_to(lambda: [row.direction for row in logged.all()], ["in", "out"])
