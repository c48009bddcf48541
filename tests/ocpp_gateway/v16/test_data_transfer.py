"""DataTransfer: vendor messages, of which we know none (OCPP 1.6 §4.3)."""

from tests.scenarios.speech import errors_of, repairs

UNKNOWN = {"status": "UnknownVendorId"}


async def test_no_vendor_is_known(cp):  # TC_064
    for payload in (
        {"vendorId": "com.example"},
        {"vendorId": "com.example", "messageId": "Ping", "data": "free text"},
        {"vendorId": "com.example", "data": '{"json": "in a text"}'},
        {"vendorId": "com.example", "messageId": "", "data": ""},
        {"vendorId": 7},
    ):
        assert await cp.call("DataTransfer", **payload) == UNKNOWN


async def test_json_for_text_is_taken_as_its_text(cp, stored):
    assert await cp.call("DataTransfer", vendorId="com.example", data={"power": [1, 2.5]}) == UNKNOWN
    assert await stored(repairs) == {("text_from_json", "data")}


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"messageId": "Ping"}, "OccurenceConstraintViolation"),
    ({"vendorId": {}}, "TypeConstraintViolation"),
    ({"vendorId": "A" * 2551}, "PropertyConstraintViolation"),
    ({"vendorId": "com.example", "data": "A" * (64 * 1024 + 1)}, "PropertyConstraintViolation"),
    ("com.example", "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "DataTransfer", (payload for payload, _ in REFUSED)) == codes
