import importlib
import json
import pkgutil
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from importlib import resources
from typing import NamedTuple

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocpp_gateway import errors, tolerance
from ocpp_gateway.errors import OcppError
from ocpp_gateway.schema import Message, Repaired, decode, encode
from ocpp_gateway.v16 import messages
from ocpp_gateway.v16.messages.authorize import AuthorizeRequest, AuthorizeResponse
from ocpp_gateway.v16.messages.data_transfer import DataTransferRequest
from ocpp_gateway.v16.messages.diagnostics_status_notification import DiagnosticsStatusNotificationRequest
from ocpp_gateway.v16.messages.log_status_notification import LogStatusNotificationRequest
from ocpp_gateway.v16.messages.meter_values import MeterValuesRequest
from ocpp_gateway.v16.messages.security_event_notification import SecurityEventNotificationRequest
from ocpp_gateway.v16.messages.start_transaction import StartTransactionRequest, StartTransactionResponse
from ocpp_gateway.v16.messages.status_notification import StatusNotificationRequest
from ocpp_gateway.v16.messages.stop_transaction import StopTransactionRequest
from ocpp_gateway.v16.types import IdTagInfo, MeterValue, SampledValue

pytestmark = pytest.mark.long

MOMENT = datetime(2025, 2, 1, 18, tzinfo=UTC)
UTC_TEXT = "2025-02-01T18:00:00Z"


def message_types():
    """BootNotificationRequest, BootNotificationResponse, …: all there are, by name."""
    modules = [
        importlib.import_module(f"{messages.__name__}.{name}") for _, name, _ in pkgutil.iter_modules(messages.__path__)
    ]
    found = {name: value for module in modules for name, value in vars(module).items() if is_message(name, value)}
    return dict(sorted(found.items()))


def is_message(name, value):
    return isinstance(value, type) and issubclass(value, Message) and name.endswith(("Request", "Response"))


MESSAGES = message_types()


# The schemas of PyPI ocpp, and where we differ from them on purpose.


class Difference(NamedTuple):
    where: str  # a part of the message's name
    member: str
    change: dict  # of the member's schema; None takes a keyword away
    reason: str


INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1}
COUNT = {"minimum": 0, "maximum": 2**31 - 1}
AT_LEAST_1 = {"minimum": 1, "maximum": 2**31 - 1}
URL = {"pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+\Z"}
DIFFERENCES = [
    Difference("", "connectorId", {"minimum": 0, "maximum": 2**31 - 1}, "§8 row 8: the text's range"),
    Difference("", "meterStart", INT64, "no bounds in the schemas, but in every column"),
    Difference("", "meterStop", INT64, "as meterStart"),
    Difference("", "reservationId", INT64, "as meterStart"),
    Difference("", "requestId", INT64, "as meterStart"),
    Difference("BootNotification", "interval", INT64, "as meterStart"),
    Difference("MeterValues", "meterValue", {"minItems": None}, "§8 row 6: minItems is PyPI's own; stations send []"),
    Difference("MeterValues", "sampledValue", {"minItems": None}, "§8 row 6"),
    Difference("StopTransaction", "unit", {"add": "Hertz"}, "§8 row 2: PyPI has it in MeterValues only"),
    Difference("DataTransfer", "data", {"maxLength": 64 * 1024}, "§8 row 18: the size is capped"),
    Difference("RemoteStartTransaction", "connectorId", AT_LEAST_1, "§5: the station as a whole cannot charge"),
    Difference("UnlockConnector", "connectorId", AT_LEAST_1, "§5: the station as a whole has no plug"),
    Difference("SendLocalList", "listVersion", AT_LEAST_1, "§5: never 0 or -1, which GetLocalListVersion answers"),
    Difference("GetLocalListVersion", "listVersion", INT64, "as meterStart"),
    Difference("", "chargingProfileId", INT64, "as meterStart"),
    Difference("ClearChargingProfile", "id", INT64, "as meterStart"),
    Difference("", "stackLevel", COUNT, "§8 row 8: the text's range"),
    Difference("", "startPeriod", COUNT, "§8 row 8"),
    Difference("", "duration", COUNT, "§8 row 8"),
    Difference("", "retries", COUNT, "§8 row 8"),
    Difference("", "retryInterval", COUNT, "§8 row 8"),
    Difference("", "numberPhases", {"minimum": 1, "maximum": 3}, "§8 row 8"),
    Difference("", "chargingSchedulePeriod", {"minItems": 1}, "§8 row 6: outbound never empty"),
    Difference("", "limit", {"multipleOf": Decimal("0.1")}, "§8 row 9: not by binary floats, which refuse 8.1"),
    Difference("", "minChargingRate", {"multipleOf": Decimal("0.1")}, "§8 row 9"),
    Difference("GetDiagnostics", "location", URL, "§8 row 13: PyPI checks no formats; absolute and percent-encoded"),
    Difference("UpdateFirmware", "location", URL, "§8 row 13"),
    Difference("GetLog", "remoteLocation", URL, "§8 row 13"),
]
# Beside them: times are checked (§8 row 12; PyPI checks no formats), and all schemas run as draft 4, so that 1.0 is
# no integer in the security extension either (§8 row 10; PyPI does the same).

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_moment(text):
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def pypi_schema(name):
    file = resources.files("ocpp.v16") / "schemas" / f"{name.removesuffix('Request')}.json"
    return json.loads(file.read_text(encoding="utf-8-sig"))


