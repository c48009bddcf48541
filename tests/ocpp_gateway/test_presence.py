"""Whose line it is: the newest authenticated socket wins, and the end of an old one changes nothing."""

import asyncio
from datetime import timedelta

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from stations import presence
from stations.models import ChargePoint, GatewayProcess


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


async def test_a_socket_taken_over_by_another_process_is_closed_here(cp, station, gateway, stored):
    def taken_over():
        process = presence.start_process("elsewhere")
        line = presence.Line(
            gateway_id=process.pk,
            connection="there",
            protocol="ocpp1.6",
            remote_address="10.0.0.1",
            subprotocol_missing=False,
            security_profile=0,
        )
        with transaction.atomic():
            presence.connect(station.pk, line, at=timezone.now())

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
