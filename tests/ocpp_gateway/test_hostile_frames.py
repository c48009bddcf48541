r"""Whatever a station sends: one reply to what can be read, silence for the rest, and the line stays (reliability §3).

In the texts of this table # is the frame's own message id.
"""

import json
import logging
from itertools import count

import pytest
from asgiref.sync import sync_to_async
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import make_station
from tests.scenarios.speech import meter_value, start, stop

_numbers = count(1)
MIB = 1024 * 1024
SILENCE = "silence"
RESULT = "result"
FORMATION = "FormationViolation"
MISSING = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"
VALUE = "PropertyConstraintViolation"


def call(action, payload):
    return json.dumps([2, "#", action, payload])


def raw(action, payload):
    return f'[2,"#","{action}",{payload}]'


def padded(frame):
    """Just under the largest frame that the server lets in, by white space."""
    return frame + " " * (MIB - 10 - len(frame))


def reading(value, minutes, **said):
    return call("MeterValues", {"connectorId": 1, "meterValue": [meter_value(value, minutes, **said)]})


def long_stop():
    return raw("StopTransaction", json.dumps(stop(4711, transactionData=[meter_value(n, n / 60) for n in range(9000)])))


AUTHORIZE = '"Authorize",{"idTag":"CAFE"}'

SHAPES = {
    "nothing": ("", SILENCE),
    "white space": (" \r\n\t", SILENCE),
    "prose": ("hello, is it me you're looking for?", SILENCE),
    "half a bracket": ("[", SILENCE),
    "an empty list": ("[]", SILENCE),
    "an object": ("{}", SILENCE),
    "an object like a frame": ('{"0":2,"1":"#","2":"Heartbeat","3":{}}', SILENCE),
    "null": ("null", SILENCE),
    "a number": ("2", SILENCE),
    "a text": ('"Heartbeat"', SILENCE),
    "true": ("true", SILENCE),
    "NaN": ("NaN", SILENCE),
    "type only": ("[2]", SILENCE),
    "type and id only": ('[2,"#"]', FORMATION),
    "no payload": ('[2,"#","Heartbeat"]', "ProtocolError"),
    "five elements": ('[2,"#","Heartbeat",{},{}]', FORMATION),
    "a list in a list": ('[[2,"#","Heartbeat",{}]]', SILENCE),
    "two frames at once": ('[2,"#","Heartbeat",{}][2,"#b","Heartbeat",{}]', FORMATION),
    "something after the frame": ('[2,"#","Heartbeat",{}]\0', FORMATION),
    "torn in the payload": ('[2,"#","Heartbeat",{"a":', FORMATION),
    "torn in the action": ('[2,"#","Hea', FORMATION),
    "torn in the id": ('[2,"#', SILENCE),
    "single quotes": ("[2,'#','Heartbeat',{}]", SILENCE),
    "a comment": ('[2,"#","Heartbeat",{}/* hi */]', FORMATION),
    "YAML": ('- 2\n- "#"\n- Heartbeat\n- {}', SILENCE),
    "XML": ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>', SILENCE),
    "HTTP": ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", SILENCE),
    "a trailing comma": ('[2,"#","Heartbeat",{},]', RESULT),
    "a byte order mark": ('\ufeff[2,"#","Heartbeat",{}]', RESULT),
    "a right-to-left mark": ('\u202e[2,"#","Heartbeat",{}]', SILENCE),
    "lines between the elements": ('[\n2\n,\n"#"\n,\n"Heartbeat"\n,\n{\n}\n]', RESULT),
}

TYPES = {
    "type 0": ('[0,"#","Heartbeat",{}]', SILENCE),
    "type 1": ('[1,"#","Heartbeat",{}]', SILENCE),
    "type 5": ('[5,"#","Heartbeat",{}]', SILENCE),
    "type -2": ('[-2,"#","Heartbeat",{}]', SILENCE),
    "type of 5000 digits": (f'[{"9" * 5000},"#","Heartbeat",{{}}]', SILENCE),
    "type 2.5": ('[2.5,"#","Heartbeat",{}]', SILENCE),
    "type null": ('[null,"#","Heartbeat",{}]', SILENCE),
    "type true": ('[true,"#","Heartbeat",{}]', SILENCE),
    "type as text": ('["2","#","Heartbeat",{}]', SILENCE),
    "type as list": ('[[2],"#","Heartbeat",{}]', SILENCE),
    "an answer nobody asked for": ('[3,"#",{}]', SILENCE),
    "a torn answer": ('[3,"#",{"configurationKey":[]', SILENCE),
    "an answer without payload": ('[3,"#"]', SILENCE),
    "an answer of the wrong kind": ('[3,"#",[1,2,3]]', SILENCE),
    "an answer with a number for its id": ("[3,1,{}]", SILENCE),
    "an error nobody asked for": ('[4,"#","GenericError","",{}]', SILENCE),
    "an error without anything": ('[4,"#"]', SILENCE),
    "an error of odd parts": ('[4,"#",{},[],7]', SILENCE),
}

