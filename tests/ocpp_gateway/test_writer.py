"""Group commit: one transaction for many, an error for the guilty one only, and what happens without a database."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, transaction

from ocpp_gateway import dispatch
from ocpp_gateway import writer as writer_module
from ocpp_gateway.writer import DatabaseAway, Job
from stations.commands import queue_command
from stations.models import CommandStatus, Site
from transactions.models import IdTag


def store(name: str):
    return lambda: Site.objects.create(name=name).name


def explode():
    Site.objects.create(name="never")
    raise ValueError("boom")


async def test_jobs_share_a_transaction(gateway, stored, monkeypatch):
    commits = []
    atomic = transaction.atomic
    monkeypatch.setattr(writer_module.transaction, "atomic", lambda **k: commits.append(1) or atomic(**k))
    names = await asyncio.gather(*(gateway.writer.submit(Job(store(f"s{n}"))) for n in range(50)))
    assert names == [f"s{n}" for n in range(50)]
    assert len(commits) < 10
    assert await stored(Site.objects.count) == 50


async def test_only_the_guilty_one_fails(gateway, stored):
    jobs = [Job(store("before")), Job(explode, failed=lambda error: f"sorry: {error}"), Job(store("after"))]
    assert await asyncio.gather(*map(gateway.writer.submit, jobs)) == ["before", "sorry: boom", "after"]
    assert await stored(lambda: set(Site.objects.values_list("name", flat=True))) == {"before", "after"}


async def test_a_violated_constraint_hurts_nobody_else(gateway, stored):
    await asyncio.gather(gateway.writer.submit(Job(store("twin"))))
    jobs = [Job(store("single")), Job(store("twin"), failed=lambda error: type(error).__name__)]
    assert await asyncio.gather(*map(gateway.writer.submit, jobs)) == ["single", "IntegrityError"]
    assert await stored(Site.objects.count) == 2


async def test_collected_rows_are_written_with_the_batch(gateway, stored):
    from stations import write_batch

    await gateway.writer.submit(Job(lambda: write_batch.insert(IdTag, id_tag="LATE")))
    assert await stored(IdTag.objects.count) == 1


async def test_a_passing_trouble_is_tried_again(gateway, stored):
    attempts = []

    def deadlocked_once():
        attempts.append(1)
        if len(attempts) == 1:
            raise OperationalError("deadlock detected")
        return "done"

    assert await gateway.writer.submit(Job(deadlocked_once)) == "done"
    assert not gateway.writer.away


async def test_without_a_database_sockets_close_and_nothing_is_answered(cp, gateway, monkeypatch, stored):
    def gone():
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(writer_module, "_is_reachable", lambda: False)
    with pytest.raises(DatabaseAway):
        await gateway.writer.submit(Job(gone, failed=lambda error: "InternalError"))
    assert gateway.writer.away
    await cp.send([2, "x", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}])
    assert await cp.closes() == 1012
    with pytest.raises(DatabaseAway):
        await gateway.writer.submit(Job(store("lost")))


async def test_stations_come_back_with_the_database(station, connect, gateway, monkeypatch, stored):
    monkeypatch.setattr(writer_module, "_is_reachable", lambda: False)
    monkeypatch.setattr(writer_module, "PROBE_INTERVAL_S", 0.02)
    with pytest.raises(DatabaseAway):
        await gateway.writer.submit(Job(lambda: (_ for _ in ()).throw(OperationalError("gone"))))
    assert (await connect()).status == 503
    back = asyncio.Event()
    gateway.writer._on_back = back.set
    monkeypatch.setattr(writer_module, "_is_reachable", lambda: True)
    await asyncio.wait_for(back.wait(), 5)
    assert (await connect()).status == 101


async def test_an_answer_outlasts_an_outage(cp, station, connect, gateway, monkeypatch, ended):
    monkeypatch.setattr(writer_module, "PROBE_INTERVAL_S", 0.02)
    command = await sync_to_async(queue_command)(station, "ClearCache", {})
    call = await cp.expects("ClearCache")
    settle, is_gone = dispatch.settle, [True]

    def goes_away(*arguments):
        if is_gone:
            raise OperationalError("gone")
        settle(*arguments)

    monkeypatch.setattr(dispatch, "settle", goes_away)
    monkeypatch.setattr(writer_module, "_is_reachable", lambda: not is_gone)
    await call.replies(status="Accepted")
    assert await cp.closes() == 1012
    back = asyncio.Event()
    gateway.writer._on_back = back.set
    is_gone.clear()
    await asyncio.wait_for(back.wait(), 5)
    await connect(station.identity)
    row = await ended(command)
    assert (row.status, row.answer) == (CommandStatus.ACCEPTED, {"status": "Accepted"})


async def test_a_job_at_which_the_database_breaks_off_is_kept_once(gateway, monkeypatch):
    monkeypatch.setattr(writer_module, "PROBE_INTERVAL_S", 0.02)
    attempts, backs, back = [], [], asyncio.Event()

    def gone():
        attempts.append(1)
        raise OperationalError("program limit exceeded")

    gateway.writer._on_back = lambda: backs.append(1) or (len(backs) == 2 and back.set())
    gateway.writer.post(Job(gone, outlasts=True))
    await asyncio.wait_for(back.wait(), 5)
    assert await gateway.writer.submit(Job(store("goes on"))) == "goes on"
    assert not gateway.writer._kept
    assert len(attempts) == 2 * (1 + writer_module.ATTEMPTS)


async def test_a_job_without_a_word_for_its_failure_passes_it_on(gateway):
    with pytest.raises(ValueError, match="boom"):
        await gateway.writer.submit(Job(explode))


async def test_draining_waits_for_everything(gateway):
    for n in range(300):
        gateway.writer.post(Job(store(f"d{n}")))
    await gateway.writer.drain()
    assert await Site.objects.acount() == 300
