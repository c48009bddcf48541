"""What people fill in and what it becomes on the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from ocpp_gateway.v16.outgoing import OUTGOING, read_payload
from stations.forms import FORMS, ExpertForm, PacedSendingForm, SendingForm
from stations.forms.smart_charging import PeriodLinesField
from stations.models import Command, Connector
from tests.admin_cast import make_everything

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
HASHES = {
    "certificate_hash_data__hash_algorithm": "SHA256",
    "certificate_hash_data__issuer_name_hash": "aa",
    "certificate_hash_data__issuer_key_hash": "bb",
    "certificate_hash_data__serial_number": "4a1f",
}
PROFILE = {
    "connector_id": "1",
    "cs_charging_profiles__charging_profile_purpose": "TxDefaultProfile",
    "cs_charging_profiles__charging_profile_id": "7",
    "cs_charging_profiles__stack_level": "0",
    "cs_charging_profiles__charging_profile_kind": "Relative",
    "cs_charging_profiles__charging_schedule__charging_rate_unit": "A",
    "cs_charging_profiles__charging_schedule__charging_schedule_period": "0:00 16\n8:00 10.5 1",
}
MADE_PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16},
            {"startPeriod": 28800, "limit": 10.5, "numberPhases": 1},
        ],
    },
}
LIMITED = {
    "chargingProfileId": 17_000_001,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4200.5}]},
}
LOG = {"log_type": "SecurityLog", "log__remote_location": "https://files.local/log/", "request_id": "9"}

#: (action, what is filled in, what is sent)
TABLE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("CancelReservation", {"reservation_id": "55"}, {"reservationId": 55}),
    ("CancelReservation", {"reservation_id": "-1"}, {"reservationId": -1}),
    ("CertificateSigned", {"certificate_chain": PEM.replace("\n", "\r\n")}, {"certificateChain": PEM}),
    ("ChangeAvailability", {"connector_id": "0", "type": "Inoperative"}, {"connectorId": 0, "type": "Inoperative"}),
    (
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "60"},
        {"key": "HeartbeatInterval", "value": "60"},
    ),
    ("ChangeConfiguration", {"key": "StopTxnSampledData"}, {"key": "StopTxnSampledData", "value": ""}),
    ("ClearCache", {}, {}),
    ("ClearChargingProfile", {"everything": "on"}, {}),
    ("ClearChargingProfile", {"id": "7"}, {"id": 7}),
    (
        "ClearChargingProfile",
        {"connector_id": "0", "charging_profile_purpose": "TxProfile", "stack_level": "0"},
        {"connectorId": 0, "chargingProfilePurpose": "TxProfile", "stackLevel": 0},
    ),
    ("DataTransfer", {"vendor_id": "com.acme"}, {"vendorId": "com.acme"}),
    (
        "DataTransfer",
        {"vendor_id": "com.acme", "message_id": "Price", "data": '{"kwh":0.31}'},
        {"vendorId": "com.acme", "messageId": "Price", "data": '{"kwh":0.31}'},
    ),
    (
        "DeleteCertificate",
        HASHES,
        {
            "certificateHashData": {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "aa",
                "issuerKeyHash": "bb",
                "serialNumber": "4a1f",
            }
        },
    ),
    (
        "ExtendedTriggerMessage",
        {"requested_message": "SignChargePointCertificate"},
        {"requestedMessage": "SignChargePointCertificate"},
    ),
    ("GetCompositeSchedule", {"connector_id": "0", "duration": "3600"}, {"connectorId": 0, "duration": 3600}),
    (
        "GetCompositeSchedule",
        {"connector_id": "1", "duration": "1", "charging_rate_unit": "W"},
        {"connectorId": 1, "duration": 1, "chargingRateUnit": "W"},
    ),
    ("GetConfiguration", {}, {}),
    ("GetConfiguration", {"key": "A\nB, C\n"}, {"key": ["A", "B", "C"]}),
    ("GetDiagnostics", {"location": "ftp://nas/diag/"}, {"location": "ftp://nas/diag/"}),
    (
        "GetDiagnostics",
        {
            "location": "ftp://nas/diag/",
            "start_time": "2026-01-31T01:00:00",
            "stop_time": "2026-02-01T01:00",
            "retries": "0",
            "retry_interval": "60",
        },
        {
            "location": "ftp://nas/diag/",
            "startTime": "2026-01-31T00:00:00Z",
            "stopTime": "2026-02-01T00:00:00Z",
            "retries": 0,
            "retryInterval": 60,
        },
    ),
    (
        "GetInstalledCertificateIds",
        {"certificate_type": "ManufacturerRootCertificate"},
        {"certificateType": "ManufacturerRootCertificate"},
    ),
    ("GetLocalListVersion", {}, {}),
    (
        "GetLog",
        LOG,
        {"log": {"remoteLocation": "https://files.local/log/"}, "logType": "SecurityLog", "requestId": 9},
    ),
    (
        "InstallCertificate",
        {"certificate_type": "CentralSystemRootCertificate", "certificate": PEM},
        {"certificateType": "CentralSystemRootCertificate", "certificate": PEM},
    ),
    ("RemoteStartTransaction", {"id_tag": "CAFE", "unit": "A"}, {"idTag": "CAFE"}),
    (
        "RemoteStartTransaction",
        {"id_tag": "CAFE", "connector_id": "1", "limit": "4200.5", "unit": "W"},
        {"idTag": "CAFE", "connectorId": 1, "chargingProfile": LIMITED},
    ),
    ("RemoteStopTransaction", {"transaction_id": "4711"}, {"transactionId": 4711}),
    (
        "ReserveNow",
        {"connector_id": "0", "id_tag": "CAFE", "expiry_date": "2099-02-01T20:00", "reservation_id": "0"},
        {"connectorId": 0, "idTag": "CAFE", "expiryDate": "2099-02-01T19:00:00Z", "reservationId": 0},
    ),
    (
        "ReserveNow",
        {
            "connector_id": "1",
            "id_tag": "CAFE",
            "parent_id_tag": "FLEET",
            "expiry_date": "2099-08-01T20:00",
            "reservation_id": "55",
        },
        {
            "connectorId": 1,
            "idTag": "CAFE",
            "parentIdTag": "FLEET",
            "expiryDate": "2099-08-01T18:00:00Z",
            "reservationId": 55,
        },
    ),
    ("Reset", {"type": "Hard"}, {"type": "Hard"}),
    ("SendLocalList", {"list_version": "3", "update_type": "Full"}, {"listVersion": 3, "updateType": "Full"}),
    (
        "SendLocalList",
        {
            "list_version": "4",
            "update_type": "Differential",
            "local_authorization_list": (
                "CAFE\n-OLD\nBEEF Blocked\nC0DE Accepted 2027-01-31 FLEET\nDEAD Accepted - FLEET"
            ),
        },
        {
            "listVersion": 4,
            "updateType": "Differential",
            "localAuthorizationList": [
                {"idTag": "CAFE", "idTagInfo": {"status": "Accepted"}},
                {"idTag": "OLD"},
                {"idTag": "BEEF", "idTagInfo": {"status": "Blocked"}},
                {
                    "idTag": "C0DE",
                    "idTagInfo": {"status": "Accepted", "expiryDate": "2027-01-31T00:00:00Z", "parentIdTag": "FLEET"},
                },
                {"idTag": "DEAD", "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}},
            ],
        },
    ),
    ("SetChargingProfile", PROFILE, {"connectorId": 1, "csChargingProfiles": MADE_PROFILE}),
    (
        "SetChargingProfile",
        {
            **PROFILE,
            "cs_charging_profiles__charging_profile_purpose": "TxProfile",
            "cs_charging_profiles__transaction_id": "4711",
            "cs_charging_profiles__charging_profile_kind": "Recurring",
            "cs_charging_profiles__recurrency_kind": "Daily",
            "cs_charging_profiles__charging_schedule__start_schedule": "2026-07-01T00:00",
            "cs_charging_profiles__charging_schedule__duration": "86400",
            "cs_charging_profiles__charging_schedule__charging_schedule_period": "0:00 0,5",
            "cs_charging_profiles__charging_schedule__min_charging_rate": "0.3",
            "cs_charging_profiles__valid_to": "2026-12-31T23:59:59",
        },
        {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 7,
                "transactionId": 4711,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Recurring",
                "recurrencyKind": "Daily",
                "validTo": "2026-12-31T22:59:59Z",
                "chargingSchedule": {
                    "startSchedule": "2026-06-30T22:00:00Z",
                    "duration": 86400,
                    "chargingRateUnit": "A",
                    "minChargingRate": 0.3,
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.5}],
                },
            },
        },
    ),
    (
        "SignedUpdateFirmware",
        {
            "firmware__location": "https://files.local/fw.bin",
            "firmware__retrieve_date_time": "2026-02-02T03:00",
            "firmware__signing_certificate": PEM,
            "firmware__signature": "c2ln",
            "request_id": "10",
        },
        {
            "firmware": {
                "location": "https://files.local/fw.bin",
                "retrieveDateTime": "2026-02-02T02:00:00Z",
                "signingCertificate": PEM,
                "signature": "c2ln",
            },
            "requestId": 10,
        },
    ),
    ("TriggerMessage", {"requested_message": "Heartbeat"}, {"requestedMessage": "Heartbeat"}),
    (
        "TriggerMessage",
        {"requested_message": "MeterValues", "connector_id": "2"},
        {"requestedMessage": "MeterValues", "connectorId": 2},
    ),
    ("UnlockConnector", {"connector_id": "99"}, {"connectorId": 99}),
    (
        "UpdateFirmware",
        {"location": "http://nas/fw.bin", "retrieve_date": "2026-02-02T03:00:00", "retries": "3"},
        {"location": "http://nas/fw.bin", "retrieveDate": "2026-02-02T02:00:00Z", "retries": 3},
    ),
]
_IDS = [f"{action}-{number}" for number, (action, _entered, _sent) in enumerate(TABLE)]

#: (action, what is filled in, the field that is marked)
REFUSED = [
    ("UnlockConnector", {"connector_id": "0"}, "connector_id"),
    ("UnlockConnector", {"connector_id": str(2**31)}, "connector_id"),
    ("RemoteStartTransaction", {"id_tag": "A" * 21, "unit": "A"}, "id_tag"),
    ("RemoteStartTransaction", {"id_tag": "A", "unit": "A", "limit": "1.25"}, "limit"),
    ("RemoteStartTransaction", {"id_tag": "A", "unit": "A", "limit": "NaN"}, "limit"),
    ("Reset", {"type": "Warm"}, "type"),
    ("Reset", {}, "type"),
    ("ChangeConfiguration", {"key": "A" * 51, "value": ""}, "key"),
    ("ChangeConfiguration", {"key": "A", "value": "1" * 501}, "value"),
    ("ChangeConfiguration", {"key": "authorizationKEY", "value": "aa"}, "key"),
    ("GetConfiguration", {"key": "A" * 51}, "key"),
    ("DataTransfer", {"vendor_id": "A" * 256}, "vendor_id"),
    ("DataTransfer", {"vendor_id": "a", "data": "\0"}, "data"),
    ("GetDiagnostics", {"location": "nas/diag"}, "location"),
    ("GetDiagnostics", {"location": "ftp://n\u00e4s/d i"}, "location"),
    (
        "GetDiagnostics",
        {"location": "ftp://nas/", "start_time": "2026-02-01T00:00", "stop_time": "2026-01-01T00:00"},
        "stop_time",
    ),
    ("UpdateFirmware", {"location": "http://nas/f", "retrieve_date": "tomorrow"}, "retrieve_date"),
    ("UpdateFirmware", {"location": "http://nas/f", "retrieve_date": "2026-02-01T00:00", "retries": "-1"}, "retries"),
    (
        "GetLog",
        {**LOG, "log__oldest_timestamp": "2026-02-01T00:00", "log__latest_timestamp": "2026-02-01T00:00"},
        "log__latest_timestamp",
    ),
    ("SendLocalList", {"list_version": "0", "update_type": "Full"}, "list_version"),
    *(
        (
            "SendLocalList",
            {"list_version": "1", "update_type": "Full", "local_authorization_list": line},
            "local_authorization_list",
        )
        for line in ("-OLD", "A" * 21, "CAFE Nonsense", "CAFE Accepted never", "CAFE Accepted - F extra", "-")
    ),
    (
        "ReserveNow",
        {"connector_id": "1", "id_tag": "A", "expiry_date": "2020-01-01T00:00", "reservation_id": "1"},
        "expiry_date",
    ),
    ("ClearChargingProfile", {}, "__all__"),
    ("ClearChargingProfile", {"everything": "on", "id": "7"}, "everything"),
    ("GetCompositeSchedule", {"connector_id": "1", "duration": "0"}, "duration"),
    ("InstallCertificate", {"certificate_type": "CentralSystemRootCertificate", "certificate": "MIIB"}, "certificate"),
    ("CertificateSigned", {"certificate_chain": PEM.replace("MIIB", "A" * 10_000)}, "certificate_chain"),
    ("DeleteCertificate", {**HASHES, "certificate_hash_data__serial_number": "4" * 41}, "serial_number"),
]
_SP = "cs_charging_profiles__"
_PERIODS = f"{_SP}charging_schedule__charging_schedule_period"
_START = f"{_SP}charging_schedule__start_schedule"
PROFILE_CONTRADICTIONS = [
    ({f"{_SP}charging_profile_purpose": "ChargePointMaxProfile"}, "connector_id"),
    (
        {"connector_id": "0", f"{_SP}charging_profile_purpose": "TxProfile", f"{_SP}transaction_id": "1"},
        "connector_id",
    ),
    ({f"{_SP}charging_profile_purpose": "TxProfile"}, f"{_SP}transaction_id"),
    ({f"{_SP}transaction_id": "1"}, f"{_SP}transaction_id"),
    ({f"{_SP}charging_profile_kind": "Recurring", _START: "2026-01-01T00:00"}, f"{_SP}recurrency_kind"),
    ({f"{_SP}recurrency_kind": "Daily"}, f"{_SP}recurrency_kind"),
    ({f"{_SP}charging_profile_kind": "Absolute"}, _START),
    ({_START: "2026-01-01T00:00"}, _START),
    *(
        ({_PERIODS: text}, _PERIODS)
        for text in ("", "1:00 16", "0:00 16\n0:00 8", "0:00 16\n2:00 8\n1:00 6", "0:00", "0:00 x", "0:00 16 4")
    ),
    *(({_PERIODS: text}, _PERIODS) for text in ("0:60 16", "0:00 1.25", "0:00 -1", "0:00 Infinity", "0:00 16 3 3")),
]


@pytest.fixture(autouse=True)
def berlin():
    with timezone.override("Europe/Berlin"):
        yield


def filled(action, entered, **options):
    return FORMS[action](entered, **options)


def test_every_action_of_ours_has_a_form():
    assert {*FORMS} == {*OUTGOING}
    assert {action for action, _entered, _sent in TABLE} == {*OUTGOING}


@pytest.mark.parametrize(("action", "entered", "sent"), TABLE, ids=_IDS)
def test_what_is_filled_in_is_sent(action, entered, sent):
    form = filled(action, entered)
    assert form.is_valid(), form.errors
    assert form.command == (action, sent)
    assert read_payload(action, sent) == sent


@pytest.mark.parametrize(("action", "entered", "sent"), TABLE, ids=_IDS)
def test_what_was_sent_fills_the_form_in_again(action, entered, sent):
    if action == "ClearChargingProfile" and not sent:
        return  # "everything" is to be chosen anew
    assert FORMS[action].can_show(sent)
    shown = FORMS[action](initial=FORMS[action].entries(sent))
    again = {name: shown[name].field.widget.format_value(shown[name].value()) for name in shown.fields}
    flat = {name: value[0] if isinstance(value, list) else value for name, value in again.items() if value}
    form = filled(action, flat)
    assert form.is_valid(), form.errors
    assert form.command == (action, sent)


@pytest.mark.parametrize(("action", "entered", "field"), REFUSED)
def test_what_ocpp_does_not_allow_is_marked(action, entered, field):
    form = filled(action, entered)
    assert not form.is_valid()
    assert [name for name in form.errors if name.endswith(field)]


@pytest.mark.parametrize(("changed", "field"), PROFILE_CONTRADICTIONS)
def test_a_profile_that_contradicts_itself_is_marked(changed, field):
    form = filled("SetChargingProfile", {**PROFILE, **changed})
    assert not form.is_valid()
    assert [*form.errors] == [field]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("UnlockConnector", {"connectorId": 1, "vendor": "x"}),
        ("RemoteStartTransaction", {"idTag": "A", "chargingProfile": MADE_PROFILE}),
        ("GetDiagnostics", {"location": "ftp://nas/", "startTime": "2026-01-31T00:00:00.250Z"}),
    ],
)
def test_what_a_form_cannot_make_is_left_to_the_expert(action, payload):
    assert not FORMS[action].can_show(payload)


@pytest.mark.parametrize("action", sorted(FORMS))
def test_labels_and_texts_are_written(action):
    form = FORMS[action]()
    assert str(form.title)
    assert str(form.explanation)
    assert all(field.label for field in form.fields.values())


def test_a_masked_secret_is_not_sent():
    form = filled("GetDiagnostics", {"location": "ftp://user:***@nas/"})
    assert not form.is_valid()
    expert = ExpertForm({"action": "GetDiagnostics", "payload": '{"location": "ftp://user:***@nas/"}'})
    assert not expert.is_valid()


def test_seconds_of_a_period_are_kept():
    field = PeriodLinesField()
    assert field.prepare_value([{"startPeriod": 90, "limit": 8.1}]) == "0:01:30 8.1"
    assert field.clean("0:01:30 8.1") == [{"startPeriod": 90, "limit": 8.1}]


# The expert's form


def test_an_expert_sends_anything_that_fits_the_schema():
    payload = {"connectorId": 99, "csChargingProfiles": MADE_PROFILE}
    form = ExpertForm({"action": "SetChargingProfile", "payload": json.dumps(payload)})
    assert form.is_valid(), form.errors
    assert form.command == ("SetChargingProfile", payload)


@pytest.mark.parametrize(
    "payload",
    [
        *("", "{", "[]", "null", '"x"', '{"type": "Warm"}', '{"type": null}', "{}", '{"type": "Soft", "more": 1}'),
        *('{"type": "Soft\\u0000"}', '{"type": "\\ud800"}', '{"type": NaN}', "[" * 5000, '{"type": 1e999}'),
    ],
)
def test_an_expert_is_told_what_breaks_the_schema(payload):
    form = ExpertForm({"action": "Reset", "payload": payload})
    assert not form.is_valid()
    assert [*form.errors] == ["payload"]


def test_an_unknown_action_is_refused():
    assert not ExpertForm({"action": "Heartbeat", "payload": "{}"}).is_valid()


# Sending


def sending(**changed):
    return SendingForm(
        {f"sending-{name}": value for name, value in {"idempotency_key": "k", "if_offline": "drop", **changed}.items()}
    )


def test_a_command_is_not_kept_for_later_unless_asked():
    form = sending(wait_until="")
    assert form.is_valid()
    assert form.valid_until is None


def test_a_command_may_wait():
    until = timezone.localtime(timezone.now() + timedelta(hours=2)).replace(microsecond=0)
    form = sending(if_offline="wait", wait_until=until.strftime("%Y-%m-%dT%H:%M:%S"))
    assert form.is_valid(), form.errors
    assert form.valid_until == until


@pytest.mark.parametrize("until", ["", "2020-01-01T00:00", "2099-01-01T00:00"])
def test_a_command_waits_until_a_moment_within_a_month(until):
    form = sending(if_offline="wait", wait_until=until)
    assert [*form.errors] == ["wait_until"] if not form.is_valid() else False


@pytest.mark.parametrize("now", ["2026-10-24T23:30:10Z", "2026-10-25T00:30:10Z", "2026-10-25T01:30:10Z"])
@pytest.mark.parametrize("if_offline", ["drop", "wait"])
def test_what_the_form_proposes_can_be_sent_while_the_clocks_go_back(monkeypatch, now, if_offline):
    """At half past one, half past two and half past two again."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromisoformat(now))
    with timezone.override("Europe/Berlin"):
        proposed = SendingForm()["wait_until"]
        form = sending(if_offline=if_offline, wait_until=proposed.field.widget.format_value(proposed.value()))
        assert form.is_valid(), form.errors
    until = datetime.fromisoformat(now).replace(second=0) + timedelta(hours=1)
    assert form.valid_until == (until if if_offline == "wait" else None)