def our_schema(name):
    changed = whole(pypi_schema(name))
    for difference in DIFFERENCES:
        if difference.where in name:
            apply(changed, difference)
    return changed


def whole(schema):
    """The schema with its definitions in their places; draft 4 would ignore what stands beside a $ref."""
    changed = resolve(schema, schema.get("definitions", {}))
    changed.pop("$schema")
    changed.setdefault("properties", {})
    return changed


def apply(node, difference):
    for member, described in node.get("properties", {}).items():
        if member == difference.member:
            change(described, difference.change)
        apply(described.get("items", described), difference)


def change(described, changes):
    for keyword, value in changes.items():
        if value is None:
            described.pop(keyword, None)
        elif keyword == "add":
            described["enum"] = sorted({*described["enum"], value})
        else:
            described[keyword] = value


def resolve(node, definitions):
    if isinstance(node, list):
        return [resolve(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return resolve(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: resolve(value, definitions) for key, value in node.items()}


# Values that a schema allows, and values near by that it may not.

moments = st.sampled_from(
    [UTC_TEXT, "2025-02-01T18:00:00.123456Z", "2025-02-01T19:00:00+01:00", "1999-12-31T23:59:59-05:30"]
)
junk = st.sampled_from(
    [
        None, "", "1", "Nonsense", "accepted", 1.0, 1.5, -1, 0, 2**31, 2**40, 2**64, True, [], {}, [None], [{}],
        {"value": "1"}, "x" * 21, "x" * 51, "x" * 256, "x" * 70_000, "2025-02-30T18:00:00Z", "2025-02-01T18:00:00",
        "Celcius", "Celsius", "Hertz", 8.1, 8.15, 0.3, "https://x.example/ä", "https://x.example/\n", "//x.example/",
    ]
)  # fmt: skip


def values(described):
    match described:
        case {"enum": words}:
            return st.sampled_from(words)
        case {"format": "date-time"}:
            return moments
        case {"pattern": _}:
            return st.sampled_from(["https://files.example.org/fw/4.3.bin", "ftp://user:pw@host/dir/", "urn:x"])
        case {"type": "string"}:
            return texts(described.get("maxLength", 1000))
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "number"}:
            return st.integers(0, 500_000).map(lambda tenths: tenths / 10) | st.integers(0, 63)
        case {"type": "integer"}:
            return st.integers(described.get("minimum"), described.get("maximum"))
        case {"type": "array", "items": items}:
            return st.lists(values(items), min_size=described.get("minItems", 0), max_size=2)
        case {"type": "object"}:
            return objects(described)


def texts(limit):
    words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=min(limit, 12))
    return words | st.sampled_from(["x" * limit, "é" * limit])


def objects(described):
    members = {name: values(member) for name, member in described["properties"].items()}
    required = described.get("required", [])
    optional = {name: member for name, member in members.items() if name not in required}
    return st.fixed_dictionaries({name: members[name] for name in required}, optional=optional)


@st.composite
def bent(draw, described):
    """An object that fits the schema, with one thing changed somewhere in it."""
    value = deepcopy(draw(objects(described)))
    place = draw(st.sampled_from(list(places(value))))
    if isinstance(place, dict):
        name = draw(st.sampled_from([*place, *described["properties"], "nobody"]))
        if name in place and draw(st.booleans()):
            del place[name]
            return value
        place[name] = draw(junk)
    else:
        place.insert(0, draw(junk))
    return value


def places(value):
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from places(inner)


def as_json(value):
    return json.dumps(value, ensure_ascii=False).encode()


