import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from ocpp_gateway import errors, timestamps
from ocpp_gateway.errors import OcppError
from ocpp_gateway.schema import Message, Open, Repaired, decode, encode, in_utc, tolerate

MOMENT = datetime(2025, 2, 1, 18, tzinfo=UTC)
UTC_TEXT = "2025-02-01T18:00:00Z"


class Part(Message, frozen=True, kw_only=True):
    value: str
    note: Annotated[str, Meta(max_length=5)] | None = None


class Sample(Message, frozen=True, kw_only=True):
    """One member of each kind that the messages have."""

    connector_id: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    name: Annotated[str, Meta(max_length=20)] | None = None
    total: int | None = None
    meter_start: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1), tolerate(fraction="round")] | None = None
    status: Literal["Accepted", "Rejected"] | None = None
    state: Annotated[Open[Literal["Idle", "Busy"]], tolerate(aliases={"Working": "Busy"})] | None = None
    reason: Annotated[Literal["Local", "Other"], tolerate(unknown="Other", synonyms={"Locale": "Local"})] | None = None
    seen_at: Annotated[datetime, Meta(tz=True)] | None = None
    data: Annotated[str, Meta(max_length=100), tolerate(json_text=True)] | None = None
    parts: Annotated[tuple[Part, ...], tolerate(former_name="values")] | None = None

    def __post_init__(self) -> None:
        in_utc(self, "seen_at")


class Strict(Message, frozen=True, kw_only=True):
    id_tag: Annotated[str, Meta(max_length=20)]
    current_time: Annotated[datetime, Meta(tz=True)]


class Forgiving(Message, frozen=True, kw_only=True):
    timestamp: Annotated[Annotated[datetime, Meta(tz=True)] | None, tolerate(missing="missing_time")]
    value: Annotated[str, tolerate(missing="missing_value", stand_in="")]


def read(member, value, **options):
    message, repairs = decode(Sample, json.dumps({"connectorId": 1, member: value}).encode(), **options)
    return message, [rule for rule, _ in repairs]


def attribute(member):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in member)


@pytest.mark.parametrize(
    ("member", "value", "meant", "rules"),
    [
        ("connectorId", 0, 0, []),
        ("connectorId", 2**31 - 1, 2**31 - 1, []),
        ("connectorId", "7", 7, ["number_from_text"]),
        ("connectorId", " +7 ", 7, ["number_from_text"]),
        ("connectorId", "7.0", 7, ["number_from_text", "integer_from_float"]),
        ("connectorId", 7.0, 7, ["integer_from_float"]),
        ("total", 2**63 - 1, 2**63 - 1, []),
        ("total", 10**30, 10**30, []),
        ("total", str(10**30), 10**30, ["number_from_text"]),
        ("total", -1, -1, []),
        ("total", 1e20, 10**20, ["integer_from_float"]),
        ("meterStart", 12.5, 13, ["rounded"]),
        ("meterStart", 12.49, 12, ["rounded"]),
        ("meterStart", -12.5, -13, ["rounded"]),
        ("meterStart", "12.5", 13, ["number_from_text", "rounded"]),
        ("name", "x" * 20, "x" * 20, []),
        ("name", "ä" * 20, "ä" * 20, []),
        ("name", "x" * 21, "x" * 20, ["too_long"]),
        ("name", "x" * 200, "x" * 20, ["too_long"]),
        ("name", 7, "7", ["text_from_number"]),
        ("name", 7.10, "7.1", ["text_from_number"]),
        ("name", True, "true", ["text_from_number"]),
        ("name", None, None, ["null_dropped"]),
        ("name", "", None, ["empty_dropped"]),
        ("name", "null", "null", []),
        ("status", "", None, ["empty_dropped"]),
        ("status", "accepted", "Accepted", ["enum_case"]),
        ("status", " ACCEPTED", "Accepted", ["enum_case"]),
        ("state", "working", "Busy", ["alias"]),
        ("state", "Sleeping", "Sleeping", ["unknown_enum"]),
        ("state", "x" * 60, "x" * 50, ["unknown_enum"]),
        ("state", 7, "7", ["text_from_number", "unknown_enum"]),
        ("reason", "Locale", "Local", []),
        ("reason", "locale", "Local", ["enum_case"]),
        ("reason", "Whim", "Other", ["unknown_enum"]),
        ("data", {"a": [1, 2.50, None]}, '{"a":[1,2.5,null]}', ["text_from_json"]),
        ("data", [1], "[1]", ["text_from_json"]),
        ("data", 7, "7", ["text_from_json"]),
        ("data", True, "true", ["text_from_json"]),
        ("data", None, None, ["null_dropped"]),
        ("parts", [], (), []),
        ("parts", [{"value": "1"}], (Part(value="1"),), []),
        ("parts", {"value": "1"}, (Part(value="1"),), ["object_to_list"]),
        ("parts", None, None, ["null_dropped"]),
        ("values", [{"value": "1"}], None, ["alias"]),
        ("seenAt", UTC_TEXT, MOMENT, []),
        ("seenAt", "2025-02-01T19:00:00+01:00", MOMENT, []),
        ("seenAt", "2025-02-01T18:00:00", MOMENT, ["time_without_zone"]),
        ("seenAt", "", None, ["empty_dropped"]),
        ("seenAt", None, None, ["null_dropped"]),
        ("seenAt", "soon", None, ["unreadable_time"]),
        ("seenAt", "2025-02-29T18:00:00Z", None, ["unreadable_time"]),
        ("seenAt", "0000-01-01T00:00:00Z", None, ["unreadable_time"]),
        ("seenAt", "0001-01-01T00:00:00+01:00", None, ["unreadable_time"]),
        ("seenAt", "9999-12-31T23:59:59-01:00", None, ["unreadable_time"]),
        ("seenAt", 1738432800, None, ["unreadable_time"]),
        ("seenAt", {}, None, ["unreadable_time"]),
        ("unheardOf", {"a": [None]}, None, ["unknown_member"]),
    ],
)
def test_a_member_is_read(member, value, meant, rules):
    message, reported = read(member, value)

    assert reported == rules
    if member == "values":
        assert message.parts == (Part(value="1"),)
    else:
        assert getattr(message, attribute(member), None) == meant