def test_a_moment_that_the_clocks_skip_is_none():
    with timezone.override("Europe/Berlin"):
        assert [*sending(wait_until="2026-03-29T02:30").errors] == ["wait_until"]


def test_every_form_has_another_key():
    assert SendingForm()["idempotency_key"].value() != SendingForm()["idempotency_key"].value()


@pytest.mark.parametrize(("pace", "valid"), [("", True), ("1", True), ("0", False), ("60001", False)])
def test_a_pace_is_at_least_one_a_minute(pace, valid):
    form = PacedSendingForm({"sending-idempotency_key": "k", "sending-if_offline": "drop", "sending-per_minute": pace})
    assert form.is_valid() is valid


# What is offered


@pytest.mark.django_db
def test_what_is_known_of_the_station_is_offered():
    rows = make_everything()
    station, transaction = rows["stations.chargepoint"], rows["transactions.transaction"]
    Connector.objects.create(charge_point=station, connector_id=2, status="Faulted")
    transaction.stopped_at, transaction.ended_by = None, ""
    transaction.save()
    station.configuration_keys.create(key="BlinkRepeat", value="3")
    station.configuration_keys.create(key="NumberOfConnectors", value="2", readonly=True)

    start = str(FORMS["RemoteStartTransaction"](station=station))
    assert '<option value="CAFE1">Anna</option>' in start
    assert '<option value="2">Faulted</option>' in start
    assert f'<option value="{transaction.pk}">' in str(FORMS["RemoteStopTransaction"](station=station))
    assert f'<option value="{rows["transactions.reservation"].pk}">' in str(FORMS["CancelReservation"](station=station))
    keys = str(FORMS["ChangeConfiguration"](station=station))
    assert '<option value="BlinkRepeat">3</option>' in keys
    assert "NumberOfConnectors" not in keys