def exact(value):
    """The value as it stands in the JSON text, decimal numbers to the digit."""
    return json.loads(as_json(value), parse_float=Decimal)


def fits(validator, value):
    return validator.is_valid(exact(value))


def accepts(message_type, value):
    try:
        decode(message_type, as_json(value), strict=True)
    except OcppError:
        return False
    return True


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_strict_reading_is_what_the_schemas_say(name, data):
    described = our_schema(name)
    validator = jsonschema.Draft4Validator(described, format_checker=formats)
    fitting, crooked = data.draw(objects(described)), data.draw(bent(described))

    assert fits(validator, fitting)
    assert accepts(MESSAGES[name], fitting)
    assert accepts(MESSAGES[name], crooked) == fits(validator, crooked), list(validator.iter_errors(exact(crooked)))


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_fast_and_the_generous_reading_agree(name, data):
    value = data.draw(objects(our_schema(name)))
    with suppress(msgspec.ValidationError):
        fast = msgspec.json.decode(as_json(value), type=MESSAGES[name])
        reading = tolerance.Reading(strict=True)
        assert tolerance.record_of(MESSAGES[name]).read(exact(value), "$", reading) == fast


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_anything_near_a_message_is_read_or_refused_and_can_be_written(name, data):
    value = data.draw(bent(our_schema(name)))
    with suppress(OcppError):
        message, _ = decode(MESSAGES[name], as_json(value))
        assert json.loads(encode(message)) is not None


def edges(described):
    """Objects with one member at, or just beyond, each of its limits, however deep it lies."""
    for name, member in described["properties"].items():
        for value in edge_values(member):
            yield minimal(described) | {name: value}


def edge_values(described):
    match described:
        case {"enum": words}:
            return [*words, "Nonsense"]
        case {"pattern": _}:
            limit = described.get("maxLength", 1000)
            return ["https://x.example/ä", "x.example", *(f"https://{'x' * (n - 8)}" for n in (limit, limit + 1))]
        case {"maxLength": limit}:
            return ["x" * limit, "x" * (limit + 1)]
        case {"type": "number"}:
            return [0, 0.3, 8.1, 32.9, 16, 16.0, 8.15, 0.01, 1e20]
        case {"minimum": least, "maximum": most}:
            return [least, least - 1, most, most + 1]
        case {"type": "array", "items": items}:
            return [[], *([value] for value in edge_values(items))]
        case {"type": "object"}:
            return list(edges(described))
    return [None]


def minimal(described):
    return {name: example(described["properties"][name]) for name in described.get("required", [])}


def example(described):
    match described:
        case {"enum": words}:
            return words[0]
        case {"format": _}:
            return UTC_TEXT
        case {"pattern": _}:
            return "https://x.example/"
        case {"type": "array", "items": items}:
            return [example(items)] * described.get("minItems", 0)
        case {"type": "object"}:
            return minimal(described)
    return {"string": "x", "integer": 1, "number": 1, "boolean": True}[described["type"]]


@pytest.mark.parametrize("name", MESSAGES)
def test_strict_reading_draws_every_limit_where_the_schemas_draw_it(name):
    described = our_schema(name)
    validator = jsonschema.Draft4Validator(described, format_checker=formats)
    for value in edges(described):
        assert accepts(MESSAGES[name], value) == fits(validator, value), value


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_each_difference_makes_a_difference(difference):
    concerned = [name for name in MESSAGES if difference.where in name]
    changed = [whole(pypi_schema(name)) for name in concerned]
    for described in changed:
        apply(described, difference)

    assert changed != [whole(pypi_schema(name)) for name in concerned]


@pytest.mark.parametrize("name", MESSAGES)
def test_optional_members_default_to_none(name):
    """Any other default would be left off the wire where it is meant (`omit_defaults`)."""
    fields = msgspec.structs.fields(MESSAGES[name])

    assert {field.default for field in fields} <= {None, msgspec.NODEFAULT}
    assert all(field.required == (field.encode_name in pypi_schema(name).get("required", [])) for field in fields)


# Lengths, and what real stations send.


@pytest.mark.parametrize("name", MESSAGES)
def test_texts_are_cut_at_their_limit_and_refused_at_ten_times_that(name):
    described = our_schema(name)
    for member, limits in described["properties"].items():
        limit = limits.get("maxLength")
        if limit is None or member == "data":
            continue
        value = minimal(described)
        for length, kept in ((limit, limit), (limit + 1, limit), (10 * limit, limit)):
            message, repairs = decode(MESSAGES[name], as_json(value | {member: "x" * length}))
            assert len(json.loads(encode(message))[member]) == kept
            assert repairs == ((Repaired("too_long", member),) if length > limit else ())
        with pytest.raises(errors.PropertyConstraintViolation):
            decode(MESSAGES[name], as_json(value | {member: "x" * (10 * limit + 1)}))