@pytest.mark.parametrize(
    ("member", "value", "error"),
    [
        ("connectorId", -1, errors.PropertyConstraintViolation),
        ("connectorId", 2**31, errors.PropertyConstraintViolation),
        ("connectorId", "-1", errors.PropertyConstraintViolation),
        ("connectorId", 2**70, errors.PropertyConstraintViolation),
        ("connectorId", 1.5, errors.TypeConstraintViolation),
        ("connectorId", "1.5", errors.TypeConstraintViolation),
        ("connectorId", "one", errors.TypeConstraintViolation),
        ("connectorId", True, errors.TypeConstraintViolation),
        ("connectorId", [1], errors.TypeConstraintViolation),
        ("total", "9" * 41, errors.TypeConstraintViolation),
        ("meterStart", True, errors.TypeConstraintViolation),
        ("meterStart", 2**63, errors.PropertyConstraintViolation),
        ("name", "x" * 201, errors.PropertyConstraintViolation),
        ("name", {}, errors.TypeConstraintViolation),
        ("name", ["x"], errors.TypeConstraintViolation),
        ("status", "Perhaps", errors.PropertyConstraintViolation),
        ("status", {}, errors.TypeConstraintViolation),
        ("data", "x" * 101, errors.PropertyConstraintViolation),
        ("data", ["x" * 101], errors.PropertyConstraintViolation),
        ("parts", [None], errors.TypeConstraintViolation),
        ("parts", ["1"], errors.TypeConstraintViolation),
        ("parts", "1", errors.TypeConstraintViolation),
        ("parts", [{}], errors.OccurenceConstraintViolation),
        ("parts", [{"value": None}], errors.OccurenceConstraintViolation),
    ],
)
def test_what_cannot_be_put_right_is_refused(member, value, error):
    with pytest.raises(error) as caught:
        read(member, value)
    assert type(caught.value) is error
    assert f"$.{member}" in caught.value.description


