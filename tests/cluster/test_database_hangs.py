"""SIGTERM while the database hangs: the server ends in time, answers nothing that is not stored, and says so."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest
import websockets

from ..server import Server, free_port
from .conftest import Installation

pytestmark = pytest.mark.server

END_S = 12


@contextmanager
def hanging(database: str) -> Iterator[None]:
    """Somebody else holds a lock and does not let go: a forgotten psql, a backup that got stuck."""
    if database.startswith("postgres"):
        with psycopg.connect(database) as other:
            other.execute("LOCK TABLE stations_chargepoint, auth_user IN ACCESS EXCLUSIVE MODE")
            yield
    else:
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield


async def test_what_could_not_be_stored_is_said_and_not_answered(alone: Installation) -> None:
    alone.env["UNKNOWN_CHARGE_POINTS"] = "accept"
    [server] = await asyncio.to_thread(alone.start, free_port())
    async with websockets.connect(f"{server.charger_address}/CP1", subprotocols=["ocpp1.6"]) as socket:
        await socket.send('[2,"boot","BootNotification",{"chargePointVendor":"A","chargePointModel":"B"}]')
        await socket.recv()
        with hanging(alone.database):
            page = asyncio.create_task(asyncio.to_thread(_open_a_page, server))
            for number in range(3):
                status = '{"connectorId":1,"errorCode":"NoError","status":"Available"}'
                await socket.send(f'[2,"{number}","StatusNotification",{status}]')
            await asyncio.sleep(1)  # they are read, and the clockwork and the page hang too
            server.signal(signal.SIGTERM)
            told_at = time.monotonic()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
            code = await asyncio.to_thread(server.wait, END_S)
            took_s = time.monotonic() - told_at
            await page
    assert closed.value.rcvd.code == 1012
    assert code == 0
    assert took_s < END_S
    [said] = [line for line in server.output if "could not be stored" in line]
    assert "messages=3" in said
    assert "Traceback" not in server.log


def _open_a_page(server: Server) -> None:
    with suppress(OSError):  # cut off together with the server
        server.get("/")
