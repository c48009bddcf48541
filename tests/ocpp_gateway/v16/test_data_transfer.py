"""DataTransfer: vendor messages (OCPP 1.6 §4.3)."""

import json
import time

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.frames import Repaired
from ocpp_gateway.v16 import vendors
from ocpp_gateway.v16.messages.data_transfer import DataTransferRequest, DataTransferResponse
from ocpp_gateway.v16.vendors import VENDORS, VendorHandler
from stations.connectors import get_connector
from stations.models import Connector, Message, Repair, Site, StatusRecord
from stations.services import count_repairs, record_status
from stations.write_batch import insert, write_batch
from tests.scenarios.speech import errors_of, repairs

UNKNOWN = {"status": "UnknownVendorId"}


async def test_no_such_vendor_is_known(cp):  # TC_064
    for payload in (
        {"vendorId": "com.example"},
        {"vendorId": "com.example", "messageId": "Ping", "data": "free text"},
        {"vendorId": "com.example", "data": '{"json": "in a text"}'},
        {"vendorId": "com.example", "messageId": "", "data": ""},
        {"vendorId": 7},
    ):
        assert await cp.call("DataTransfer", **payload) == UNKNOWN


async def test_plug_and_charge_is_not_served_so_that_stations_stop_asking(cp):
    pnc = {"vendorId": "org.openchargealliance.iso15118pnc", "messageId": "Authorize", "data": "{}"}
    assert await cp.call("DataTransfer", **pnc) == UNKNOWN


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


# A vendor of our own


def echo(call):
    return DataTransferResponse(status="Accepted", data=call.request.data)


def fail(call):
    Site.objects.create(name="half done")
    raise ValueError("no coffee")


def break_the_database(call):
    Site.objects.create(pk=1, name="one")
    Site.objects.bulk_create([Site(pk=1, name="two")])


@pytest.fixture
def acme(monkeypatch):
    handlers = {"Echo": echo, "": echo, "Fail": fail, "Break": break_the_database}
    monkeypatch.setitem(VENDORS, "com.acme", VendorHandler(handlers))


@pytest.mark.parametrize("ids", [{"messageId": "Echo"}, {"messageId": "ECHO"}, {}, {"messageId": ""}])
async def test_a_known_message_is_answered_with_data(cp, acme, ids):
    answer = await cp.call("DataTransfer", vendorId="COM.acme", data="x", **ids)
    assert answer == {"status": "Accepted", "data": "x"}


async def test_an_answer_without_data_has_no_such_member(cp, acme):
    assert await cp.call("DataTransfer", vendorId="com.acme", messageId="Echo") == {"status": "Accepted"}


async def test_an_unknown_message_of_a_known_vendor(cp, acme):
    answer = await cp.call("DataTransfer", vendorId="com.acme", messageId="Ping", data="x")
    assert answer == {"status": "UnknownMessageId"}


@pytest.mark.parametrize(("message", "error"), [("Fail", ValueError), ("Break", IntegrityError)])
async def test_a_handler_that_fails_is_rejected_and_leaves_nothing(cp, acme, stored, monkeypatch, message, error):
    logged = []
    monkeypatch.setattr(vendors.log, "error", lambda event, **facts: logged.append((event, facts)))
    answer = await cp.call("DataTransfer", vendorId="com.acme", messageId=message, data="x")
    assert answer == {"status": "Rejected"}
    assert not await stored(Site.objects.exists)
    [(event, facts)] = logged
    assert (event, facts["charge_point"], type(facts["exc_info"])) == ("vendor handler failed", "CP1", error)


def record(station, status):
    now = timezone.now()
    facts = {"connector_id": 1, "error_code": "NoError", "reported_at": None, "received_at": now}
    return record_status(station, status=status, **facts)


def half_record(call):
    record(call.charge_point, "Faulted")
    raise ValueError("no coffee")


def half_count(call):
    count_repairs(call.charge_point.pk, "DataTransfer", (Repaired("json", "$"),), at=call.received_at)
    raise ValueError("no coffee")


def collect_nonsense(call):
    insert(StatusRecord, connector_id=-1, status=None, reported_at=None)
    return DataTransferResponse(status="Accepted")


def go_away(_call):
    raise OperationalError("server closed the connection unexpectedly")


@pytest.fixture
def asked(monkeypatch):
    """`asked(station, handler)`: the answer to a message with this handler."""

    def asked(station, handler):
        monkeypatch.setitem(VENDORS, "com.acme", VendorHandler({"": handler}))
        return vendors.answer(IncomingCall(station, DataTransferRequest(vendor_id="com.acme"), (), timezone.now()))

    return asked


