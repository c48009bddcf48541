"""Whose line it is: the newest authenticated socket wins, and the end of an old one changes nothing."""

import asyncio
from datetime import timedelta
from unittest import mock

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone
from structlog.testing import capture_logs

from ocpp_gateway import registry
from ocpp_gateway.writer import DatabaseAway
from plugcontrol.asgi import application
from stations import presence
from stations.models import ChargePoint, GatewayProcess
from stations.write_batch import CONNECT, Names, write_batch


def row(identity: str = "CP1") -> ChargePoint:
    return ChargePoint.objects.select_related("gateway").get(identity=identity)


async def test_connected_is_online(cp, stored):
    station = await stored(row)
    assert station.is_online
    assert (station.protocol, station.remote_address) == ("ocpp1.6", "192.168.1.57")


async def test_disconnected_is_offline(cp, stored):
    await cp.disconnect()
    station = await stored(row)
    assert not station.is_online
    assert station.disconnected_at is not None


async def test_gone_before_the_handshake_is_answered(station, stored):
    """A station that gave up waiting is nobody's fault: nothing is logged as one, and it is not online."""
    path = f"/ocpp/{station.identity}"
    scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
    scope |= {"subprotocols": ["ocpp1.6"], "client": ("192.168.1.57", 50000), "scheme": "ws", "extensions": {}}
    events = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}])

    async def receive():
        return next(events)

    async def send(message):
        raise OSError("gone")

    with capture_logs() as logs:
        await application(scope, receive, send)
    assert not (await stored(row)).is_online
    assert [line["event"] for line in logs if line["log_level"] in ("warning", "error")] == []


