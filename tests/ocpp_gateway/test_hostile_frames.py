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

from stations import commands
from stations.models import Command
from tests import our_commands
from tests.conftest import make_station
from tests.hostile import CODES, STATUS, bent_answers, bent_calls
from tests.rows import held, names, touched
from tests.scenarios.speech import meter_value, start, stop

_numbers = count(1)
MIB = 1024 * 1024
SILENCE = "silence"
RESULT = "result"
FORMATION = "FormationViolation"
MISSING = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"
VALUE = "PropertyConstraintViolation"


def result(*stored):
    """A result that leaves rows of these models behind, new or changed."""
    return "; ".join([RESULT, *sorted(stored)])


SESSION = ("Transaction", "UnknownIdTag")
MENDED = result("Repair")
UNKNOWN = result("UnknownIdTag")
MENDED_UNKNOWN = result("Repair", "UnknownIdTag")
READING = result("MeterValue")
MENDED_READING = result("MeterValue", "Repair")
ORPHAN = result("OrphanedStop")


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
    "a trailing comma": ('[2,"#","Heartbeat",{},]', MENDED),
    "a byte order mark": ('\ufeff[2,"#","Heartbeat",{}]', MENDED),
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
    "36 characters": (f'[2,"{"i" * 36}",{AUTHORIZE}]', UNKNOWN),
    "37 characters": (f'[2,"{"i" * 37}",{AUTHORIZE}]', FORMATION),
    "100,000 characters": (f'[2,"{"i" * 100_000}",{AUTHORIZE}]', FORMATION),
    "NUL in it": (f'[2,"#\\u0000",{AUTHORIZE}]', MENDED_UNKNOWN),
    "half a surrogate pair in it": (f'[2,"#\\ud800",{AUTHORIZE}]', MENDED_UNKNOWN),
    "an emoji": (f'[2,"#🔌",{AUTHORIZE}]', UNKNOWN),
    "a right-to-left mark": (f'[2,"#\u202e",{AUTHORIZE}]', UNKNOWN),
    "lines": (f'[2,"#\\r\\nERROR forged",{AUTHORIZE}]', UNKNOWN),
    "an escape sequence of a terminal": (f'[2,"#\\u001b[31m",{AUTHORIZE}]', UNKNOWN),
    "SQL": (f'[2,"#\'; DROP TABLE x;--",{AUTHORIZE}]', UNKNOWN),
    "HTML": (f'[2,"#<img src=x>",{AUTHORIZE}]', UNKNOWN),
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
    "a member without a name": (raw("Heartbeat", '{"":1}'), MENDED),
    "a member named __proto__": (raw("Heartbeat", '{"__proto__":{"a":1},"constructor":1}'), MENDED),
    "the same member twice": (raw("Authorize", '{"idTag":"A","idTag":"B"}'), UNKNOWN),
    "the same member twice, the last wrong": (raw("Authorize", '{"idTag":"A","idTag":[]}'), TYPE),
    "50,000 unknown members": (raw("Heartbeat", "{" + ",".join(f'"m{n}":{n}' for n in range(50_000)) + "}"), MENDED),
    "NaN in it": (raw("StartTransaction", '{"connectorId":NaN}'), FORMATION),
    "Infinity in it": (raw("StartTransaction", '{"connectorId":-Infinity}'), FORMATION),
    "hexadecimal": (raw("StartTransaction", '{"connectorId":0x1}'), FORMATION),
    "a leading zero": (raw("StartTransaction", '{"connectorId":01}'), FORMATION),
    "half a surrogate pair": (raw("Authorize", '{"idTag":"\\ud800"}'), MENDED_UNKNOWN),
    "half a surrogate pair as name": (raw("Authorize", '{"\\udc00":1,"idTag":"CAFE"}'), MENDED_UNKNOWN),
    "a bad escape": (raw("Authorize", '{"idTag":"\\x41"}'), FORMATION),
    "NUL escaped": (raw("Authorize", '{"idTag":"\\u0000"}'), MENDED_UNKNOWN),
    "a control character as it is": (raw("Authorize", '{"idTag":"\x01"}'), FORMATION),
}