@pytest.mark.django_db
def test_the_certificates_a_station_listed_are_offered():
    station = make_everything()["stations.chargepoint"]
    listed = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa11", "issuerKeyHash": "bb22", "serialNumber": "4a1f"}
    for answer in (None, {"status": "Accepted", "certificateHashData": [listed]}):
        Command.objects.create(
            charge_point=station, action="GetInstalledCertificateIds", status="accepted", answer=answer
        )
    page = str(FORMS["DeleteCertificate"](station=station))
    for value in ("aa11", "bb22", "4a1f"):
        assert f'<option value="{value}">serial number 4a1f</option>' in page


@pytest.mark.django_db
def test_a_station_that_was_never_read_is_offered_the_keys_of_the_specification():
    assert '<option value="HeartbeatInterval">' in str(FORMS["ChangeConfiguration"]())


@pytest.mark.django_db
def test_what_is_offered_is_escaped():
    station = make_everything()["stations.chargepoint"]
    station.configuration_keys.create(key="<script>", value='"><script>alert(1)</script>')
    assert "<script>" not in str(FORMS["ChangeConfiguration"](station=station))


def test_moments_are_shown_in_the_time_of_the_page():
    at = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    form = FORMS["UpdateFirmware"](initial={"retrieve_date": at})
    assert 'value="2026-07-01T14:00:00"' in str(form["retrieve_date"])
