"""Which process and socket a station's line is: connect, disconnect, touch, and the processes themselves."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from . import bell, bulk, changes, locked, write_batch
from .models import ChargePoint, GatewayProcess
from .models.gateway_process import alive_since

SETTLE_TIME = timedelta(seconds=10)
FORGET_DEAD_PROCESSES_AFTER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One accepted socket of a station."""

    gateway_id: int
    connection: str
    protocol: str
    remote_address: str
    subprotocol_missing: bool
    security_profile: int
    #: False while the station's profile changes: then only a frame proves that the station has got through with it.
    raises_minimum: bool = True


def connect(charge_point_id: int, line: Line, *, at: datetime) -> str:
    """Make `line` the station's; the newest authenticated socket wins and the process that held the old one is told.

    Returns the address of an older line that was still open; nothing where there was none.

    The station may not come back with a lower security profile (white paper A05), so its minimum rises with the line.
    Raises ChargePoint.DoesNotExist if the station was deleted since its handshake began.
    """
    station = locked.station(charge_point_id, write_batch.CONNECT)
    former_address = ""
    if station.connection and station.gateway is not None:
        if station.gateway.beat_at > alive_since():
            former_address = station.remote_address
        bell.ring(
            station.gateway.channel,
            {"type": "socket.replaced", "station": station.pk, "connection": station.connection},
        )
    # with the batch, and not `save()`, which would read the row again for the history of what people change
    write_batch.assign(
        station,
        gateway_id=line.gateway_id,
        connection=line.connection,
        protocol=line.protocol,
        remote_address=line.remote_address,
        subprotocol_missing=line.subprotocol_missing,
        security_profile=line.security_profile,
        connected_at=at,
        last_seen_at=at,
    )
    if line.raises_minimum and line.security_profile > station.minimum_security_profile:
        # Greatest: others of this batch may have raised it since the row was read
        raised = Greatest("minimum_security_profile", line.security_profile)
        ChargePoint.objects.filter(pk=station.pk).update(minimum_security_profile=raised)
    changes.note(changes.station(station.pk))
    return former_address


def disconnect(charge_point_id: int, connection: str, *, at: datetime) -> bool:
    """End `connection` if it still is the station's line; the end of a replaced socket changes nothing."""
    write_batch.write_now(ChargePoint, charge_point_id)
    held = ChargePoint.objects.filter(pk=charge_point_id, connection=connection)
    ended = held.update(connection="", gateway=None, disconnected_at=at)
    changes.note(changes.station(charge_point_id))
    return ended == 1


def release_strays(process_id: int, held: Mapping[int, str], *, at: datetime) -> None:
    """Release rows that still name a process for a socket that is gone; `held` is all that it holds."""
    settled = at - SETTLE_TIME  # a handshake stores its row before its socket is counted
    mine = ChargePoint.objects.filter(gateway_id=process_id, connected_at__lt=settled)
    for pk, connection in mine.values_list("pk", "connection"):
        if held.get(pk) != connection:
            disconnect(pk, connection, at=at)


def reconcile(process_id: int, held: Mapping[int, str]) -> list[dict[str, Any]]:
    """Bring rows in line with sockets that a process really holds, and return them.

    One that lost its socket to another process's sweep while the database was away gets it back. Rows say pk,
    connection, registration_status, accepted_at, archived_at, strict, no_close_frame.
    """
    names = (
        "pk",
        "gateway_id",
        "connection",
        "registration_status",
        "accepted_at",
        "archived_at",
        "strict",
        "no_close_frame",
    )
    rows: list[dict[str, Any]] = [dict(row) for row in ChargePoint.objects.filter(pk__in=held).values(*names)]
    for row in rows:
        if not row["connection"] or (row["connection"] == held[row["pk"]] and row["gateway_id"] != process_id):
            ChargePoint.objects.filter(pk=row["pk"], connection=row["connection"]).update(
                connection=held[row["pk"]], gateway_id=process_id
            )
            row["connection"] = held[row["pk"]]
            changes.note(changes.station(row["pk"]))
    return rows


def touch(seen: Sequence[tuple[int, datetime]]) -> None:
    """Remember when stations were last heard, many at once."""
    rows = [{"id": pk, "last_seen_at": at} for pk, at in seen]
    # one order everywhere, so that two processes cannot deadlock; the UPDATE has its plan's
    heard = ChargePoint.objects.select_for_update(no_key=True).filter(pk__in=[pk for pk, _ in seen]).order_by("pk")
    list(heard.values_list("pk", flat=True))
    bulk.run([bulk.update(ChargePoint, ("last_seen_at",), rows)])


def start_process(channel: str) -> GatewayProcess:
    return GatewayProcess.objects.create(channel=channel, host=socket.gethostname(), pid=os.getpid())


def beat(process_id: int) -> bool:
    """Show that the process lives; False if its row is gone (taken for dead and swept)."""
    return GatewayProcess.objects.filter(pk=process_id).update(beat_at=timezone.now()) == 1


def stop_process(process_id: int) -> None:
    """Take leave: whatever the process still held is offline now."""
    _release(ChargePoint.objects.filter(gateway_id=process_id).values_list("pk", flat=True))
    GatewayProcess.objects.filter(pk=process_id).delete()


def other_processes(own: GatewayProcess) -> list[GatewayProcess]:
    """Processes that live and were here before us; one of this host whose pid is gone is dead."""
    earlier = GatewayProcess.objects.alive().exclude(pk=own.pk).filter(pk__lt=own.pk)
    return [process for process in earlier if not _is_gone(process)]


def _is_gone(process: GatewayProcess) -> bool:
    if process.host != socket.gethostname():
        return False
    if process.pid == os.getpid():  # a container's restarted process has its predecessor's host name and pid
        return True
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def sweep(now: datetime) -> int:
    """Show stations of dead processes offline and forget processes dead for long; returns how many stations.

    Every statement is conditional, so that two processes sweeping together do no harm.
    """
    held = ChargePoint.objects.exclude(connection="")
    orphaned = held.filter(gateway=None) | held.filter(gateway__in=GatewayProcess.objects.dead())
    swept = _release(orphaned.values_list("pk", flat=True))
    GatewayProcess.objects.filter(beat_at__lt=now - FORGET_DEAD_PROCESSES_AFTER).delete()
    return swept


def release_gone_processes() -> None:
    """At start: what processes of this host that are gone still seem to hold is offline."""
    for process in GatewayProcess.objects.all():
        if _is_gone(process):
            stop_process(process.pk)


def _release(charge_point_ids: QuerySet[ChargePoint, int]) -> int:
    held = list(charge_point_ids.all())  # a copy: the UPDATE asks again
    released = ChargePoint.objects.filter(pk__in=charge_point_ids).update(
        connection="", gateway=None, disconnected_at=timezone.now()
    )
    changes.note(*map(changes.station, held))  # after it: outside of a transaction it is told at once
    return released