def sample(**members):
    value = {"connectorId": 1, "meterValue": [{"timestamp": UTC_TEXT, "sampledValue": [{"value": "1"} | members]}]}
    message, repairs = decode(MeterValuesRequest, as_json(value))
    return message.meter_value[0].sampled_value[0], [rule for rule, _ in repairs]


@pytest.mark.parametrize(
    ("member", "word", "meant", "rules"),
    [
        ("unit", "Celsius", "Celsius", []),
        ("unit", "Celcius", "Celsius", []),
        ("unit", "C", "Celsius", ["alias"]),
        ("unit", "Hertz", "Hz", []),
        ("unit", "Hz", "Hz", ["alias"]),
        ("unit", "kwh", "kWh", ["enum_case"]),
        ("unit", "furlong", "furlong", ["unknown_enum"]),
        ("unit", "", None, ["empty_dropped"]),
        ("context", "CurrentMax", "Other", ["unknown_enum"]),
        ("context", "sample.clock", "Sample.Clock", ["enum_case"]),
        ("measurand", "power", "power", ["unknown_enum"]),
        ("measurand", "soc", "SoC", ["enum_case"]),
        ("phase", "L4", "L4", ["unknown_enum"]),
        ("location", "Moon", "Moon", ["unknown_enum"]),
        ("format", "signeddata", "SignedData", ["enum_case"]),
        ("value", 230.10, "230.1", ["text_from_number"]),
        ("value", "x" * 100_000, "x" * 100_000, []),
        ("value", "", "", []),
        ("value", None, "", ["null_dropped", "missing_value"]),
    ],
)
def test_words_and_values_of_samples(member, word, meant, rules):
    read, reported = sample(**{member: word})

    assert (getattr(read, member), reported) == (meant, rules)


def test_numbers_keep_their_digits():
    payload = (
        b'{"connectorId":1,"meterValue":[{"timestamp":"%s","sampledValue":[{"value":230.10}]}]}' % UTC_TEXT.encode()
    )

    assert decode(MeterValuesRequest, payload)[0].meter_value[0].sampled_value[0].value == "230.10"


@pytest.mark.parametrize("value", [{"value": "1"}, [{"value": "1"}]])
@pytest.mark.parametrize("name", ["sampledValue", "values"])
def test_single_objects_and_the_names_of_15(name, value):
    payload = as_json({"connectorId": 1, "values": {"timestamp": UTC_TEXT, name: value}})
    message, repairs = decode(MeterValuesRequest, payload)

    assert message.meter_value == (MeterValue(timestamp=MOMENT, sampled_value=(SampledValue(value="1"),)),)
    assert {rule for rule, _ in repairs} <= {"alias", "object_to_list"}


def test_meter_values_may_be_empty():  # Vestel EVC04, ZJ Beny: lbbrhzn/ocpp#466
    message, repairs = decode(MeterValuesRequest, b'{"connectorId":0,"meterValue":[]}')

    assert (message, repairs) == (MeterValuesRequest(connector_id=0, meter_value=()), ())


def test_meter_values_without_time_or_samples_are_kept():
    message, repairs = decode(MeterValuesRequest, b'{"connectorId":0,"meterValue":[{}]}')

    assert message.meter_value == (MeterValue(timestamp=None, sampled_value=()),)
    assert repairs == (
        Repaired("missing_time", "meterValue.timestamp"),
        Repaired("missing_samples", "meterValue.sampledValue"),
    )


@pytest.mark.parametrize("transaction_id", [0, -1, 2**31, 2**63 - 1, 2**64, 10**40])  # Alfen: steve-community/steve#740
def test_a_stop_with_any_id_and_little_else_is_read(transaction_id):
    message, repairs = decode(StopTransactionRequest, b'{"transactionId":%d}' % transaction_id)

    assert message == StopTransactionRequest(transaction_id=transaction_id, meter_stop=None, timestamp=None)
    assert repairs == (Repaired("missing_meter_stop", "meterStop"), Repaired("missing_time", "timestamp"))


def test_a_stop_without_its_id_is_no_stop():
    with pytest.raises(errors.OccurenceConstraintViolation, match="transactionId"):
        decode(StopTransactionRequest, as_json({"meterStop": 1, "timestamp": UTC_TEXT}))


