"""Pages of jobs: whose they are, what they show, the file, and cancelling."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connections
from django.test import AsyncClient
from django.utils import timezone

from jobs.models import Job, State
from tests.people import browser, browser_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return person("operator")


def make_job(owner: User, **values) -> Job:
    return Job.objects.create(**{"kind": "count", "title": "Counting", "owner": owner, "language": "en", **values})


def finished(owner: User, content: bytes = b"a,b\n") -> Job:
    name = default_storage.save("jobs/test.csv", ContentFile(content))
    end = {"ended_at": timezone.now(), "expires_at": timezone.now() + timedelta(hours=24)}
    made = {"file": name, "file_name": "rows ä.csv", "content_type": "text/csv", "message": "3 rows", "done": 3}
    return make_job(owner, state=State.DONE, total=3, **end, **made)


def page(client, job, path=""):
    return client.get(f"/jobs/{job.pk}/{path}")


def test_a_running_job_shows_how_far_it_is_and_may_be_cancelled(operator):
    job = make_job(operator, state=State.RUNNING, worker="w", done=1500, total=6000)
    client = browser_of(operator)
    html = page(client, job).content.decode()

    assert '<progress max="100" value="25"' in html
    assert "1,500 of 6,000 (25 %)" in html
    assert f'data-on="job:{job.pk}"' in html
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in html
    assert "/file/" not in html

    answer = client.post(f"/jobs/{job.pk}/cancel/", follow=True)
    assert "It will stop in a moment" in answer.content.decode()
    assert Job.objects.get().cancel_requested


def test_a_waiting_job_is_cancelled_on_the_spot(operator):
    job = make_job(operator)
    answer = browser_of(operator).post(f"/jobs/{job.pk}/cancel/", follow=True)

    assert "cancelled" in answer.content.decode()
    assert Job.objects.get().state == State.CANCELLED
    assert browser_of(operator).get(f"/jobs/{job.pk}/cancel/").status_code == 405


def test_htmx_gets_the_part_that_changes(operator):
    job = make_job(operator, state=State.RUNNING, worker="w")
    headers = {"HX-Request": "true", "HX-Target": "job"}
    html = browser_of(operator).get(f"/jobs/{job.pk}/", headers=headers).content.decode()

    assert html.lstrip().startswith("<section")
    assert "<html" not in html


def test_a_finished_job_offers_its_file(operator):
    job = finished(operator)
    client = browser_of(operator)
    html = page(client, job).content.decode()
    assert f"/jobs/{job.pk}/file/" in html
    assert "3 rows" in html
    assert "refresh" not in html.split("<body", maxsplit=1)[0]

    answer = page(client, job, "file/")
    assert b"".join(answer.streaming_content) == b"a,b\n"
    assert answer["Content-Type"] == "text/csv"
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''rows%20%C3%A4.csv"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
async def test_a_large_file_streams_under_asgi():
    operator = await sync_to_async(person)("operator")
    content = bytes(range(256)) * 1000
    job = await sync_to_async(finished)(operator, content)
    client = AsyncClient()
    await client.aforce_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    answer = await client.get(f"/jobs/{job.pk}/file/")

    pieces = [piece async for piece in answer.streaming_content]
    assert b"".join(pieces) == content
    assert len(pieces) > 1
    await sync_to_async(connections.close_all)()  # of the thread that async tests query in


def test_a_file_that_has_had_its_day_is_said_to_be_gone(operator):
    job = finished(operator)
    default_storage.delete(job.file.name)
    answer = browser_of(operator).get(f"/jobs/{job.pk}/file/", follow=True)
    assert "The file is no longer there" in answer.content.decode()

    Job.objects.update(file="")
    assert "The file was deleted after a day" in page(browser_of(operator), job).content.decode()


def test_failures_are_said_as_alerts_and_escaped(operator):
    job = make_job(operator, title="<svg/onload=alert(1)>", state=State.FAILED, message="<b>No.</b>")
    for html in (page(browser_of(operator), job).content.decode(), browser_of(operator).get("/jobs/").content.decode()):
        assert "<svg/onload" not in html
        assert "&lt;b&gt;No.&lt;/b&gt;" in html


@pytest.mark.parametrize("path", ["", "file/", "cancel/"])
def test_jobs_of_others_are_not_found(operator, path):
    job = finished(User.objects.create_user("somebody else"))
    client = browser_of(operator)
    answer = client.post(f"/jobs/{job.pk}/cancel/") if path == "cancel/" else page(client, job, path)

    assert answer.status_code == 404
    assert "Counting" not in client.get("/jobs/").content.decode()


def test_administrators_see_everybodys(operator):
    job = finished(operator)
    client = browser("administrator")

    assert page(client, job, "file/").status_code == 200
    html = client.get("/jobs/").content.decode()
    assert "Counting" in html
    assert "operator" in html


def test_nobody_comes_in_without_a_login(operator):
    job = finished(operator)
    for path in ("/jobs/", f"/jobs/{job.pk}/", f"/jobs/{job.pk}/file/"):
        assert browser("anonymous").get(path).status_code == 302


def test_the_list_asks_the_database_a_bounded_number_of_times(operator, django_assert_max_num_queries):
    for number in range(30):
        make_job(operator, title=f"Job {number}", state=State.DONE)
    client = browser_of(operator)
    client.get("/jobs/")
    with django_assert_max_num_queries(13):
        html = client.get("/jobs/").content.decode()
    assert "Job 29" in html
    assert html.count("<tr>") == 31


def test_an_empty_list_says_so(operator):
    assert "No jobs yet" in browser_of(operator).get("/jobs/").content.decode()