@pytest.mark.parametrize("handler", [half_record, half_count, collect_nonsense])
async def test_what_a_failing_handler_collected_is_not_written(station, stored, asked, handler):
    def together():
        with transaction.atomic(), write_batch([], {}):
            record(station, "Available")
            assert asked(station, handler).status == "Rejected"
            record(station, "Preparing")

    await stored(together)
    assert await stored(lambda: list(StatusRecord.objects.order_by("pk").values_list("status", flat=True))) == [
        "Available",
        "Preparing",
    ]
    assert (await stored(lambda: Connector.objects.get(connector_id=1))).status == "Preparing"
    assert not await stored(Repair.objects.exists)


async def test_a_failing_handlers_changes_do_not_come_back_with_the_batch(station, stored, asked):
    def together():
        with transaction.atomic(), write_batch():
            record(station, "Available")
            asked(station, half_record)
            assert get_connector(station.pk, 1).status == "Available"

    await stored(together)
    assert (await stored(lambda: Connector.objects.get(connector_id=1))).status == "Available"


async def test_a_handlers_changes_join_those_of_the_batch(station, stored, asked):
    def accept(call):
        record(call.charge_point, "Charging")
        return DataTransferResponse(status="Accepted")

    def together():
        with transaction.atomic(), write_batch():
            record(station, "Available")
            assert asked(station, accept).status == "Accepted"
            assert get_connector(station.pk, 1).status == "Charging"
            record(station, "Finishing")

    await stored(together)
    assert (await stored(lambda: Connector.objects.get(connector_id=1))).status == "Finishing"
    assert await stored(StatusRecord.objects.count) == 3


async def test_a_database_that_goes_away_is_not_the_handlers_fault(station, stored, asked):
    with pytest.raises(OperationalError):
        await stored(lambda: asked(station, go_away))


async def test_what_was_said_is_in_the_log_whoever_understood_it(cp, acme, stored):
    await cp.call("DataTransfer", vendorId="com.acme", messageId="Fail", data="secret sauce")
    texts = await stored(lambda: list(Message.objects.order_by("pk").values_list("direction", "text")))
    assert [direction for direction, _ in texts] == ["in", "out"]
    assert "secret sauce" in texts[0][1]
    assert json.loads(texts[1][1])[2] == {"status": "Rejected"}


# Schneider Electric


LOOP = '{"connectorId":2,"name":"Vehicle","state":"1","timestamp":"2025-08-08T10:21:11Z:"}'


def of_schneider(data):
    return {"vendorId": "Schneider Electric", "messageId": "Detection loop", "data": data}


@pytest.mark.parametrize("data", [LOOP, LOOP.replace('"', r"\""), LOOP.replace('"', r"\\\"")])
async def test_a_car_on_the_detection_loop_is_in_the_history(cp, stored, data):
    assert await cp.call("DataTransfer", **of_schneider(data)) == {"status": "Accepted"}
    record = await stored(lambda: StatusRecord.objects.select_related("connector").get())
    assert (record.connector.connector_id, record.status, record.info) == (2, "Detection loop", "Vehicle: 1")
    assert (record.vendor_id, record.reported_at.isoformat()) == ("Schneider Electric", "2025-08-08T10:21:11+00:00")


async def test_it_is_no_state_of_the_connector(cp, stored):
    await cp.call("StatusNotification", connectorId=2, status="Available", errorCode="NoError")
    assert await cp.call("DataTransfer", **of_schneider('{"connectorId":2,"state":0}')) == {"status": "Accepted"}
    assert (await stored(lambda: Connector.objects.get(connector_id=2))).status == "Available"


@pytest.mark.parametrize("data", [None, "", "{}", "[]", "what", '{"connectorId":-1,"state":1}', "[" * 60_000])
async def test_a_report_that_cannot_be_read_is_rejected(cp, stored, data):
    payload = {name: value for name, value in of_schneider(data).items() if value is not None}
    assert await cp.call("DataTransfer", **payload) == {"status": "Rejected"}
    assert not await stored(StatusRecord.objects.exists)


async def test_backslashes_without_a_quote_cost_nothing(cp):
    """As many as `data` may hold; tried at each of them they would take four seconds, in which nobody is answered."""
    started = time.process_time()
    assert await cp.call("DataTransfer", **of_schneider("\\" * 65_000)) == {"status": "Rejected"}
    assert time.process_time() - started < 1