@pytest.mark.parametrize(
    ("member", "value", "error"),
    [
        ("connectorId", "7", errors.TypeConstraintViolation),
        ("connectorId", 7.0, errors.TypeConstraintViolation),
        ("meterStart", 12.5, errors.TypeConstraintViolation),
        ("name", 7, errors.TypeConstraintViolation),
        ("name", "x" * 21, errors.PropertyConstraintViolation),
        ("name", None, errors.TypeConstraintViolation),
        ("status", "accepted", errors.PropertyConstraintViolation),
        ("state", "Sleeping", errors.PropertyConstraintViolation),
        ("reason", "", errors.PropertyConstraintViolation),
        ("seenAt", "2025-02-01T18:00:00", errors.PropertyConstraintViolation),
        ("seenAt", "", errors.PropertyConstraintViolation),
        ("seenAt", None, errors.TypeConstraintViolation),
        ("data", {}, errors.TypeConstraintViolation),
        ("parts", {"value": "1"}, errors.TypeConstraintViolation),
        ("values", [], errors.OccurenceConstraintViolation),
        ("unheardOf", 1, errors.FormationViolation),
    ],
)
def test_strict_repairs_nothing(member, value, error):
    with pytest.raises(error):
        read(member, value, strict=True)


def test_strict_takes_what_the_schemas_allow():
    assert read("reason", "Locale", strict=True)[0].reason == "Local"
    assert read("name", "", strict=True)[0].name == ""
    assert read("parts", [], strict=True)[0].parts == ()


def test_what_is_missing_where_it_is_forgiven_is_reported():
    message, repairs = decode(Forgiving, b"{}")

    assert message == Forgiving(timestamp=None, value="")
    assert repairs == (Repaired("missing_time", "timestamp"), Repaired("missing_value", "value"))


@pytest.mark.parametrize("payload", [b"{}", b'{"timestamp":null,"value":"1"}', b'{"timestamp":"soon","value":"1"}'])
def test_strict_forgives_nothing_missing(payload):
    with pytest.raises(OcppError):
        decode(Forgiving, payload, strict=True)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b'{"currentTime":"2025-02-01T18:00:00Z"}', errors.OccurenceConstraintViolation),
        (b'{"idTag":null,"currentTime":"2025-02-01T18:00:00Z"}', errors.OccurenceConstraintViolation),
        (b'{"idTag":"A","currentTime":"soon"}', errors.PropertyConstraintViolation),
        (b'{"idTag":"A","currentTime":null}', errors.OccurenceConstraintViolation),
    ],
)
def test_required_members_of_other_messages_are_required(payload, error):
    with pytest.raises(error):
        decode(Strict, payload)


def test_an_empty_required_text_stays():
    message, repairs = decode(Strict, b'{"idTag":"","currentTime":"2025-02-01T18:00:00Z"}')

    assert (message.id_tag, repairs) == ("", ())


def test_paths_in_errors_have_indexes_and_repaired_fields_have_none():
    with pytest.raises(errors.OccurenceConstraintViolation, match=r"\$\.parts\[1\]\.value"):
        decode(Sample, b'{"parts":[{"value":"1"},{}]}')

    _, repairs = decode(Sample, b'{"parts":[{"value":1},{"value":2,"note":"123456"}]}')
    assert repairs == (Repaired("text_from_number", "parts.value"), Repaired("too_long", "parts.note"))


def test_the_former_name_counts_only_where_the_right_one_is_missing():
    message, repairs = decode(Sample, b'{"parts":[],"values":[{"value":"1"}]}')

    assert (message.parts, repairs) == ((), (Repaired("unknown_member", "values"),))