IDS = {
    "a number": (f"[2,4711,{AUTHORIZE}]", FORMATION),
    "zero": (f"[2,0,{AUTHORIZE}]", FORMATION),
    "a negative number": (f"[2,-1,{AUTHORIZE}]", FORMATION),
    "a number of 5000 digits": (f"[2,{'9' * 5000},{AUTHORIZE}]", SILENCE),
    "a fraction": (f"[2,1.5,{AUTHORIZE}]", SILENCE),
    "null": (f"[2,null,{AUTHORIZE}]", SILENCE),
    "true": (f"[2,true,{AUTHORIZE}]", SILENCE),
    "a list": (f'[2,["#"],{AUTHORIZE}]', SILENCE),
    "an object": (f'[2,{{"id":"#"}},{AUTHORIZE}]', SILENCE),
    "empty": (f'[2,"",{AUTHORIZE}]', FORMATION),
    "36 characters": (f'[2,"{"i" * 36}",{AUTHORIZE}]', RESULT),
    "37 characters": (f'[2,"{"i" * 37}",{AUTHORIZE}]', FORMATION),
    "100,000 characters": (f'[2,"{"i" * 100_000}",{AUTHORIZE}]', FORMATION),
    "NUL in it": (f'[2,"#\\u0000",{AUTHORIZE}]', RESULT),
    "half a surrogate pair in it": (f'[2,"#\\ud800",{AUTHORIZE}]', RESULT),
    "an emoji": (f'[2,"#🔌",{AUTHORIZE}]', RESULT),
    "a right-to-left mark": (f'[2,"#\u202e",{AUTHORIZE}]', RESULT),
    "lines": (f'[2,"#\\r\\nERROR forged",{AUTHORIZE}]', RESULT),
    "an escape sequence of a terminal": (f'[2,"#\\u001b[31m",{AUTHORIZE}]', RESULT),
    "SQL": (f'[2,"#\'; DROP TABLE x;--",{AUTHORIZE}]', RESULT),
    "HTML": (f'[2,"#<img src=x>",{AUTHORIZE}]', RESULT),
}

ACTIONS = {
    "unknown": (call("MakeCoffee", {}), "NotImplemented"),
    "ours": (call("Reset", {"type": "Hard"}), "NotSupported"),
    "of 2.0.1": (call("TransactionEvent", {}), "NotImplemented"),
    "in lower case": (call("heartbeat", {}), "NotImplemented"),
    "with .req": (call("Heartbeat.req", {}), "NotImplemented"),
    "empty": (call("", {}), "NotImplemented"),
    "null": (call(None, {}), FORMATION),
    "a number": (call(7, {}), FORMATION),
    "a list": (call(["Heartbeat"], {}), FORMATION),
    "an object": (call({"Heartbeat": 1}, {}), FORMATION),
    "100,000 characters": (call("A" * 100_000, {}), "NotImplemented"),
    "a name of Python's": (call("__class__", {}), "NotImplemented"),
    "a path": (call("../../etc/passwd", {}), "NotImplemented"),
    "NUL": (raw("Heart\\u0000beat", "{}"), "NotImplemented"),
    "half a surrogate pair": (raw("\\udfff", "{}"), "NotImplemented"),
    "braces of a format": (call("{0.__class__} %s %n", {}), "NotImplemented"),
}

