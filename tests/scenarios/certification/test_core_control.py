"""Certification of central systems, core profile: resets, unlocking, configuration."""

from __future__ import annotations

import pytest

from stations.models import ChargePoint as Station
from stations.models import ConfigurationKey, Connector
from transactions.models import Transaction

from .conftest import TAG

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED = {"status": "Accepted"}
#: What every charge point of the core profile has to know, and one value of each.
KEYS = {
    "AuthorizeRemoteTxRequests": ("true", True),
    "ClockAlignedDataInterval": ("900", False),
    "ConnectionTimeOut": ("60", False),
    "ConnectorPhaseRotation": ("0.RST,1.RST,2.RTS", False),
    "GetConfigurationMaxKeys": ("40", True),
    "HeartbeatInterval": ("300", False),
    "LocalAuthorizeOffline": ("true", False),
    "LocalPreAuthorize": ("false", False),
    "MeterValueSampleInterval": ("60", False),
    "MeterValuesSampledData": ("Energy.Active.Import.Register", False),
    "NumberOfConnectors": ("2", True),
    "SupportedFeatureProfiles": ("Core,Reservation,RemoteTrigger", True),
    "UnlockConnectorOnEVSideDisconnect": ("true", False),
}


def entry(key: str) -> dict[str, object]:
    """A key as it stands in GetConfiguration.conf."""
    value, readonly = KEYS[key]
    return {"key": key, "readonly": readonly, "value": value}


def known(central, cp) -> dict[str, tuple[str | None, bool]]:
    return {row.key: (row.value, row.readonly) for row in central.of(cp, ConfigurationKey)}


def test_tc_013_hard_reset(central, cp):
    """Hard reset"""
    booted_at = central.row(Station, identity=cp.identity).booted_at
    order = central.sends(cp, "Reset", type="Hard")
    cp.expects("Reset", type="Hard").replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED, "awaited")
    cp.leaves()
    central.comes_to(lambda: central.row(Station, identity=cp.identity).is_online, False)
    cp.returns().comes_up()
    order.ends("accepted", ACCEPTED, "seen")
    row = central.row(Station, identity=cp.identity)
    assert row.booted_at > booted_at
    assert row.is_online
    assert set(central.of(cp, Connector).values_list("status", flat=True)) == {"Available"}


def test_tc_014_soft_reset(central, cp):
    """Soft reset during a session"""
    number = cp.starts(TAG)
    cp.shows("Charging")
    order = central.sends(cp, "Reset", type="Soft")
    cp.expects("Reset", type="Soft").replies(**ACCEPTED)
    assert cp.stops(number, reason="SoftReset") == {}
    cp.shows("Finishing")
    order.ends("accepted", ACCEPTED, "awaited")
    cp.returns().comes_up()
    order.ends("accepted", ACCEPTED, "seen")
    session = central.of(cp, Transaction).get()
    assert (session.ended_by, session.stop_reason, session.energy_wh) == ("station", "SoftReset", 1500)


def test_tc_017_1_unlock_without_a_session(central, cp):
    """Unlock a connector, no session, cable not fixed"""
    order = central.sends(cp, "UnlockConnector", connectorId=1)
    cp.expects("UnlockConnector", connectorId=1).replies(status="Unlocked")
    order.ends("accepted", {"status": "Unlocked"})


def test_tc_017_2_unlock_a_fixed_cable(central, cp):
    """Unlock a connector, no session, fixed cable"""
    order = central.sends(cp, "UnlockConnector", connectorId=1)
    cp.expects("UnlockConnector", connectorId=1).replies(status="NotSupported")
    order.ends("rejected", {"status": "NotSupported"})


def test_tc_018_1_unlock_during_a_session(central, cp):
    """Unlock a connector during a session"""
    number = cp.starts(TAG)
    cp.shows("Charging")
    order = central.sends(cp, "UnlockConnector", connectorId=1)
    told = cp.expects("UnlockConnector", connectorId=1)
    assert cp.stops(number, reason="UnlockCommand") == {}  # our answer to it crosses their question
    told.replies(status="Unlocked")
    cp.shows("Finishing")
    cp.shows("Available")
    order.ends("accepted", {"status": "Unlocked"}, "seen", transaction=number)
    session = central.of(cp, Transaction).get()
    assert (session.ended_by, session.stop_reason, session.energy_wh) == ("station", "UnlockCommand", 1500)


def test_tc_019_1_read_all_keys(central, cp):
    """Retrieve the whole configuration"""
    order = central.sends(cp, "GetConfiguration")
    answer = {"configurationKey": [entry(key) for key in KEYS]}
    cp.expects("GetConfiguration").replies(**answer)
    order.ends("accepted", answer)
    assert known(central, cp) == KEYS
    assert central.row(Station, identity=cp.identity).configuration_read_at is not None


def test_tc_019_2_read_one_key(central, cp):
    """Retrieve one key of the configuration"""
    order = central.sends(cp, "GetConfiguration", key=["SupportedFeatureProfiles"])
    answer = {"configurationKey": [entry("SupportedFeatureProfiles")]}
    cp.expects("GetConfiguration", key=["SupportedFeatureProfiles"]).replies(**answer)
    order.ends("accepted", answer)
    assert known(central, cp) == {"SupportedFeatureProfiles": KEYS["SupportedFeatureProfiles"]}
    assert central.row(Station, identity=cp.identity).configuration_read_at is None


def test_tc_021_change_a_key(central, cp):
    """Change a key of the configuration"""
    order = central.sends(cp, "ChangeConfiguration", key="MeterValueSampleInterval", value="30")
    cp.expects("ChangeConfiguration", key="MeterValueSampleInterval", value="30").replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED)
    assert known(central, cp) == {"MeterValueSampleInterval": ("30", False)}
    order = central.sends(cp, "ChangeConfiguration", key="ConnectionTimeOut", value="90")
    cp.expects("ChangeConfiguration", key="ConnectionTimeOut", value="90").replies(status="RebootRequired")
    order.ends("accepted", {"status": "RebootRequired"})
    assert central.of(cp, ConfigurationKey, key="ConnectionTimeOut").get().reboot_required


def test_tc_040_1_key_not_supported(central, cp):
    """Change a key that the charge point does not know"""
    order = central.sends(cp, "ChangeConfiguration", key="MeterValueSampleInterval", value="10")
    cp.expects("ChangeConfiguration", key="MeterValueSampleInterval", value="10").replies(status="NotSupported")
    order.ends("rejected", {"status": "NotSupported"})
    assert known(central, cp) == {}


def test_tc_040_2_value_not_possible(central, cp):
    """Change a key to a value that is not possible"""
    central.sends(cp, "GetConfiguration", key=["MeterValueSampleInterval"])
    answer = {"configurationKey": [entry("MeterValueSampleInterval")]}
    cp.expects("GetConfiguration", key=["MeterValueSampleInterval"]).replies(**answer)
    order = central.sends(cp, "ChangeConfiguration", key="MeterValueSampleInterval", value="-1")
    cp.expects("ChangeConfiguration", key="MeterValueSampleInterval", value="-1").replies(status="Rejected")
    order.ends("rejected", {"status": "Rejected"})
    assert known(central, cp) == {"MeterValueSampleInterval": ("60", False)}