MEMBERS = {
    "tag: formula": (call("Authorize", {"idTag": "=cmd|' /C calc'!A0"}), UNKNOWN),
    "tag: empty": (call("Authorize", {"idTag": ""}), RESULT),
    "tag: blanks": (call("Authorize", {"idTag": " " * 20}), UNKNOWN),
    "tag: true": (call("Authorize", {"idTag": True}), MENDED_UNKNOWN),
    "tag: SQL": (call("Authorize", {"idTag": "' OR 1=1 --"}), UNKNOWN),
    "tag: huge": (call("Authorize", {"idTag": "A" * 100_000}), VALUE),
    "tag: an object": (call("Authorize", {"idTag": {"$ne": ""}}), TYPE),
    "tag: missing": (call("Authorize", {}), MISSING),
    "boot: HTML": (
        call("BootNotification", {"chargePointVendor": "<script>", "chargePointModel": "{{7*7}}"}),
        result("ChargePoint"),
    ),
    "boot: NUL": (
        raw("BootNotification", '{"chargePointVendor":"\\u0000","chargePointModel":"\\ud83d"}'),
        result("ChargePoint", "Repair"),
    ),
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
    "meter: -0.0": (
        raw("StartTransaction", json.dumps(start()).replace("1000", "-0.0")),
        result("Connector", "Repair", *SESSION),
    ),
    "meter: 2**63": (call("StartTransaction", start(meterStart=2**63)), VALUE),
    "meter: text": (call("StartTransaction", start(meterStart="1e3")), TYPE),
    "meter: the least": (
        call("StartTransaction", start(meterStart=-(2**63), connectorId=9)),
        result("Connector", *SESSION),
    ),
    "meter: from the least to the most": (call("StopTransaction", stop(-1, meterStop=2**63 - 1)), ORPHAN),
    "reservation: 2**40": (
        call("StartTransaction", start(reservationId=2**40, connectorId=8)),
        result("Connector", *SESSION),
    ),
    "reservation: -2**63": (call("StartTransaction", start(reservationId=-(2**63), connectorId=8)), UNKNOWN),
    "reservation: 2**63": (call("StartTransaction", start(reservationId=2**63)), VALUE),
    "request: 2**63": (call("LogStatusNotification", {"status": "Idle", "requestId": 2**63}), VALUE),
    "request: -2**63": (
        call("LogStatusNotification", {"status": "Idle", "requestId": -(2**63)}),
        result("ProgressReport"),
    ),
    "time: year 0": (
        call("StartTransaction", start(timestamp="0000-01-01T00:00:00Z", connectorId=2)),
        result("Connector", "Repair", *SESSION),
    ),
    "time: year 1": (
        call("StartTransaction", start(timestamp="0001-01-01T00:00:00+14:00", connectorId=3)),
        result("Connector", "Repair", *SESSION),
    ),
    "time: year 9999": (
        call("StartTransaction", start(timestamp="9999-12-31T23:59:59-14:00", connectorId=4)),
        result("Connector", "Repair", *SESSION),
    ),
    "time: Persian": (
        call("StartTransaction", start(timestamp="۲۰۲۵-06-01T12:00:00Z", connectorId=5)),
        result("Connector", "Repair", *SESSION),
    ),
    "time: an object": (
        call("StartTransaction", start(timestamp={"now": True}, connectorId=6)),
        result("Connector", "Repair", *SESSION),
    ),
    "time: huge": (
        call("StartTransaction", start(timestamp="2" * 100_000, connectorId=7)),
        result("Connector", "Repair", *SESSION),
    ),
    "transaction: 5000 digits": (raw("StopTransaction", json.dumps(stop(7)).replace("7", "9" * 5000, 1)), VALUE),
    "transaction: -2**63": (call("StopTransaction", stop(-(2**63))), ORPHAN),
    "transaction: NaN in a text": (call("StopTransaction", stop("NaN")), TYPE),
    "readings: null": (call("StopTransaction", stop(1, transactionData=[None])), TYPE),
    "readings: a text": (call("MeterValues", {"connectorId": 1, "meterValue": "12 kWh"}), TYPE),
    "reading: NaN": (reading("NaN", 1), READING),
    "reading: sNaN": (reading("sNaN123", 2), READING),
    "reading: 1E+999999999": (
        reading("1E+999999999", 3),
        READING,
    ),
    "reading: 2**63": (reading(2**63, 4), READING),
    "reading: 100,000 digits": (
        reading("9" * 100_000, 5),
        READING,
    ),
    "reading: NUL": (
        raw("MeterValues", json.dumps({"connectorId": 1, "meterValue": [meter_value("\0", 6)]})),
        MENDED_READING,
    ),
    "unit: HTML": (reading(1, 7, unit="<b>Wh"), MENDED_READING),
    "unit: huge": (
        reading(1, 8, unit="W" * 100_000),
        MENDED_READING,
    ),
    "data: 64 KiB and one": (call("DataTransfer", {"vendorId": "x", "data": "A" * (64 * 1024 + 1)}), VALUE),
    "data: half a pair": (raw("DataTransfer", '{"vendorId":"x","data":{"a":"\\ud800"}}'), MENDED),
    "event: HTML": (
        call("SecurityEventNotification", {"type": "<b>", "timestamp": "x", "techInfo": "\u202e=1+1"}),
        result("Repair", "SecurityEvent"),
    ),
    "event: without a type": (call("SecurityEventNotification", {"timestamp": "2025-06-01T12:00:00Z"}), MISSING),
    "event: huge": (
        call("SecurityEventNotification", {"type": "x", "timestamp": "2025-06-01T12:00:00Z", "techInfo": "A" * 2551}),
        VALUE,
    ),
    "boot: numbers": (
        call("BootNotification", {"chargePointVendor": 7, "chargePointModel": 1.5}),
        result("ChargePoint", "Repair"),
    ),
    "boot: lists": (call("BootNotification", {"chargePointVendor": ["Acme"], "chargePointModel": "M"}), TYPE),
    "boot: a vendor of 200 characters": (
        call("BootNotification", {"chargePointVendor": "V" * 200, "chargePointModel": "M"}),
        result("ChargePoint", "Repair"),
    ),
    "boot: a vendor of 201 characters": (
        call("BootNotification", {"chargePointVendor": "V" * 201, "chargePointModel": "M"}),
        VALUE,
    ),
    "boot: a formula": (
        call("BootNotification", {"chargePointVendor": "=1+1", "chargePointModel": "@SUM(A1)"}),
        result("ChargePoint"),
    ),
    "boot: lines": (
        call("BootNotification", {"chargePointVendor": "a\r\nb", "chargePointModel": "\x1b[2J"}),
        result("ChargePoint"),
    ),
    "heartbeat: the frame of another": (call("Heartbeat", start()), MENDED),
    "status: outside the enumeration": (
        call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Melting"}),
        result("Repair", "StatusRecord"),
    ),
    "status: null": (call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": None}), MISSING),
    "status: a number": (
        call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": 3}),
        result("Repair", "StatusRecord"),
    ),
    "status: without an error code": (call("StatusNotification", {"connectorId": 1, "status": "Available"}), MISSING),
    "status: info of 500 characters": (
        call("StatusNotification", {**STATUS, "info": "i" * 500}),
        result("Connector", "Repair", "StatusRecord"),
    ),
    "status: info of 501 characters": (call("StatusNotification", {**STATUS, "info": "i" * 501}), VALUE),
    "status: info an object": (call("StatusNotification", {**STATUS, "info": {"a": 1}}), TYPE),
    "status: connector 2**31 - 1": (
        call("StatusNotification", {**STATUS, "connectorId": 2**31 - 1}),
        result("Connector", "StatusRecord"),
    ),
    "status: connector null": (call("StatusNotification", {**STATUS, "connectorId": None}), MISSING),
    "firmware: outside the enumeration": (
        call("FirmwareStatusNotification", {"status": "Exploded"}),
        result("ProgressReport", "Repair"),
    ),
    "firmware: true": (call("FirmwareStatusNotification", {"status": True}), result("ProgressReport", "Repair")),
    "firmware: nothing": (call("FirmwareStatusNotification", {}), MISSING),
    "signed firmware: an update nobody ordered": (
        call("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 4711}),
        result("ProgressReport"),
    ),
    "signed firmware: request as text": (
        call("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": "x"}),
        TYPE,
    ),
    "diagnostics: an empty status": (
        call("DiagnosticsStatusNotification", {"status": ""}),
        result("ProgressReport", "Repair"),
    ),
    "diagnostics: a list": (call("DiagnosticsStatusNotification", {"status": ["Idle"]}), TYPE),
    "csr: no PEM": (call("SignCertificate", {"csr": "hello"}), result("SigningRequest")),
    "csr: NUL": (raw("SignCertificate", '{"csr":"\\u0000"}'), result("Repair", "SigningRequest")),
    "csr: PEM of nonsense": (
        call(
            "SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"}
        ),
        result("SigningRequest"),
    ),
    "csr: huge": (call("SignCertificate", {"csr": "A" * 100_000}), VALUE),
    "csr: an object": (call("SignCertificate", {"csr": {}}), TYPE),
    "data: no vendor": (call("DataTransfer", {"data": "x"}), MISSING),
    "data: a vendor that is a path": (call("DataTransfer", {"vendorId": "../../etc/passwd", "data": "x"}), RESULT),
    "data: a vendor that is a list": (call("DataTransfer", {"vendorId": ["x"], "data": "x"}), TYPE),
    "readings: none": (call("MeterValues", {"connectorId": 1, "meterValue": []}), RESULT),
    "readings: missing": (call("MeterValues", {"connectorId": 1}), MISSING),
    "readings: a list in a list": (call("MeterValues", {"connectorId": 1, "meterValue": [[meter_value(1, 1)]]}), TYPE),
    "readings: no samples": (
        call("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": "2025-06-01T12:00:00Z"}]}),
        MENDED,
    ),
    "readings: an empty list of samples": (
        call(
            "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": "2025-06-01T12:00:00Z", "sampledValue": []}]}
        ),
        RESULT,
    ),
    "readings: a sample without a value": (
        call(
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"timestamp": "2025-06-01T12:00:00Z", "sampledValue": [{}]}]},
        ),
        MENDED_READING,
    ),
    "readings: a list for a value": (
        call(
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"timestamp": "2025-06-01T12:00:00Z", "sampledValue": [{"value": [1]}]}]},
        ),
        TYPE,
    ),
    "readings: 10,000 samples": (
        call(
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [{"timestamp": "2025-06-01T12:01:00Z", "sampledValue": [{"value": "1"}] * 10_000}],
            },
        ),
        result("DailyEnergy", "MeterValue", "Transaction"),
    ),
    "readings: of a session of 2**63": (
        call("MeterValues", {"connectorId": 1, "transactionId": 2**63, "meterValue": [meter_value(1, 1)]}),
        READING,
    ),
    "readings: of a session of nobody": (
        call("MeterValues", {"connectorId": 1, "transactionId": 4711, "meterValue": [meter_value(1, 11)]}),
        READING,
    ),
    "readings: of connector -1": (call("MeterValues", {"connectorId": -1, "meterValue": [meter_value(1, 1)]}), VALUE),
    "reading: -Infinity": (reading("-Infinity", 12), READING),
    "reading: a word": (reading("lots", 13), READING),
    "reading: a formula": (reading("=1+1", 14), READING),
    "reading: other digits": (reading("٣", 15), result("DailyEnergy", "MeterValue", "Transaction")),
    "reading: an underscore": (reading("1_000", 16), READING),
    "measurand: outside the enumeration": (reading(1, 17, measurand="Request.Energy"), MENDED_READING),
    "measurand: a list": (reading(1, 18, measurand=["Power.Active.Import"]), TYPE),
    "phase: a number": (reading(1, 19, phase=1), MENDED_READING),
    "context: half a pair": (
        raw("MeterValues", json.dumps({"connectorId": 1, "meterValue": [meter_value(1, 20, context="\ud800")]})),
        MENDED_READING,
    ),
    "stop: nothing": (call("StopTransaction", {}), MISSING),
    "stop: only a number": (call("StopTransaction", {"transactionId": 4712}), result("OrphanedStop", "Repair")),
    "stop: number true": (call("StopTransaction", stop(True)), TYPE),
    "stop: number null": (call("StopTransaction", stop(None)), MISSING),
    "stop: number 0": (call("StopTransaction", stop(0)), ORPHAN),
    "stop: a meter of text": (call("StopTransaction", stop(4713, meterStop="x")), TYPE),
    "stop: a tag that is a list": (call("StopTransaction", stop(4713, idTag=["CAFE"])), TYPE),
    "stop: a reason outside the enumeration": (
        call("StopTransaction", stop(4713, reason="Sunset")),
        result("OrphanedStop", "Repair"),
    ),
    "stop: a reason that is an object": (call("StopTransaction", stop(4713, reason={})), TYPE),
    "stop: readings that are one object": (
        call("StopTransaction", stop(4714, transactionData=meter_value(1, 1))),
        result("OrphanedStop", "Repair"),
    ),
    "start: nothing": (call("StartTransaction", {}), MISSING),
    "start: without a tag": (
        call("StartTransaction", {"connectorId": 1, "meterStart": 0, "timestamp": "2025-06-01T12:00:00Z"}),
        MISSING,
    ),
    "start: a tag of 200 characters": (
        call("StartTransaction", start(idTag="T" * 200, connectorId=10)),
        result("Connector", "Repair", *SESSION),
    ),
    "start: a tag of 201 characters": (call("StartTransaction", start(idTag="T" * 201)), VALUE),
    "start: a fraction of a connector": (call("StartTransaction", start(connectorId=1.5)), TYPE),
    "start: a reservation that is a list": (call("StartTransaction", start(reservationId=[1])), TYPE),
    "start: connector 0": (call("StartTransaction", start(connectorId=0)), result("Connector", *SESSION)),
    "start: a meter of 1e3": (
        raw("StartTransaction", json.dumps(start(connectorId=11)).replace("1000", "1e3")),
        result("Connector", "Repair", *SESSION),
    ),
    "start: a meter of NaN": (raw("StartTransaction", json.dumps(start()).replace("1000", '"NaN"')), TYPE),
    "start: a time of 30 February": (
        call("StartTransaction", start(connectorId=12, timestamp="2025-02-30T00:00:00Z")),
        result("Connector", "Repair", *SESSION),
    ),
    "start: a leap second": (
        call("StartTransaction", start(connectorId=13, timestamp="2016-12-31T23:59:60Z")),
        result("Connector", *SESSION),
    ),
    "start: an offset of 99 hours": (
        call("StartTransaction", start(connectorId=14, timestamp="2025-06-01T12:00:00+99:00")),
        result("Connector", "Repair", *SESSION),
    ),
    "start: a time that is a number": (
        call("StartTransaction", start(connectorId=15, timestamp=1748779200)),
        result("Connector", "Repair", *SESSION),
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
    "1 MiB of commas": (raw("Heartbeat", "{" + "," * (MIB - 100) + "}"), MENDED),
    "1 MiB of digits": (raw("Authorize", '{"idTag":' + "9" * (MIB - 100) + "}"), VALUE),
    "1 MiB of half pairs": (raw("Authorize", '{"idTag":"' + "\\ud800" * 170_000 + '"}'), VALUE),
    "1 MiB of a stop": (long_stop(), ORPHAN),
    "1 MiB of an unknown action": (call("A" * (MIB - 100), {}), "NotImplemented"),
}