PAYLOADS = {
    "null": (call("Heartbeat", None), RESULT),
    "a list": (call("Heartbeat", []), FORMATION),
    "a text": (call("Heartbeat", "{}"), FORMATION),
    "a number": (call("Heartbeat", 1), FORMATION),
    "false": (call("Heartbeat", False), FORMATION),
    "NaN": (raw("Heartbeat", "NaN"), FORMATION),
    "a member without a name": (raw("Heartbeat", '{"":1}'), RESULT),
    "a member named __proto__": (raw("Heartbeat", '{"__proto__":{"a":1},"constructor":1}'), RESULT),
    "the same member twice": (raw("Authorize", '{"idTag":"A","idTag":"B"}'), RESULT),
    "the same member twice, the last wrong": (raw("Authorize", '{"idTag":"A","idTag":[]}'), TYPE),
    "50,000 unknown members": (raw("Heartbeat", "{" + ",".join(f'"m{n}":{n}' for n in range(50_000)) + "}"), RESULT),
    "NaN in it": (raw("StartTransaction", '{"connectorId":NaN}'), FORMATION),
    "Infinity in it": (raw("StartTransaction", '{"connectorId":-Infinity}'), FORMATION),
    "hexadecimal": (raw("StartTransaction", '{"connectorId":0x1}'), FORMATION),
    "a leading zero": (raw("StartTransaction", '{"connectorId":01}'), FORMATION),
    "half a surrogate pair": (raw("Authorize", '{"idTag":"\\ud800"}'), RESULT),
    "half a surrogate pair as name": (raw("Authorize", '{"\\udc00":1,"idTag":"CAFE"}'), RESULT),
    "a bad escape": (raw("Authorize", '{"idTag":"\\x41"}'), FORMATION),
    "NUL escaped": (raw("Authorize", '{"idTag":"\\u0000"}'), RESULT),
    "a control character as it is": (raw("Authorize", '{"idTag":"\x01"}'), FORMATION),
}

