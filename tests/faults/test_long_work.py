"""Large imports and exports beside chargers: all or nothing, and nobody else notices (F34, F35)."""

from __future__ import annotations

import asyncio
import http.client
import random
import time

import psycopg
import pytest

from bench import rig

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .stations import Pulse, Station

pytestmark = pytest.mark.faults

P99_S = 1.0
BEGIN_IMPORT = """
from django.contrib.auth.models import User
import jobs
from screens.tags.import_work import IMPORT, Upload
from stations.uploads import UploadStorage
owner, _ = User.objects.get_or_create(username="importer", is_superuser=True, is_staff=True)
storage = UploadStorage()
storage.save(("id_tag,holder\\n" + "".join(f"IMPORT{{n:08d}},Nobody\\n" for n in range({rows}))).encode())
print(jobs.queue(IMPORT, "Import", owner, Upload(storage.name, "csv", None).parameters()).pk)
"""
TAGS = "SELECT count(*) FROM transactions_idtag WHERE substr(id_tag, 1, 7) = 'IMPORT0'"
#: Somebody who has entered one of the numbers and not committed: the import stops there, however quick the machine is.
SAME_NUMBER = """
INSERT INTO transactions_idtag (id_tag, holder, blocked, note, created_at) VALUES (%s, '', false, '', now())
"""
RUNNER = "SELECT worker FROM jobs_job WHERE id = %s"
#: A job whose runner died is found dead after half a minute; we do not wait for that.
AGE = "UPDATE jobs_job SET beat_at = beat_at - interval '60 seconds' WHERE state = 'running' AND worker = %s"

SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.create(username="exporter", is_superuser=True, is_staff=True)
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.create()
print(session.session_key)
"""


async def _listen(run: Campaign) -> tuple[Pulse, asyncio.Task[None]]:
    """Heartbeats of a station that has nothing to do with it."""
    pulse = Pulse(await Station(identity(999)).switch_on(run.server.url))
    return pulse, asyncio.create_task(pulse.beat())


async def test_f34_import_killed(campaign: NewCampaign) -> None:
    """A large import that its process does not survive leaves nothing behind, and can be done again."""
    rows, kills = short_or_long((8_000, 1), (100_000, 10))
    async with campaign("F34 import killed") as run:
        await run.drive(20)
        slowest_s = 0.0
        left: list[int] = []
        for kill in range(kills):
            if kill % 2 == 0:  # a job that has died twice has failed
                job = run.manage("shell", "-c", BEGIN_IMPORT.format(rows=rows)).split()[-1]
            pulse, beating = await _listen(run)
            with psycopg.connect(run.database_url) as somebody:
                number = f"IMPORT{random.randrange(rows // 20, rows):08d}"
                somebody.execute(SAME_NUMBER, [number])
                blocked = await run.until(lambda pid=somebody.info.backend_pid: _is_blocked_by(run, pid), 600)
                run.promise(f"kill {kill + 1} is in the midst of it", f"before {number}", blocked is not None)
                beating.cancel()
                slowest_s = max(slowest_s, pulse.p99_s())
                run.server.kill()
                somebody.rollback()
            left.append((await run.query(TAGS))[0][0])
            [(dead,)] = await run.query(RUNNER, job)
            await run.start(run.server)
            await run.everybody_back(f"kill {kill + 1}")
            await run.query(AGE, dead)
        run.promise(f"rows after a kill: 0 or {rows:,}", left, all(count in (0, rows) for count in left))
        if kills % 2 == 0:
            job = run.manage("shell", "-c", BEGIN_IMPORT.format(rows=rows)).split()[-1]
        pulse, beating = await _listen(run)
        done = await run.until(lambda: _is_done(run, job), 400)
        beating.cancel()
        slowest_s = max(slowest_s, pulse.p99_s())
        stored = (await run.query(TAGS))[0][0]
        run.promise("rows in the end", f"{stored:,}", done is not None and stored == rows)
        run.promise(f"Heartbeat p99 of others ≤ {P99_S} s", f"{slowest_s:.3f} s", slowest_s <= P99_S)
        run.tell(f"{rows:,} rows, {kills} kills; Heartbeat p99 beside it {slowest_s * 1000:.0f} ms")


async def _is_blocked_by(run: Campaign, pid: int) -> bool:
    return bool(await run.query("SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", pid))


async def _is_done(run: Campaign, job: str) -> bool:
    state, message = (await run.query("SELECT state, message FROM jobs_job WHERE id = %s", job))[0]
    assert state != "failed", message
    return state == "done"


FILL = """
INSERT INTO transactions_metervalue (connector_id, transaction_id, timestamp, context, reported_transaction_id,
                                     energy_wh, power_w)
SELECT connector_id, id, now() - interval '400 days' + n * interval '30 seconds', 'Sample.Periodic', '', n, 11000
  FROM transactions_transaction, generate_series(1, %s) n WHERE id = %s
"""


async def test_f35_export_of_readings(campaign: NewCampaign) -> None:
    """A session's readings as CSV: the file comes at once and grows as it is read; the server does not."""
    rows = short_or_long(100_000, 1_000_000)
    async with campaign("F35 export of meter values", REQUIRE_SECOND_FACTOR="off") as run:
        key = run.manage("shell", "-c", SIGN_IN).split()[-1]
        line = await Station(identity(1)).switch_on(run.server.url)
        start = {"connectorId": 1, "idTag": "CAFE", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
        session = (await line.call("StartTransaction", start))["transactionId"]
        await run.query(FILL, rows, session)
        await run.query("ANALYZE")  # as autovacuum has done, long before, where rows come over months
        pulse, beating = await _listen(run)
        await asyncio.sleep(1)
        before_mb, _ = rig.rss_bytes(run.server.pid) / 1e6, pulse.p99_s()
        fetched = asyncio.create_task(asyncio.to_thread(_fetch, run.server.port, session, key))
        most_mb = before_mb
        while not fetched.done():
            most_mb = max(most_mb, rig.rss_bytes(run.server.pid) / 1e6)
            await asyncio.sleep(0.05)
        status, first_s, lines, took_s = await fetched
        beating.cancel()
        p99_s = pulse.p99_s()
        run.promise("the whole file arrives", f"{status}, {lines:,} lines", (status, lines) == (200, rows + 1))
        run.promise("first byte ≤ 2 s", f"{first_s:.2f} s", first_s <= 2)
        run.promise("memory grows by ≤ 150 MB", f"{most_mb - before_mb:.0f} MB", most_mb - before_mb <= 150)
        run.promise(f"Heartbeat p99 of others ≤ {P99_S} s", f"{p99_s:.3f} s", p99_s <= P99_S)
        run.tell(
            f"{rows:,} rows in {took_s:.0f} s, first byte after {first_s:.2f} s, memory +{most_mb - before_mb:.0f} MB, "
            f"Heartbeat p99 beside it {p99_s * 1000:.0f} ms"
        )


def _fetch(port: int, session: int, key: str) -> tuple[int, float, int, float]:
    """Status, seconds to the first byte of the file, its lines, seconds to its end."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", f"/transactions/{session}/meter-values/csv/", headers={"Cookie": f"sessionid={key}"})
    answer = connection.getresponse()
    lines, first_s = answer.read(1).count(b"\n"), time.monotonic() - begun
    while piece := answer.read(1 << 16):
        lines += piece.count(b"\n")
    return answer.status, first_s, lines, time.monotonic() - begun