ENDS = {"accepted", "rejected", "failed", "timed_out"}

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


async def answered(cp, frame, number):
    """What comes back for a frame: silence, a result, the code of an error, or all of it if there is more than one."""
    unique_id = number if isinstance(number, str) else f"h{number}"
    if isinstance(frame, bytes):
        await cp.send_bytes(frame.replace(b"#", unique_id.encode()))
    else:
        await cp.send_text(frame.replace("#", unique_id))
    answers = []
    fence = f"f{next(_numbers)}"
    await cp.send([2, fence, "Heartbeat", {}])
    while (answer := await cp.receive())[1] != fence:
        answers.append(answer)
    assert answer[0] == 3
    kinds = [RESULT if kind == 3 else rest[0] for kind, _unique_id, *rest in answers]
    return " and ".join(kinds) or SILENCE


def complaints(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
async def left(cp, stored):
    """`await left()`: the models of which rows are new, changed or gone since it was asked before."""
    before = await stored(held)

    async def left():
        nonlocal before
        known, before = before, await stored(held)
        return names(touched(known, before))

    return left


def test_the_table_is_long_enough():
    """Frames, not rows: two that differ in nothing but their id count once."""
    assert len({frame for table in TABLES.values() for frame, _ in table.values()}) >= 240


@pytest.mark.parametrize("name", TABLES)
async def test_hostile_frames(cp, caplog, left, name):
    """What comes back, and what is stored: of what is refused or unreadable, the line in the OCPP log only."""
    table, outcomes = TABLES[name], {}
    for number, (what, (frame, _)) in enumerate(table.items()):
        outcomes[what] = await answered(cp, frame, number)
        if outcomes[what] == RESULT and (models := await left()):
            outcomes[what] = result(*models)
    assert outcomes == {what: expected for what, (_, expected) in table.items()}
    assert await left() == set()
    assert complaints(caplog) == []


async def test_hostile_frames_for_a_strict_station(gateway, connect, caplog):
    """Strict changes what is mended, never who is at fault."""
    await sync_to_async(make_station)(strict=True)
    cp = await connect("CP1")
    frames = [frame for table in TABLES.values() for frame, _ in table.values() if len(frame) < 10_000]
    outcomes = {await answered(cp, frame, number) for number, frame in enumerate(frames)}
    assert outcomes <= {SILENCE, RESULT, *CODES}
    await gateway.writer.drain()
    assert complaints(caplog) == []


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=bent_calls())
async def test_bent_calls(cp, caplog, gateway, frame):
    """Tens of thousands more: tests/faults/test_data.py (F40)."""
    assert await answered(cp, frame, next(_numbers)) in {SILENCE, RESULT, *CODES}
    await gateway.writer.drain()
    assert complaints(caplog) == []


