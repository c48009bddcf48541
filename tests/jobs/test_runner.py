"""What becomes of a job: run, cancelled, handed back, taken over from the dead; never run twice at once."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import get_language, gettext, override

import jobs
from jobs import files, lives
from jobs.kinds import JobFailed, Result
from jobs.models import DEAD_AFTER, MAX_UNFINISHED, Job, State, TooManyJobs
from jobs.progress import REST_S, Progress
from jobs.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 10


def stored(job):
    return Job.objects.get(pk=job.pk)


def test_a_job_runs_and_leaves_its_file_and_its_sentence(kind, anna, runner):
    def run(job, progress):
        progress.expect(3)
        for _ in progress.over(range(3)):
            pass
        return Result("3 rows", io.BytesIO(b"a,b\n"), "rows.csv", "text/csv")

    kind("count", run)
    job = jobs.queue("count", "Counting", anna, {"to": 3})
    assert (job.state, job.owner, job.parameters) == (State.QUEUED, anna, {"to": 3})

    assert runner.run_next()

    row = stored(job)
    assert (row.state, row.message, row.done, row.total, row.percent) == (State.DONE, "3 rows", 3, 3, 100)
    assert (row.file_name, row.content_type) == ("rows.csv", "text/csv")
    assert b"".join(files.pieces(row)) == b"a,b\n"
    assert row.expires_at - row.ended_at == timedelta(hours=24)
    assert not runner.run_next()


def test_two_presses_at_the_same_moment_queue_one_job(kind, anna):
    kind("count", lambda job, progress: None)

    def press():
        try:
            return jobs.queue("count", "Again", anna, {"to": 3})
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            job = jobs.queue("count", "Counting", anna, {"to": 3})
            second = pool.submit(press)
            with pytest.raises(TimeoutError):  # what the first will have become is not known yet
                second.result(0.5)
        assert second.result(PATIENCE_S) == job
    assert Job.objects.count() == 1


def test_the_same_work_is_not_queued_twice(kind, anna, runner):
    kind("count", lambda job, progress: None)
    first = jobs.queue("count", "Counting", anna, {"to": 3})

    assert jobs.queue("count", "Counting", anna, {"to": 3}) == first
    assert jobs.queue("count", "Counting", anna, {"to": 4}) != first
    runner.run_next()
    assert jobs.queue("count", "Counting", anna, {"to": 3}) != first


def test_a_kind_that_nobody_knows_is_refused_at_once(anna):
    with pytest.raises(LookupError):
        jobs.queue("nonsense", "Nonsense", anna, {})
    assert not Job.objects.exists()


def test_one_person_cannot_fill_the_queue(kind, anna):
    kind("count", lambda job, progress: None)
    for number in range(MAX_UNFINISHED):
        jobs.queue("count", "Counting", anna, {"to": number})

    with pytest.raises(TooManyJobs, match="You already have 20 unfinished jobs"):
        jobs.queue("count", "Counting", anna, {"to": -1})


def test_what_cannot_be_done_is_said_in_a_sentence(kind, make_job, runner):
    def refuse(job, progress):
        raise JobFailed("The site is gone.")

    def break_down(job, progress):
        raise KeyError("secret inside")

    kind("refuse", refuse)
    kind("break", break_down)
    refused, broken, unknown = make_job("refuse"), make_job("break"), make_job("unknown kind")
    while runner.run_next():
        pass

    assert (stored(refused).state, stored(refused).message) == (State.FAILED, "The site is gone.")
    assert stored(broken).state == State.FAILED
    assert "The server’s log says what" in stored(broken).message
    assert "secret" not in stored(broken).message
    assert stored(unknown).state == State.FAILED


def test_a_jobs_words_are_in_the_language_of_who_queued_it(kind, anna, runner):
    kind("speak", lambda job, progress: Result(f"{gettext('Monday')} in {get_language()}"))
    with override("de"):
        job = jobs.queue("speak", "Sprechen", anna, {})
    runner.run_next()

    assert stored(job).message == "Montag in de"


def test_a_full_disk_is_said(kind, make_job, runner):
    def run(job, progress):
        raise OSError(28, "No space left on device")

    kind("count", run)
    job = make_job()
    runner.run_next()

    assert stored(job).message == "There is no space left on the server’s disk."


def test_a_waiting_job_is_cancelled_at_once(kind, make_job, runner):
    kind("count", lambda job, progress: pytest.fail("it was cancelled"))
    job = make_job()

    assert job.cancel()
    assert stored(job).state == State.CANCELLED
    assert not runner.run_next()
    assert not job.cancel()


class Slow:
    """Work in small steps that goes on until it is stopped, or the test lets it end."""

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.runs = 0

    def __call__(self, job, progress):
        self.runs += 1
        self.begun.set()
        while not self.may_end.wait(0.01):
            progress.step()
        return Result("ended")


@pytest.fixture
def slow(kind):
    work = Slow()
    kind("slow", work)
    yield work
    work.may_end.set()


@pytest.fixture
def running(slow, make_job):
    """A job that runs in a runner's thread."""
    job, runner = make_job("slow"), Runner()
    runner.start()
    assert slow.begun.wait(PATIENCE_S)
    yield job, runner
    slow.may_end.set()
    runner.stop(PATIENCE_S)


def ended(job):
    """The row once the job runs no more; it is asked until then, as a person would."""
    for _ in range(PATIENCE_S * 20):
        row = stored(job)
        if row.state != State.RUNNING:
            return row
        threading.Event().wait(0.05)
    raise AssertionError("still running")


def test_a_running_job_is_cancelled_between_two_steps(running):
    job, _runner = running

    assert job.cancel()
    assert ended(job).state == State.CANCELLED