async def test_a_line_that_opened_as_the_database_went_is_not_left_without_answers(cp, gateway, monkeypatch):
    """Its handshake was stored, but it was not among the lines that were closed when the database went."""

    async def goes_away(job):
        raise DatabaseAway

    monkeypatch.setattr(gateway.writer, "submit", goes_away)
    await cp.send([2, "1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}])
    assert await cp.closes() == 1012


async def test_without_a_close_frame_for_stations_that_take_it_for_good(cp, station, gateway, stored):
    await stored(lambda: ChargePoint.objects.filter(pk=station.pk).update(no_close_frame=True))
    await gateway._reconcile()
    await gateway.drain()
    assert await cp.closes() == 1012
    assert cp.closed_by["no_close_frame"]  # which our server understands: tests/faults has the wire


async def test_a_station_that_leaves_while_we_close_is_no_error(cp, station, gateway, monkeypatch):
    logged = []

    async def gone(_message):
        raise OSError("gone")

    monkeypatch.setattr(registry.log, "error", lambda event, **facts: logged.append(event))
    socket = gateway.sockets[station.pk]
    monkeypatch.setattr(socket, "base_send", gone)
    before = set(gateway._tasks)
    socket.drop("a test")
    [closing] = gateway._tasks - before
    await asyncio.wait([closing])
    await asyncio.sleep(0)  # its failure is logged by a callback
    assert (closing.exception(), logged) == (None, [])


async def test_the_newest_socket_wins(cp, connect, stored):
    second = await connect()
    assert await cp.closes() == 1000
    assert (await second.call("Heartbeat"))["currentTime"]
    assert (await stored(row)).is_online


async def test_commands_go_to_the_newest_socket(cp, connect, station):
    from stations.commands import queue_command

    second = await connect()
    await sync_to_async(queue_command)(station, "TriggerMessage", {"requestedMessage": "Heartbeat"})
    await (await second.expects("TriggerMessage", requestedMessage="Heartbeat")).replies(status="Accepted")


async def test_an_old_end_changes_nothing(gateway, station, stored):
    process = await stored(lambda: presence.start_process("elsewhere"))
    await ChargePoint.objects.filter(pk=station.pk).aupdate(connection="new", gateway=process)
    assert not await stored(lambda: presence.disconnect(station.pk, "old", at=timezone.now()))
    assert (await stored(row)).is_online


async def test_lines_of_one_write_batch_follow_each_other(cp, station, gateway, stored):
    """The row is written at the end of the batch: until then the lines of a station must know of each other."""
    process_id = await gateway.registered()
    mine = (await stored(row)).connection
    rung = []

    def two_lines():
        names = [Names(station.pk, CONNECT)] * 2
        with transaction.atomic(), write_batch(names):
            addresses = [
                presence.connect(station.pk, line(process_id, connection, address), at=timezone.now())
                for connection, address in (("second", "10.0.0.2"), ("third", "10.0.0.3"))
            ]
            ended = [presence.disconnect(station.pk, gone, at=timezone.now()) for gone in (mine, "second")]
        return addresses, ended

    with mock.patch.object(presence.bell, "ring", lambda _channel, event: rung.append(event.get("connection"))):
        addresses, ended = await stored(two_lines)
    assert addresses == ["192.168.1.57", "10.0.0.2"]
    assert ended == [False, False]
    assert [connection for connection in rung if connection] == [mine, "second"]
    found = await stored(row)
    assert (found.connection, found.remote_address, found.disconnected_at) == ("third", "10.0.0.3", None)


def line(process_id, connection, address):
    return presence.Line(
        gateway_id=process_id,
        connection=connection,
        protocol="ocpp1.6",
        remote_address=address,
        subprotocol_missing=False,
        security_profile=0,
    )


async def test_a_socket_taken_over_by_another_process_is_closed_here(cp, station, gateway, stored):
    def taken_over():
        process = presence.start_process("elsewhere")
        with transaction.atomic():
            presence.connect(station.pk, line(process.pk, "there", "10.0.0.1"), at=timezone.now())

    await stored(taken_over)
    assert await cp.closes() == 1000
    assert (await stored(row)).connection == "there"


async def test_a_lost_bell_is_found_by_the_sweep(cp, station, gateway, stored):
    process = await stored(lambda: presence.start_process("elsewhere"))
    await ChargePoint.objects.filter(pk=station.pk).aupdate(connection="there", gateway=process)
    await gateway._reconcile()
    assert await cp.closes() == 1000
    assert (await stored(row)).connection == "there"


async def test_a_row_that_names_a_socket_long_gone_is_released(station, gateway, stored):
    process_id = await gateway.registered()
    long_ago = timezone.now() - timedelta(minutes=1)
    await ChargePoint.objects.filter(pk=station.pk).aupdate(
        connection="gone", gateway_id=process_id, connected_at=long_ago
    )
    await gateway._reconcile()
    assert not (await stored(row)).is_online


async def test_a_row_swept_by_mistake_is_taken_back(cp, gateway, stored):
    await ChargePoint.objects.aupdate(connection="", gateway=None)
    await gateway._reconcile()
    assert (await stored(row)).is_online
    assert (await cp.call("Heartbeat"))["currentTime"]


async def test_stations_of_a_dead_process_are_offline(gateway, station, stored):
    dead = timezone.now() - timedelta(seconds=31)
    process = await GatewayProcess.objects.acreate(channel="dead", host="elsewhere", pid=1, beat_at=dead)
    await ChargePoint.objects.filter(pk=station.pk).aupdate(connection="x", gateway=process)
    assert not (await stored(row)).is_online
    assert await stored(lambda: presence.sweep(timezone.now())) == 1
    assert (await stored(row)).connection == ""


async def test_a_process_that_was_swept_registers_again(cp, gateway, stored):
    await gateway.registered()
    await GatewayProcess.objects.all().adelete()
    assert not (await stored(row)).is_online
    await gateway.beat()
    assert (await stored(row)).is_online


async def test_leaving_takes_everything_offline(cp, gateway, stored):
    await cp.call("Heartbeat")
    process_id = gateway.process_id
    await stored(lambda: presence.stop_process(process_id))
    assert not (await stored(row)).is_online
    assert await GatewayProcess.objects.acount() == 0


async def test_on_shutdown_what_was_read_is_answered_first(cp, gateway, stored):
    for n in range(20):
        await cp.send(
            [2, f"s{n}", "StatusNotification", {"connectorId": n, "errorCode": "NoError", "status": "Available"}]
        )
    answered = []
    draining = asyncio.create_task(gateway.drain())
    try:
        while True:
            answered.append((await cp.receive())[1])
    except ConnectionError:
        pass
    await draining
    assert answered == [f"s{n}" for n in range(20)]
    assert cp.close_code == 1012


async def test_many_stations_are_looked_at_some_at_a_time(station, connect, gateway, stored, monkeypatch):
    """A job for two thousand would make everybody wait who wants an answer meanwhile."""
    monkeypatch.setattr(registry, "STATIONS_AT_ONCE", 2)
    looked_at, touched = [], []
    reconcile, touch = presence.reconcile, presence.touch
    monkeypatch.setattr(presence, "reconcile", lambda pid, held: looked_at.append(len(held)) or reconcile(pid, held))
    monkeypatch.setattr(presence, "touch", lambda seen: touched.append(len(seen)) or touch(seen))
    names = [f"MANY{number}" for number in range(5)]
    await stored(lambda: [ChargePoint.objects.create(identity=name, registration_status="Accepted") for name in names])
    for name in names:
        await (await connect(name)).call("Heartbeat")
    many = ChargePoint.objects.filter(identity__in=names)
    await stored(lambda: many.update(connection="", gateway=None, last_seen_at=None))

    await gateway._reconcile()
    await gateway.beat()
    assert await stored(lambda: many.exclude(connection="").exclude(last_seen_at=None).count()) == 5
    assert max(looked_at) == max(touched) == 2


async def test_a_change_of_one_station_looks_at_that_one(station, connect, gateway, monkeypatch, stored):
    other = await stored(lambda: ChargePoint.objects.create(identity="OTHER", registration_status="Accepted"))
    one, _ = await connect(station.identity), await connect(other.identity)
    looked_at = asyncio.Queue()
    reconcile = presence.reconcile

    def noted(process_id, held):
        gateway.loop.call_soon_threadsafe(looked_at.put_nowait, set(held))
        return reconcile(process_id, held)

    monkeypatch.setattr(presence, "reconcile", noted)
    await stored(lambda: ChargePoint.objects.filter(pk=station.pk).update(archived_at=timezone.now()))
    gateway.hear({"type": "station.changed", "station": station.pk})
    async with asyncio.timeout(5):
        while await looked_at.get() != {station.pk}:  # the sweep looks at all
            pass
    assert await one.closes() == 1000