#: Answers to a GetLocalListVersion whose id is #, and how the command ends; what says nothing leaves it to time out.
ANSWERS = {
    "of the right form": ('[3,"#",{"listVersion":3}]', "accepted"),
    "mended": ('[3,"#",{"listVersion":"3"}]', "accepted"),
    "unknown members": ('[3,"#",{"listVersion":3,"":[],"\\ud800":null}]', "accepted"),
    "a byte order mark": ('\ufeff[3,"#",{"listVersion":3}]', "accepted"),
    "a trailing comma": ('[3,"#",{"listVersion":3,},]', "accepted"),
    "nothing": ('[3,"#",{}]', "failed"),
    "null": ('[3,"#",null]', "failed"),
    "a list": ('[3,"#",[{"listVersion":3}]]', "failed"),
    "a text": ('[3,"#","{}"]', "failed"),
    "NaN": ('[3,"#",{"listVersion":NaN}]', "failed"),
    "too few elements": ('[3,"#"]', "failed"),
    "too many elements": ('[3,"#",{"listVersion":3},{}]', "failed"),
    "5000 digits": (f'[3,"#",{{"listVersion":{"9" * 5000}}}]', "failed"),
    "2**31": ('[3,"#",{"listVersion":2147483648}]', "accepted"),
    "2**63": (f'[3,"#",{{"listVersion":{2**63}}}]', "failed"),
    "1e999999999": ('[3,"#",{"listVersion":1e999999999}]', "failed"),
    "true": ('[3,"#",{"listVersion":true}]', "failed"),
    "torn": ('[3,"#",{"listVersion":', "failed"),
    "torn behind the id": ('[3,"#"', "failed"),
    "1,000 lists deep": ('[3,"#",{"listVersion":' + "[" * 1000 + "]" * 1000 + "}]", "failed"),
    "100,000 lists deep": ('[3,"#",{"listVersion":' + "[" * 100_000 + "]" * 100_000 + "}]", "failed"),
    "1 MiB": (padded('[3,"#",{"listVersion":"x"}]'), "failed"),
    "NUL": ('[3,"#",{"listVersion":"\\u0000"}]', "failed"),
    "half a surrogate pair": ('[3,"#",{"listVersion":"\\ud800"}]', "failed"),
    "an error": ('[4,"#","NotSupported","no",{}]', "failed"),
    "an error without anything": ('[4,"#"]', "failed"),
    "an error of odd parts": ('[4,"#",{},[],7]', "failed"),
    "an error of nulls": ('[4,"#",null,null,null]', "failed"),
    "an error that OCPP does not know": ('[4,"#","\\u0000\\ud800","\\u0000",{"\\u0000":"\\udfff"}]', "failed"),
    "an error of 100,000 characters": (f'[4,"#","{"E" * 100_000}","{"d" * 100_000}",{{}}]', "failed"),
    "an error with details 100 lists deep": ('[4,"#","E","",{"a":' + "[" * 100 + "]" * 100 + "}]", "failed"),
    "an error with details 100,000 lists deep": (
        '[4,"#","E","",{"a":' + "[" * 100_000 + "]" * 100_000 + "}]",
        "timed_out",
    ),
    "its id with white space": ('[3," #",{"listVersion":3}]', "timed_out"),
    "its id in a list": ('[3,["#"],{"listVersion":3}]', "timed_out"),
    "no id": ('[3,{"listVersion":3}]', "timed_out"),
    "a type of text": ('["3","#",{"listVersion":3}]', "timed_out"),
    "a CALL under its id": ('[2,"#","Heartbeat",{}]', "timed_out"),
    "torn in the id": ('[3,"#', "timed_out"),
}


