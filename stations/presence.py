"""Which process and socket a station's line is: connect, disconnect, touch, and the processes themselves."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db.models import QuerySet
from django.utils import timezone

from . import bell, changes
from .models import ChargePoint, GatewayProcess

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


def connect(charge_point_id: int, line: Line, *, at: datetime) -> None:
    """Make `line` the station's; the newest authenticated socket wins and the process that held the old one is told.

    The station may not come back with a lower security profile (white paper A05), so its minimum rises with the line.
    Raises ChargePoint.DoesNotExist if the station was deleted since its handshake began.
    """
    # no_key: a key lock would wait for every transaction that has stored something of the station's
    stations = ChargePoint.objects.select_for_update(of=("self",), no_key=True)
    station = stations.select_related("gateway").get(pk=charge_point_id)
    if station.connection and station.gateway is not None:
        bell.ring(
            station.gateway.channel,
            {"type": "socket.replaced", "station": station.pk, "connection": station.connection},
        )
    minimum = station.minimum_security_profile
    # an UPDATE of our own: `save()` would read the row again for the history of what people change
    ChargePoint.objects.filter(pk=station.pk).update(
        gateway=line.gateway_id,
        connection=line.connection,
        protocol=line.protocol,
        remote_address=line.remote_address,
        subprotocol_missing=line.subprotocol_missing,
        security_profile=line.security_profile,
        minimum_security_profile=max(minimum, line.security_profile) if line.raises_minimum else minimum,
        connected_at=at,
        last_seen_at=at,
    )
    changes.note(changes.station(station.pk))


def disconnect(charge_point_id: int, connection: str, *, at: datetime) -> bool:
    """End `connection` if it still is the station's line; the end of a replaced socket changes nothing."""
    held = ChargePoint.objects.filter(pk=charge_point_id, connection=connection)
    ended = held.update(connection="", gateway=None, disconnected_at=at)
    changes.note(changes.station(charge_point_id))
    return ended == 1


def reconcile(process_id: int, held: Mapping[int, str], *, at: datetime) -> list[dict[str, Any]]:
    """Bring rows in line with the sockets a process really holds, and return the rows of those it thinks it holds.

    A row that still names this process for a socket that is gone is released; one that lost its socket to another
    process's sweep while the database was away gets it back. Rows say pk, connection, registration_status,
    accepted_at, archived_at, strict.
    """
    settled = at - SETTLE_TIME  # a handshake stores its row before its socket is counted
    mine = ChargePoint.objects.filter(gateway_id=process_id)
    for pk, connection in mine.filter(connected_at__lt=settled).values_list("pk", "connection"):
        if held.get(pk) != connection:
            disconnect(pk, connection, at=at)
    names = ("pk", "gateway_id", "connection", "registration_status", "accepted_at", "archived_at", "strict")
    rows: list[dict[str, Any]] = [dict(row) for row in ChargePoint.objects.filter(pk__in=held).values(*names)]
    for row in rows:
        if not row["connection"] or (row["connection"] == held[row["pk"]] and row["gateway_id"] != process_id):
            ChargePoint.objects.filter(pk=row["pk"], connection=row["connection"]).update(
                connection=held[row["pk"]], gateway_id=process_id
            )
            row["connection"] = held[row["pk"]]
            changes.note(changes.station(row["pk"]))
    return rows


def touch(seen: Mapping[int, datetime]) -> None:
    """Remember when stations were last heard, many at once."""
    table = database.ops.quote_name(ChargePoint._meta.db_table)
    field = ChargePoint._meta.get_field("last_seen_at")
    with database.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET last_seen_at = %s WHERE id = %s",  # noqa: S608 - a table's name
            # in one order everywhere, so that two processes cannot deadlock
            [[field.get_db_prep_save(at, database), pk] for pk, at in sorted(seen.items())],
        )


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