MEMBERS = {
    "tag: formula": (call("Authorize", {"idTag": "=cmd|' /C calc'!A0"}), RESULT),
    "tag: empty": (call("Authorize", {"idTag": ""}), RESULT),
    "tag: blanks": (call("Authorize", {"idTag": " " * 20}), RESULT),
    "tag: true": (call("Authorize", {"idTag": True}), RESULT),
    "tag: SQL": (call("Authorize", {"idTag": "' OR 1=1 --"}), RESULT),
    "tag: huge": (call("Authorize", {"idTag": "A" * 100_000}), VALUE),
    "tag: an object": (call("Authorize", {"idTag": {"$ne": ""}}), TYPE),
    "tag: missing": (call("Authorize", {}), MISSING),
    "boot: HTML": (call("BootNotification", {"chargePointVendor": "<script>", "chargePointModel": "{{7*7}}"}), RESULT),
    "boot: NUL": (raw("BootNotification", '{"chargePointVendor":"\\u0000","chargePointModel":"\\ud83d"}'), RESULT),
    "boot: nothing": (call("BootNotification", {}), MISSING),
    "connector: true": (call("StartTransaction", start(connectorId=True)), TYPE),
    "connector: -1": (call("StartTransaction", start(connectorId=-1)), VALUE),
    "connector: 2**31": (call("StartTransaction", start(connectorId=2**31)), VALUE),
    "connector: 2**63": (call("StartTransaction", start(connectorId=2**63)), VALUE),
    "connector: 2**64": (call("StartTransaction", start(connectorId=2**64)), VALUE),
    "connector: 5000 digits": (raw("StatusNotification", f'{{"connectorId":{"9" * 5000}}}'), VALUE),
    "connector: 1e400": (raw("StatusNotification", '{"connectorId":1e400}'), VALUE),
    "connector: 1e999999999999": (raw("StatusNotification", '{"connectorId":1e999999999999}'), VALUE),
    "connector: text of 5000 digits": (call("StatusNotification", {"connectorId": "9" * 5000}), TYPE),
    "connector: other digits": (call("StatusNotification", {"connectorId": "٣"}), TYPE),
    "connector: a list": (call("StatusNotification", {"connectorId": [1]}), TYPE),
    "status: a list": (call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": []}), TYPE),
    "meter: -0.0": (raw("StartTransaction", json.dumps(start()).replace("1000", "-0.0")), RESULT),
    "meter: 2**63": (call("StartTransaction", start(meterStart=2**63)), VALUE),
    "meter: text": (call("StartTransaction", start(meterStart="1e3")), TYPE),
    "meter: the least": (call("StartTransaction", start(meterStart=-(2**63), connectorId=9)), RESULT),
    "meter: from the least to the most": (call("StopTransaction", stop(-1, meterStop=2**63 - 1)), RESULT),
    "reservation: 2**40": (call("StartTransaction", start(reservationId=2**40, connectorId=8)), RESULT),
    "reservation: -2**63": (call("StartTransaction", start(reservationId=-(2**63), connectorId=8)), RESULT),
    "reservation: 2**63": (call("StartTransaction", start(reservationId=2**63)), VALUE),
    "request: 2**63": (call("LogStatusNotification", {"status": "Idle", "requestId": 2**63}), VALUE),
    "request: -2**63": (call("LogStatusNotification", {"status": "Idle", "requestId": -(2**63)}), RESULT),
    "time: year 0": (call("StartTransaction", start(timestamp="0000-01-01T00:00:00Z", connectorId=2)), RESULT),
    "time: year 1": (call("StartTransaction", start(timestamp="0001-01-01T00:00:00+14:00", connectorId=3)), RESULT),
    "time: year 9999": (call("StartTransaction", start(timestamp="9999-12-31T23:59:59-14:00", connectorId=4)), RESULT),
    "time: Persian": (call("StartTransaction", start(timestamp="۲۰۲۵-06-01T12:00:00Z", connectorId=5)), RESULT),
    "time: an object": (call("StartTransaction", start(timestamp={"now": True}, connectorId=6)), RESULT),
    "time: huge": (call("StartTransaction", start(timestamp="2" * 100_000, connectorId=7)), RESULT),
    "transaction: 5000 digits": (raw("StopTransaction", json.dumps(stop(7)).replace("7", "9" * 5000, 1)), VALUE),
    "transaction: -2**63": (call("StopTransaction", stop(-(2**63))), RESULT),
    "transaction: NaN in a text": (call("StopTransaction", stop("NaN")), TYPE),
    "readings: null": (call("StopTransaction", stop(1, transactionData=[None])), TYPE),
    "readings: a text": (call("MeterValues", {"connectorId": 1, "meterValue": "12 kWh"}), TYPE),
    "reading: NaN": (reading("NaN", 1), RESULT),
    "reading: sNaN": (reading("sNaN123", 2), RESULT),
    "reading: 1E+999999999": (
        reading("1E+999999999", 3),
        RESULT,
    ),
    "reading: 2**63": (reading(2**63, 4), RESULT),
    "reading: 100,000 digits": (
        reading("9" * 100_000, 5),
        RESULT,
    ),
    "reading: NUL": (raw("MeterValues", json.dumps({"connectorId": 1, "meterValue": [meter_value("\0", 6)]})), RESULT),
    "unit: HTML": (reading(1, 7, unit="<b>Wh"), RESULT),
    "unit: huge": (
        reading(1, 8, unit="W" * 100_000),
        RESULT,
    ),
    "data: 64 KiB and one": (call("DataTransfer", {"vendorId": "x", "data": "A" * (64 * 1024 + 1)}), VALUE),
    "data: half a pair": (raw("DataTransfer", '{"vendorId":"x","data":{"a":"\\ud800"}}'), RESULT),
    "event: HTML": (
        call("SecurityEventNotification", {"type": "<b>", "timestamp": "x", "techInfo": "\u202e=1+1"}),
        RESULT,
    ),
}

SIZES = {
    "1 MiB of white space": (padded('[2,"#","Heartbeat",{}]'), RESULT),
    "1 MiB of brackets": ("[" * (MIB - 1), SILENCE),
    "1 MiB of brackets in a payload": (raw("Heartbeat", "[" * (MIB - 100)), FORMATION),
    "100,000 lists deep": (raw("Heartbeat", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), FORMATION),
    "100,000 objects deep": (raw("Heartbeat", '{"a":' * 100_000 + "1" + "}" * 100_000), FORMATION),
    # Python 3.12 and later read some thousand levels, 3.11 a thousand: far beyond both, so that all answer the same
    "50,000 lists deep": (raw("DataTransfer", f'{{"vendorId":"x","data":{"[" * 50_000}{"]" * 50_000}}}'), FORMATION),
    "1 MiB of quotes": ('"' * (MIB - 1), SILENCE),
    "1 MiB of backslashes": (raw("Heartbeat", '{"a":"' + "\\" * (MIB - 100)), FORMATION),
    "1 MiB of commas": (raw("Heartbeat", "{" + "," * (MIB - 100) + "}"), RESULT),
    "1 MiB of digits": (raw("Authorize", '{"idTag":' + "9" * (MIB - 100) + "}"), VALUE),
    "1 MiB of half pairs": (raw("Authorize", '{"idTag":"' + "\\ud800" * 170_000 + '"}'), VALUE),
    "1 MiB of a stop": (long_stop(), RESULT),
    "1 MiB of an unknown action": (call("A" * (MIB - 100), {}), "NotImplemented"),
}

EXPECTED = {SILENCE, RESULT, FORMATION, MISSING, TYPE, VALUE, "NotImplemented", "NotSupported", "ProtocolError"}

BINARY = {
    "a frame": (b'[2,"#","Heartbeat",{}]', RESULT),
    "nothing": (b"", SILENCE),
    "no UTF-8": (b"\xff\xfe\x00\x80", SILENCE),
    "a frame with one bad byte": (b'[2,"#","Authorize",{"idTag":"\xff"}]', SILENCE),
    "a frame in UTF-16": ('[2,"#","Heartbeat",{}]'.encode("utf-16"), SILENCE),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", SILENCE),
    "a pickle": (b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x02os", SILENCE),
}

TABLES = {
    "shapes": SHAPES,
    "types": TYPES,
    "ids": IDS,
    "actions": ACTIONS,
    "payloads": PAYLOADS,
    "members": MEMBERS,
    "sizes": SIZES,
    "binary": BINARY,
}


async def outcome(cp, frame, number):
    """What comes back for a frame: silence, a result, the code of an error, or all of it if there is more than one."""
    if isinstance(frame, bytes):
        await cp.send_bytes(frame.replace(b"#", f"h{number}".encode()))
    else:
        await cp.send_text(frame.replace("#", f"h{number}"))
    answers = []
    fence = f"fence{number}"
    await cp.send([2, fence, "Heartbeat", {}])
    while (answer := await cp.receive())[1] != fence:
        answers.append(answer)
    assert answer[0] == 3
    kinds = [RESULT if kind == 3 else rest[0] for kind, _unique_id, *rest in answers]
    return " and ".join(kinds) or SILENCE


def complaints(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_table_is_long_enough():
    assert sum(map(len, TABLES.values())) >= 80


@pytest.mark.parametrize("name", TABLES)
async def test_hostile_frames(cp, caplog, gateway, name):
    table = TABLES[name]
    outcomes = {what: await outcome(cp, frame, number) for number, (what, (frame, _)) in enumerate(table.items())}
    assert outcomes == {what: expected for what, (_, expected) in table.items()}
    await gateway.writer.drain()
    assert complaints(caplog) == []


async def test_hostile_frames_for_a_strict_station(gateway, connect, caplog):
    """Strict changes what is mended, never who is at fault."""
    await sync_to_async(make_station)(strict=True)
    cp = await connect("CP1")
    frames = [frame for table in TABLES.values() for frame, _ in table.values() if len(frame) < 10_000]
    outcomes = {await outcome(cp, frame, number) for number, frame in enumerate(frames)}
    assert outcomes <= EXPECTED
    await gateway.writer.drain()
    assert complaints(caplog) == []


BOOT = {"chargePointVendor": "Acme", "chargePointModel": "Wall 22", "iccid": "89490200001234567890"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": "2025-06-01T12:00:00Z"}
VALID = [
    ["Authorize", {"idTag": "CAFE"}],
    ["BootNotification", BOOT],
    ["DataTransfer", {"vendorId": "com.example", "messageId": "m", "data": "d"}],
    ["DiagnosticsStatusNotification", {"status": "Uploaded"}],
    ["FirmwareStatusNotification", {"status": "Installed"}],
    ["Heartbeat", {}],
    ["LogStatusNotification", {"status": "Uploaded", "requestId": 1}],
    ["MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [meter_value(7, 1, unit="Wh", phase="L1")]}],
    ["SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": "2025-06-01T12:00:00Z", "techInfo": "x"}],
    ["SignCertificate", {"csr": "-----BEGIN"}],
    ["SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 1}],
    ["StartTransaction", start(reservationId=1)],
    ["StatusNotification", STATUS],
    ["StopTransaction", stop(1, idTag="CAFE", reason="Local", transactionData=[meter_value(7, 1)])],
]
NASTY = [
    2**31,
    -(2**31) - 1,
    2**63,
    10**400,
    1e308,
    -0.0,
    "",
    "\0",
    "\ud800",
    "2025-02-30T00:00:00Z",
    "9" * 300,
    [],
    {},
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def places(node):
    """Every (container, key) in a frame."""
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in list(keys):
        yield node, key
        yield from places(node[key])


@st.composite
def mutated_frames(draw):
    frame = json.loads(json.dumps([2, "#", *draw(st.sampled_from(VALID))]))
    for _ in range(draw(st.integers(1, 3))):
        in_payload = list(places(frame[3])) if len(frame) > 3 and draw(st.integers(0, 9)) else []
        if not (found := in_payload or list(places(frame))):
            break
        container, key = draw(st.sampled_from(found))
        if draw(st.booleans()):
            container[key] = draw(anything)
        else:
            del container[key]
    text = json.dumps(frame)
    if draw(st.integers(0, 7)) == 7:
        position = draw(st.integers(0, len(text)))
        text = text[:position] + draw(st.text(max_size=5)) + text[position + draw(st.integers(0, 3)) :]
    return text


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=mutated_frames())
async def test_mutated_frames(cp, caplog, gateway, frame):
    assert await outcome(cp, frame, next(_numbers)) in EXPECTED
    await gateway.writer.drain()
    assert complaints(caplog) == []