@pytest.fixture
def answered_with(cp, station, stored):
    """`status = await answered_with("GetLocalListVersion", frame)`: how the command ends that was answered so."""

    async def answered_with(action, frame):
        command = await sync_to_async(commands.queue_command)(
            station, action, our_commands.PAYLOADS[action], timeout_s=30
        )
        call = await cp.hears()
        assert (call.action, call.payload) == (action, our_commands.PAYLOADS[action])
        await answered(cp, frame, call.unique_id)
        row = await stored(lambda: Command.objects.get(pk=command.pk))
        if not row.is_final:  # the next command waits behind it
            await cp.send([3, call.unique_id, {}])
            await cp.call("Heartbeat")
            return "timed_out"
        return row.status

    return answered_with


async def test_hostile_answers(answered_with, caplog, stored):
    ends = {what: await answered_with("GetLocalListVersion", frame) for what, (frame, _) in ANSWERS.items()}
    assert ends == {what: expected for what, (_, expected) in ANSWERS.items()}
    assert not await stored(lambda: [row for row in Command.objects.all() if not row.is_final])
    assert complaints(caplog) == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), action=st.sampled_from(sorted(our_commands.ACCEPTED)))
async def test_bent_answers(answered_with, caplog, data, action):
    assert await answered_with(action, data.draw(bent_answers(our_commands.ACCEPTED[action]))) in ENDS
    assert complaints(caplog) == []