@pytest.mark.parametrize(
    ("reason", "meant"), [("Local", "Local"), ("local", "Local"), ("Boredom", "Other"), ("", None)]
)
def test_the_reason_of_a_stop(reason, meant):
    value = {"transactionId": 1, "meterStop": 1, "timestamp": UTC_TEXT, "reason": reason}

    assert decode(StopTransactionRequest, as_json(value))[0].reason == meant


def test_a_start_with_a_fractional_register_and_no_time_is_read():
    value = {"connectorId": 1, "idTag": "CAFE", "meterStart": 10.5, "timestamp": "yesterday"}
    message, repairs = decode(StartTransactionRequest, as_json(value))

    assert message == StartTransactionRequest(connector_id=1, id_tag="CAFE", meter_start=11, timestamp=None)
    assert [rule for rule, _ in repairs] == ["rounded", "unreadable_time"]


@pytest.mark.parametrize("member", ["connectorId", "idTag", "meterStart"])
def test_a_start_needs_the_rest(member):
    value = {"connectorId": 1, "idTag": "CAFE", "meterStart": 10, "timestamp": UTC_TEXT}
    del value[member]
    with pytest.raises(errors.OccurenceConstraintViolation):
        decode(StartTransactionRequest, as_json(value))


@pytest.mark.parametrize(
    ("status", "error_code", "expected", "rules"),
    [
        ("Faulted", "GroundFailure", ("Faulted", "GroundFailure"), []),
        ("faulted", "noerror", ("Faulted", "NoError"), ["enum_case", "enum_case"]),
        ("Occupied", "Error", ("Occupied", "OtherError"), ["unknown_enum", "unknown_enum"]),  # Legrand
    ],
)
def test_a_status_nobody_knows_stays_text(status, error_code, expected, rules):
    value = {"connectorId": 0, "status": status, "errorCode": error_code}
    message, repairs = decode(StatusNotificationRequest, as_json(value))

    assert (message.status, message.error_code) == expected
    assert [rule for rule, _ in repairs] == rules


@pytest.mark.parametrize("word", ["UploadFailed", "UploadFailure"])
def test_a_failed_upload_has_two_names(word):
    status = as_json({"status": word})

    assert decode(DiagnosticsStatusNotificationRequest, status)[0].status == "UploadFailed"
    assert decode(LogStatusNotificationRequest, status)[0].status == "UploadFailure"


@pytest.mark.parametrize(("data", "text"), [({"a": 1}, '{"a":1}'), ([1, "x"], '[1,"x"]'), (7, "7"), ("{}", "{}")])
def test_data_is_text_or_the_text_of_json(data, text):
    assert decode(DataTransferRequest, as_json({"vendorId": "V", "data": data}))[0].data == text


@pytest.mark.parametrize("data", ["x" * 65_537, ["x" * 65_537]])
def test_data_is_capped(data):
    assert decode(DataTransferRequest, as_json({"vendorId": "V", "data": "x" * 65_536}))[1] == ()
    with pytest.raises(errors.PropertyConstraintViolation):
        decode(DataTransferRequest, as_json({"vendorId": "V", "data": data}))


def test_a_security_event_has_a_time_but_it_may_be_odd():
    assert decode(SecurityEventNotificationRequest, b'{"type":"X","timestamp":"?"}')[0].timestamp is None
    with pytest.raises(errors.OccurenceConstraintViolation):
        decode(SecurityEventNotificationRequest, b'{"type":"X"}')


def test_a_hint_in_the_wrong_message_is_ignored():  # evcc-io/evcc#14579
    message, repairs = decode(AuthorizeRequest, b'{"idTag":"CAFE","connectorId":1}')

    assert (message, repairs) == (AuthorizeRequest(id_tag="CAFE"), (Repaired("unknown_member", "connectorId"),))


def test_responses_are_written_as_the_schemas_want_them():
    accepted = IdTagInfo(status="Accepted", expiry_date=MOMENT, parent_id_tag="ROOT")
    written = encode(StartTransactionResponse(id_tag_info=accepted, transaction_id=0))

    assert written == (
        b'{"idTagInfo":{"status":"Accepted","expiryDate":"2025-02-01T18:00:00Z","parentIdTag":"ROOT"},"transactionId":0}'
    )
    assert encode(AuthorizeResponse(id_tag_info=IdTagInfo(status="Invalid"))) == b'{"idTagInfo":{"status":"Invalid"}}'
