"""The vocabulary of our commands: what may be sent, and how the answers are read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib import resources

import pytest

from ocpp_gateway import errors, schema
from ocpp_gateway.v16.actions import INCOMING
from ocpp_gateway.v16.outgoing import OUTGOING, SENT_BY_CENTRAL_SYSTEM, read_payload
from ocpp_gateway.v16.types import KeyValue

HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab" * 32, "issuerKeyHash": "cd" * 32, "serialNumber": "4a1f"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SCHEDULE = {
    "startSchedule": "2025-02-01T18:00:00Z",
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
        {"startPeriod": 3600, "limit": 8.1},
    ],
}
PROFILE = {
    "chargingProfileId": 7,
    "transactionId": 4711,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
    "validTo": "2025-03-01T00:00:00Z",
    "chargingSchedule": SCHEDULE,
}
#: One valid pair for each action, with every kind of member in it.
SAMPLES = {
    "CancelReservation": ({"reservationId": 55}, {"status": "Accepted"}),
    "CertificateSigned": ({"certificateChain": PEM}, {"status": "Accepted"}),
    "ChangeAvailability": ({"connectorId": 0, "type": "Inoperative"}, {"status": "Scheduled"}),
    "ChangeConfiguration": ({"key": "MeterValueSampleInterval", "value": "60"}, {"status": "Accepted"}),
    "ClearCache": ({}, {"status": "Accepted"}),
    "ClearChargingProfile": (
        {"chargingProfilePurpose": "TxDefaultProfile", "connectorId": 0, "stackLevel": 0},
        {"status": "Accepted"},
    ),
    "DataTransfer": ({"vendorId": "com.acme", "messageId": "Price", "data": '{"kwh":0.31}'}, {"status": "Accepted"}),
    "DeleteCertificate": ({"certificateHashData": HASH}, {"status": "Accepted"}),
    "ExtendedTriggerMessage": ({"requestedMessage": "SignChargePointCertificate"}, {"status": "Accepted"}),
    "GetCompositeSchedule": (
        {"connectorId": 0, "duration": 3600, "chargingRateUnit": "A"},
        {
            "status": "Accepted",
            "connectorId": 0,
            "scheduleStart": "2025-02-01T18:00:00Z",
            "chargingSchedule": {
                "duration": 3600,
                "chargingRateUnit": "A",
                "minChargingRate": 6.1,
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
            },
        },
    ),
    "GetConfiguration": (
        {"key": ["HeartbeatInterval", "Foo"]},
        {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Foo"],
        },
    ),
    "GetDiagnostics": (
        {
            "location": "https://files.example.org/diag/",
            "startTime": "2025-01-31T00:00:00Z",
            "stopTime": "2025-02-01T00:00:00Z",
            "retries": 0,
            "retryInterval": 60,
        },
        {"fileName": "diag-A1001.tgz"},
    ),
    "GetInstalledCertificateIds": (
        {"certificateType": "CentralSystemRootCertificate"},
        {"status": "Accepted", "certificateHashData": [HASH]},
    ),
    "GetLocalListVersion": ({}, {"listVersion": 12}),
    "GetLog": (
        {
            "log": {
                "remoteLocation": "https://files.example.org/log/",
                "oldestTimestamp": "2025-01-31T00:00:00Z",
                "latestTimestamp": "2025-02-01T00:00:00Z",
            },
            "logType": "SecurityLog",
            "requestId": 9,
            "retries": 2,
            "retryInterval": 0,
        },
        {"status": "Accepted", "filename": "sec.log"},
    ),
    "InstallCertificate": (
        {"certificateType": "ManufacturerRootCertificate", "certificate": PEM},
        {"status": "Accepted"},
    ),
    "RemoteStartTransaction": (
        {
            "idTag": "APP-8841",
            "connectorId": 1,
            "chargingProfile": {name: value for name, value in PROFILE.items() if name != "transactionId"},
        },
        {"status": "Accepted"},
    ),
    "RemoteStopTransaction": ({"transactionId": 4711}, {"status": "Accepted"}),
    "ReserveNow": (
        {
            "connectorId": 0,
            "expiryDate": "2025-02-01T19:00:00Z",
            "idTag": "04A2C31B7E6F80",
            "parentIdTag": "FLEET7",
            "reservationId": 55,
        },
        {"status": "Accepted"},
    ),
    "Reset": ({"type": "Soft"}, {"status": "Accepted"}),
    "SendLocalList": (
        {
            "listVersion": 13,
            "updateType": "Differential",
            "localAuthorizationList": [
                {"idTag": "04A2C31B7E6F80", "idTagInfo": {"status": "Accepted", "expiryDate": "2025-06-01T00:00:00Z"}},
                {"idTag": "OLDTAG"},
            ],
        },
        {"status": "Accepted"},
    ),
    "SetChargingProfile": ({"connectorId": 1, "csChargingProfiles": PROFILE}, {"status": "Accepted"}),
    "SignedUpdateFirmware": (
        {
            "requestId": 10,
            "firmware": {
                "location": "https://files.example.org/fw/4.3.bin",
                "retrieveDateTime": "2025-02-02T02:00:00Z",
                "installDateTime": "2025-02-02T03:00:00Z",
                "signingCertificate": PEM,
                "signature": "c2lnbmF0dXJl",
            },
            "retries": 3,
            "retryInterval": 60,
        },
        {"status": "Accepted"},
    ),
    "TriggerMessage": ({"requestedMessage": "StatusNotification", "connectorId": 0}, {"status": "Accepted"}),
    "UnlockConnector": ({"connectorId": 1}, {"status": "Unlocked"}),
    "UpdateFirmware": (
        {
            "location": "https://files.example.org/fw/4.3.bin",
            "retrieveDate": "2025-02-02T02:00:00Z",
            "retries": 3,
            "retryInterval": 60,
        },
        {},
    ),
}


def read_answer(action, answer):
    message, repairs = schema.decode(OUTGOING[action].response, json.dumps(answer).encode())
    return message, [rule for rule, _ in repairs]


def replaced(payload, path, value):
    """A copy of the payload with the member at a.b.0.c set; None takes it away."""
    copy = json.loads(json.dumps(payload))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = copy
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copy


def test_the_vocabulary_is_that_of_the_specification():
    """PyPI ocpp has a schema for every message: what is answered there and not sent by stations is ours to send."""
    folder = resources.files("ocpp.v16") / "schemas"
    known = {
        file.name.removesuffix("Response.json") for file in folder.iterdir() if file.name.endswith("Response.json")
    }

    assert len(OUTGOING) == 26
    assert set(OUTGOING) == known - (set(INCOMING) - {"DataTransfer"})
    assert set(OUTGOING) == set(SAMPLES)
    assert set(OUTGOING) - SENT_BY_CENTRAL_SYSTEM == {"DataTransfer"} == set(OUTGOING) & set(INCOMING)


@pytest.mark.parametrize("action", OUTGOING)
def test_what_is_right_leaves_as_it_is(action):
    request, answer = SAMPLES[action]

    assert read_payload(action, request) == request
    message, rules = read_answer(action, answer)
    assert (json.loads(schema.encode(message)), rules) == (answer, [])


@pytest.mark.parametrize("action", OUTGOING)
def test_a_missing_an_unknown_and_a_null_member_are_refused(action):
    request, _ = SAMPLES[action]
    with pytest.raises(errors.FormationViolation, match=r"\$\.surprise"):
        read_payload(action, request | {"surprise": 1})
    for member in request:
        with pytest.raises(errors.TypeConstraintViolation, match=member):
            read_payload(action, request | {member: None})
    for member in json.loads(required_members(action)):
        with pytest.raises(errors.OccurenceConstraintViolation, match=member):
            read_payload(action, {name: value for name, value in request.items() if name != member})


def required_members(action):
    schema_file = resources.files("ocpp.v16") / "schemas" / f"{action}.json"
    return json.dumps(json.loads(schema_file.read_text(encoding="utf-8-sig")).get("required", []))


@pytest.mark.parametrize("action", OUTGOING)
def test_absent_members_are_absent_on_the_wire(action):
    request, _ = SAMPLES[action]
    required = json.loads(required_members(action))
    least = {name: value for name, value in request.items() if name in required}

    assert read_payload(action, least) == least


@pytest.mark.parametrize(
    "action", ["ChangeAvailability", "ClearChargingProfile", "GetCompositeSchedule", "ReserveNow", "TriggerMessage"]
)
def test_connector_0_stays(action):
    assert read_payload(action, SAMPLES[action][0])["connectorId"] == 0


@pytest.mark.parametrize(
    ("action", "path", "good", "bad"),
    [
        ("RemoteStartTransaction", "idTag", "x" * 20, "x" * 21),
        ("RemoteStartTransaction", "connectorId", 1, 0),
        ("RemoteStartTransaction", "connectorId", 2**31 - 1, 2**31),
        ("UnlockConnector", "connectorId", 1, 0),
        ("ChangeAvailability", "connectorId", 0, -1),
        ("ReserveNow", "idTag", "é" * 20, "é" * 21),
        ("ReserveNow", "parentIdTag", "x" * 20, "x" * 21),
        ("ReserveNow", "reservationId", -(2**63), -(2**63) - 1),
        ("SendLocalList", "localAuthorizationList.1.idTag", "x" * 20, "x" * 21),
        ("SendLocalList", "localAuthorizationList.0.idTagInfo.status", "ConcurrentTx", "accepted"),
        ("SendLocalList", "listVersion", 1, 0),
        ("SendLocalList", "listVersion", 1, -1),
        ("SendLocalList", "updateType", "Full", "full"),
        ("ChangeConfiguration", "key", "x" * 50, "x" * 51),
        ("ChangeConfiguration", "value", "x" * 500, "x" * 501),
        ("ChangeConfiguration", "value", "", "x" * 501),
        ("GetConfiguration", "key.1", "x" * 50, "x" * 51),
        ("DataTransfer", "vendorId", "x" * 255, "x" * 256),
        ("DataTransfer", "messageId", "x" * 50, "x" * 51),
        ("DataTransfer", "data", "x" * 65_536, "x" * 65_537),
        ("GetCompositeSchedule", "duration", 0, -1),
        ("GetDiagnostics", "retries", 0, -1),
        ("GetDiagnostics", "location", "ftp://user:pw@host/diag/", "diag/"),
        ("UpdateFirmware", "location", "https://x.example/%C3%A4", "https://x.example/ä"),
        ("GetLog", "log.remoteLocation", "https://" + "x" * 504, "https://" + "x" * 505),
        ("SignedUpdateFirmware", "firmware.signature", "x" * 800, "x" * 801),
        ("SignedUpdateFirmware", "firmware.signingCertificate", "x" * 5500, "x" * 5501),
        ("InstallCertificate", "certificate", "x" * 5500, "x" * 5501),
        ("CertificateSigned", "certificateChain", "x" * 10_000, "x" * 10_001),
        ("DeleteCertificate", "certificateHashData.issuerNameHash", "x" * 128, "x" * 129),
        ("DeleteCertificate", "certificateHashData.serialNumber", "x" * 40, "x" * 41),
        ("SetChargingProfile", "csChargingProfiles.stackLevel", 0, -1),
        ("SetChargingProfile", "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.numberPhases", 1, 0),
        ("SetChargingProfile", "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.numberPhases", 3, 4),
        ("SetChargingProfile", "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.1.limit", 0, 0.05),
        ("SetChargingProfile", "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.1.limit", 8.1, 8.15),
        ("SetChargingProfile", "csChargingProfiles.chargingSchedule.minChargingRate", 0.3, 0.33),
        ("TriggerMessage", "requestedMessage", "MeterValues", "LogStatusNotification"),
        ("ExtendedTriggerMessage", "requestedMessage", "LogStatusNotification", "DiagnosticsStatusNotification"),
    ],
)
def test_limits(action, path, good, bad):
    request, _ = SAMPLES[action]
    fitting = replaced(request, path, good)

    assert read_payload(action, fitting) == fitting
    with pytest.raises(errors.PropertyConstraintViolation, match=path.rpartition(".")[2].strip("01") or "key"):
        read_payload(action, replaced(request, path, bad))


@pytest.mark.parametrize("tenths", range(330))
def test_limits_have_one_decimal_place_whatever_binary_floats_say(tenths):
    """§8 row 9: 106 of these fail a naive multipleOf 0.1."""
    path = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.1.limit"
    payload = replaced(SAMPLES["SetChargingProfile"][0], path, tenths / 10)

    assert read_payload("SetChargingProfile", payload) == payload


def test_a_schedule_has_periods():
    path = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod"
    with pytest.raises(errors.OccurenceConstraintViolation, match="chargingSchedulePeriod"):
        read_payload("SetChargingProfile", replaced(SAMPLES["SetChargingProfile"][0], path, []))


@pytest.mark.parametrize("transaction_id", [-1, 0, 2**31, 2**63 - 1, 2**64, 10**20])
def test_the_station_judges_ids(transaction_id):
    payload = {"transactionId": transaction_id}

    assert read_payload("RemoteStopTransaction", payload) == payload


def test_times_and_decimals_may_be_python_s():
    expiry = datetime(2025, 2, 1, 20, tzinfo=timezone(timedelta(hours=1)))
    written = read_payload("ReserveNow", SAMPLES["ReserveNow"][0] | {"expiryDate": expiry})
    path = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod"
    profile = replaced(SAMPLES["SetChargingProfile"][0], path, [{"startPeriod": 0, "limit": 16}])
    profile["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = Decimal("8.1")

    assert written["expiryDate"] == "2025-02-01T19:00:00Z"
    limit = read_payload("SetChargingProfile", profile)["csChargingProfiles"]["chargingSchedule"]
    assert limit["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.1}]


def test_a_whole_limit_stays_whole_on_the_wire():
    path = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod"
    profile = replaced(SAMPLES["SetChargingProfile"][0], path, [{"startPeriod": 0, "limit": 16}])

    assert '"limit": 16}' in json.dumps(read_payload("SetChargingProfile", profile))


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"vendorId": "a\0b"}, errors.PropertyConstraintViolation),
        ({"vendorId": "V", "data": "\ud800"}, errors.FormationViolation),
        ({"vendorId": object()}, errors.FormationViolation),
        ({"vendorId": 7}, errors.TypeConstraintViolation),
        ({"vendorId": "V", "data": {"a": 1}}, errors.TypeConstraintViolation),
        ({"vendorId": float("nan")}, errors.TypeConstraintViolation),
    ],
)
def test_what_cannot_be_sent_or_stored_is_refused(payload, error):
    with pytest.raises(error):
        read_payload("DataTransfer", payload)


@pytest.mark.parametrize("expiry", ["tomorrow", "2025-02-01T19:00:00", "", 1738432800, datetime(2025, 2, 1)])
def test_times_need_a_zone(expiry):
    with pytest.raises(errors.OcppError, match="expiryDate"):
        read_payload("ReserveNow", SAMPLES["ReserveNow"][0] | {"expiryDate": expiry})


@pytest.mark.parametrize("action", ["Heartbeat", "MakeCoffee", "", "reset"])
def test_an_action_of_somebody_else_s(action):
    with pytest.raises(errors.ActionNotImplemented):
        read_payload(action, {})


NO_CERTIFICATES = {"status": "NotFound", "certificateHashData": []}
WITH_STATUS = [action for action, (_, answer) in SAMPLES.items() if "status" in answer]


@pytest.mark.parametrize("action", WITH_STATUS)
def test_a_status_nobody_knows_is_the_station_s_own_word(action):
    """Not a malformed answer: it says something, and it is not Accepted."""
    message, reported = read_answer(action, {"status": "Perhaps"})

    assert (message.status, reported) == ("Perhaps", ["unknown_enum"])


@pytest.mark.parametrize("action", WITH_STATUS)
@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": ["Accepted"]}, {"status": {}}])
def test_an_answer_without_a_status_is_malformed(action, answer):
    with pytest.raises(errors.OcppError, match="status"):
        read_answer(action, answer)


@pytest.mark.parametrize(
    ("action", "answer", "member", "meant", "rules"),
    [
        ("Reset", {"status": "accepted"}, "status", "Accepted", ["enum_case"]),
        ("Reset", {"status": "Accepted", "more": 1}, "status", "Accepted", ["unknown_member"]),
        ("DeleteCertificate", {"status": "Success"}, "status", "Accepted", ["alias"]),  # M04.FR.02
        ("GetLog", {"status": "Accepted", "fileName": "a.log"}, "filename", "a.log", ["alias"]),  # §8 row 37
        ("GetDiagnostics", {"filename": "a.tgz"}, "file_name", "a.tgz", ["alias"]),
        ("GetDiagnostics", {"fileName": ""}, "file_name", None, ["empty_dropped"]),
        ("GetDiagnostics", {"fileName": None}, "file_name", None, ["null_dropped"]),
        ("GetLocalListVersion", {"listVersion": -1}, "list_version", -1, []),
        ("GetLocalListVersion", {"listVersion": "12"}, "list_version", 12, ["number_from_text"]),
        ("GetConfiguration", {}, "configuration_key", None, []),
        ("GetConfiguration", {"configurationKey": None}, "configuration_key", None, ["null_dropped"]),
        ("GetConfiguration", {"unknownKey": [7]}, "unknown_key", ("7",), ["text_from_number"]),
        ("GetInstalledCertificateIds", NO_CERTIFICATES, "status", "NotFound", ["too_few"]),
        ("GetCompositeSchedule", {"status": "Accepted"}, "charging_schedule", None, []),  # §8 row 32
        ("DataTransfer", {"status": "Accepted", "data": {"a": 1}}, "data", '{"a":1}', ["text_from_json"]),
    ],
)  # fmt: skip
def test_slips_in_answers_are_put_right(action, answer, member, meant, rules):
    message, reported = read_answer(action, answer)

    assert (getattr(message, member), reported) == (meant, rules)


@pytest.mark.parametrize(
    ("entry", "meant", "rules"),
    [
        ({"readonly": True, "value": "1"}, (True, "1"), []),
        ({"readonly": "True", "value": 1}, (True, "1"), ["flag_from_text", "text_from_number"]),
        ({"readonly": 0, "value": True}, (False, "true"), ["flag_from_text", "text_from_number"]),
        ({"value": "1"}, (False, "1"), ["missing_readonly"]),
        ({"readonly": False}, (False, None), []),
        ({"readonly": False, "value": None}, (False, None), ["null_dropped"]),
        ({"readonly": False, "value": ""}, (False, ""), []),  # an empty list of measurands is a value
        ({"readonly": False, "value": "x" * 501}, (False, "x" * 500), ["too_long"]),
    ],
)
def test_configuration_keys_of_answers(entry, meant, rules):
    message, reported = read_answer("GetConfiguration", {"configurationKey": [{"key": "K"} | entry]})

    readonly, value = meant
    assert message.configuration_key == (KeyValue(key="K", readonly=readonly, value=value),)
    assert reported == rules


@pytest.mark.parametrize("readonly", ["maybe", 2, [], {}])
def test_a_flag_is_true_or_false(readonly):
    with pytest.raises(errors.TypeConstraintViolation, match="readonly"):
        read_answer("GetConfiguration", {"configurationKey": [{"key": "K", "readonly": readonly}]})


@pytest.mark.parametrize(
    ("limit", "meant", "rules"),
    [
        (16, 16, []),
        (8.1, 8.1, []),
        (8.15, 8.2, ["rounded"]),
        ("16.0", 16.0, ["number_from_text"]),
        (-1, -1, []),
    ],
)
def test_the_limits_of_a_composite_schedule(limit, meant, rules):
    answer = replaced(SAMPLES["GetCompositeSchedule"][1], "chargingSchedule.chargingSchedulePeriod.0.limit", limit)
    message, reported = read_answer("GetCompositeSchedule", answer)

    assert (message.charging_schedule.charging_schedule_period[0].limit, reported) == (meant, rules)


@pytest.mark.parametrize("limit", ["much", True, [], None, {}])
def test_what_is_no_limit(limit):
    answer = replaced(SAMPLES["GetCompositeSchedule"][1], "chargingSchedule.chargingSchedulePeriod.0.limit", limit)
    with pytest.raises(errors.OcppError, match="limit"):
        read_answer("GetCompositeSchedule", answer)


def test_odd_schedules_are_still_answers():
    schedule = {"chargingRateUnit": "w", "chargingSchedulePeriod": [], "duration": -1}
    message, reported = read_answer("GetCompositeSchedule", {"status": "Accepted", "chargingSchedule": schedule})

    assert (message.charging_schedule.charging_rate_unit, message.charging_schedule.duration) == ("W", -1)
    assert sorted(reported) == ["enum_case", "out_of_range", "too_few"]


def test_times_of_answers_are_utc():
    answer = {"status": "Accepted", "scheduleStart": "2025-02-01T19:00:00+01:00"}

    assert read_answer("GetCompositeSchedule", answer)[0].schedule_start == datetime(2025, 2, 1, 18, tzinfo=UTC)