def test_progress_reaches_the_database_while_the_job_runs(running):
    job, _runner = running
    seen = set()
    for _ in range(PATIENCE_S * 20):
        seen.add(stored(job).done)
        if len(seen) > 2:
            break
        threading.Event().wait(0.05)
    assert len(seen) > 2
    assert stored(job).state == State.RUNNING


def test_a_stopping_server_hands_its_job_back(running, slow):
    job, runner = running

    runner.stop(PATIENCE_S)

    row = stored(job)
    assert (row.state, row.worker, row.deaths) == (State.QUEUED, "", 0)
    slow.may_end.set()
    assert Runner().run_next()
    assert (stored(job).state, stored(job).message, slow.runs) == (State.DONE, "ended", 2)


def test_a_job_that_does_not_listen_is_handed_back_over_its_head(kind, make_job):
    begun, end = threading.Event(), threading.Event()

    def deaf(job, progress):
        begun.set()
        end.wait(PATIENCE_S)
        return Result("too late")

    kind("deaf", deaf)
    job, runner = make_job("deaf"), Runner()
    runner.start()
    assert begun.wait(PATIENCE_S)
    runner.stop(0.1)
    assert stored(job).state == State.QUEUED
    end.set()
    runner._thread.join(PATIENCE_S)
    assert (stored(job).state, stored(job).message) == (State.QUEUED, "")


def test_a_dead_servers_job_is_queued_again_once(make_job):
    long_ago = timezone.now() - DEAD_AFTER - timedelta(seconds=1)
    job = make_job(state=State.RUNNING, worker="gone:1:x", beat_at=long_ago, done=5, total=9)

    assert lives.sweep(timezone.now()) == 1
    row = stored(job)
    assert (row.state, row.deaths, row.worker, row.done) == (State.QUEUED, 1, "", 0)

    Job.objects.update(state=State.RUNNING, worker="gone:2:x", beat_at=long_ago)
    assert lives.sweep(timezone.now()) == 1
    row = stored(job)
    assert (row.state, row.message) == (State.FAILED, "The server was restarted twice while this was running.")
    assert lives.sweep(timezone.now()) == 0


def test_a_dead_servers_cancelled_job_is_over(make_job):
    long_ago = timezone.now() - DEAD_AFTER - timedelta(seconds=1)
    job = make_job(state=State.RUNNING, worker="gone:1:x", beat_at=long_ago, cancel_requested=True)

    assert lives.sweep(timezone.now()) == 1
    assert stored(job).state == State.CANCELLED


def test_a_living_servers_job_is_left_alone(running):
    job, _runner = running

    assert lives.sweep(timezone.now() + DEAD_AFTER / 2) == 0
    assert stored(job).state == State.RUNNING


def test_a_job_taken_away_changes_nothing_more(kind, make_job, runner):
    """A process that was taken for dead comes back: its result must not replace the other's."""

    def run(job, progress):
        Job.objects.filter(pk=job.pk).update(worker="somebody else")
        return Result("mine", io.BytesIO(b"mine"), "mine.txt", "text/plain")

    kind("count", run)
    job = make_job()
    runner.run_next()

    row = stored(job)
    assert (row.state, row.worker, row.message, row.file.name) == (State.RUNNING, "somebody else", "", "")


def test_two_runners_never_take_the_same_job(kind, make_job):
    ran, lock = [], threading.Lock()

    def run(job, progress):
        with lock:
            ran.append(job.pk)

    kind("count", run)
    queued = {make_job().pk for _ in range(12)}

    def work():
        own = Runner()
        while own.run_next():
            pass
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(ran) == sorted(queued)
    assert set(Job.objects.values_list("state", flat=True)) == {State.DONE}


def test_who_has_none_running_comes_first(kind, make_job, runner, django_user_model):
    order = []
    kind("count", lambda job, progress: order.append(job.title))
    ben = django_user_model.objects.create_user("ben")
    make_job(state=State.RUNNING, worker="other", beat_at=timezone.now())
    make_job(title="anna's second")
    make_job(title="ben's first", owner=ben)
    while runner.run_next():
        pass

    assert order == ["ben's first", "anna's second"]


def test_a_job_in_a_transaction_of_its_own_still_shows_its_progress(kind, make_job):
    """An import commits all or nothing, and its row must not be locked meanwhile."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer")
    begun, end = threading.Event(), threading.Event()

    def run(job, progress):
        with transaction.atomic():
            Job.objects.create(kind="x", title="x", language="en", state=State.DONE)
            progress.step(7)
            begun.set()
            end.wait(PATIENCE_S)

    kind("count", run)
    job, runner = make_job(), Runner()
    runner.start()
    assert begun.wait(PATIENCE_S)
    for _ in range(PATIENCE_S * 20):
        if stored(job).done == 7:
            break
        threading.Event().wait(0.05)
    assert stored(job).done == 7
    end.set()
    runner.stop(PATIENCE_S)
    assert stored(job).state == State.DONE


def test_beside_chargers_a_job_rests_half_the_time(monkeypatch):
    """A thread that never rests keeps Python's one lock, and the gateway waits 5 ms for it every time."""
    clock, rests = iter(range(10_000)), []
    monkeypatch.setattr("jobs.progress.time.monotonic", lambda: next(clock) * 0.004)
    monkeypatch.setattr("jobs.progress.time.sleep", rests.append)

    list(Progress(yields=False).over(range(100)))
    assert rests == []
    list(Progress(yields=True).over(range(100)))
    assert len(rests) >= 20
    assert set(rests) == {REST_S}