def test_a_thousand_unknown_members_are_not_a_thousand_reports():
    members = {f"x{number}" * 50: number for number in range(1000)}
    _, repairs = decode(Sample, json.dumps(members).encode())

    assert len(repairs) == 50
    assert max(len(field) for _, field in repairs) == 100


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", errors.FormationViolation),
        (b"[]", errors.FormationViolation),
        (b"null", errors.FormationViolation),
        (b'""', errors.FormationViolation),
        (b"7", errors.FormationViolation),
        (b'{"total":', errors.FormationViolation),
        (b'{"name":"\xff"}', errors.FormationViolation),
        (b'{"name":"\\ud800"}', errors.FormationViolation),
        (b'{"name":NaN}', errors.FormationViolation),
        (b'{"total":' + b"9" * 5000 + b"}", errors.PropertyConstraintViolation),
        (b'{"total":1e999999999}', errors.PropertyConstraintViolation),
        (b'{"total":1e99999999999999999999}', errors.PropertyConstraintViolation),
        (b'{"total":-1e-99999999999999999999}', errors.PropertyConstraintViolation),
        (b'{"total":1.' + b"9" * 5000 + b"}", errors.TypeConstraintViolation),
        (b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", errors.FormationViolation),
        (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", errors.FormationViolation),
        (b'{"nobody":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, errors.FormationViolation),
    ],
)
def test_hostile_payloads_get_a_code(payload, error):
    with pytest.raises(error):
        decode(Sample, payload)


@pytest.mark.parametrize("depth", [200, 450, 900, 980, 1100, 5000])
def test_every_depth_of_nesting_is_survived(depth):
    with suppress(OcppError):
        decode(Sample, b'{"data":' + b"[" * depth + b"]" * depth + b"}")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just("x" * 30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
members = st.sampled_from([*Sample.__struct_encode_fields__, "values", "nobody"])


@given(st.dictionaries(members, json_values | st.sampled_from(["Accepted", "idle", "Locale", UTC_TEXT]), max_size=6))
def test_any_object_is_read_or_refused_and_what_is_read_can_be_written_and_read(value):
    payload = json.dumps(value).encode()
    with suppress(OcppError):
        message, _ = decode(Sample, payload)
        assert decode(Sample, encode(message))[0].connector_id == message.connector_id
    with suppress(OcppError):
        assert decode(Sample, payload, strict=True)[1] == ()


@given(st.binary(max_size=40) | st.text('{}[]",:\\u0conetrI1.e-').map(str.encode))
def test_any_bytes_are_survived(payload):
    with suppress(OcppError):
        decode(Sample, payload)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (UTC_TEXT, MOMENT),
        ("2025-02-01t18:00:00z", MOMENT),
        ("2025-02-01 18:00:00Z", MOMENT),
        (" 2025-02-01T18:00:00 Z ", MOMENT),
        ("2025-02-01T18:00:00.5Z", MOMENT.replace(microsecond=500_000)),
        ("2025-02-01T18:00:00,5Z", MOMENT.replace(microsecond=500_000)),
        ("2025-02-01T18:00:00.0000000Z", MOMENT),  # Easee
        ("2025-02-01T18:00:00.1234567890123Z", MOMENT.replace(microsecond=123_456)),
        ("2025-02-01T19:00:00+01:00", MOMENT),
        ("2025-02-01T19:00:00+0100", MOMENT),
        ("2025-02-01T19:00:00+01", MOMENT),
        ("2025-02-01T12:30:00-05:30", MOMENT),
        ("2025-01-31T24:00:00Z", datetime(2025, 2, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text, moment):
    assert timestamps.read(text) == (moment, True)
    assert timestamps.read(text)[0].tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2025-02-01", "2025-02-01T18:00Z", "2025-02-29T00:00:00Z", "0000-01-01T00:00:00Z",
        "2025-13-01T00:00:00Z", "2025-02-01T25:00:00Z", "2025-02-01T24:00:01Z", "2025-02-01T18:60:00Z",
        "2025-02-01T18:00:61Z", "2025-02-01T18:00:00+99:99", "9999-12-31T24:00:00Z", "0001-01-01T00:00:00+14:00",
        "٢٠٢٥-02-01T18:00:00Z", "2025-02-01T18:00:00" + " " * 100_000 + "x", "2025-02-01T18:00:00." + "1" * 100_000,
        "2025-02-01T18:00:00.Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(text):
    moment, _ = timestamps.read(text)
    assert moment is None or text.endswith("1" * 100_000)


@given(st.datetimes(timezones=st.timezones()))
def test_python_and_we_read_the_same_moment(moment):
    with suppress(OverflowError):
        expected = moment.astimezone(UTC)
        offset = moment.utcoffset()
        if not offset.total_seconds() % 60:
            assert timestamps.read(moment.isoformat()) == (expected, True)


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        MOMENT.replace(microsecond=999_999),
        datetime(2025, 2, 1, 19, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_times_leave_in_utc_with_whole_seconds(moment):
    assert encode(Strict(id_tag="A", current_time=moment)) == b'{"idTag":"A","currentTime":"2025-02-01T18:00:00Z"}'


def test_a_message_takes_no_time_without_a_zone():
    with pytest.raises(ValueError, match="no time zone"):
        Sample(seen_at=datetime(2025, 2, 1))


def test_a_message_keeps_its_times_in_utc():
    message = Sample(seen_at=datetime(2025, 2, 1, 19, tzinfo=timezone(timedelta(hours=1))))

    assert message.seen_at.isoformat() == "2025-02-01T18:00:00+00:00"


def test_absent_members_stay_off_the_wire():
    assert encode(Sample(parts=(Part(value="1"),), total=0)) == b'{"total":0,"parts":[{"value":"1"}]}'
