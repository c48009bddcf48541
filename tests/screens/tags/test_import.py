"""Import of tags: chosen, looked at, confirmed; or refused, with the reason beside the row."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import openpyxl
import pytest
from auditlog.models import LogEntry
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from jobs.models import MAX_UNFINISHED, Job, State
from jobs.progress import Stopped, StopReason
from jobs.runner import Runner
from screens.tags import import_work, importing
from transactions.models import IdTag, IdTagGroup

from ...people import browser, browser_of, person, person_at
from ..chargers.pages import HOSTILE, rows_of, text_of, words_of
from .counting import queries_of

pytestmark = pytest.mark.django_db
IMPORT = "/tags/import/"


def as_csv(*rows, delimiter=","):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue().encode()


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def upload(client, data, ending="csv", **values):
    return client.post(IMPORT, {"file": SimpleUploadedFile(f"tags.{ending}", data), **values}, follow=True)


def confirm(client, preview):
    return client.post(preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"], follow=True)


@pytest.fixture
def operator(anna):
    return browser("operator")


def test_a_file_is_looked_at_and_then_imported(operator, anna):
    fleet = IdTagGroup.objects.create(parent_id_tag="FLEET")
    IdTag.objects.create(id_tag="SAME", holder="Same")
    data = as_csv(
        ["id_tag", "holder", "parent_id_tag", "blocked", "expires_at", "max_concurrent", "note"],
        ["NEW1", "Ben", "fleet", "yes", "2027-12-31T18:00:00+01:00", "2", "x"],
        ["04a1b2c3d4e5f2", "Änne", "MADE", "", "", "", ""],
        ["SAME", "Same", "", "", "", "", ""],
    )
    preview = upload(operator, data)
    assert preview.context["outcome"].counts == {"new": 1, "update": 1, "skip": 1, "error": 0}
    changed, new, same = rows_of(preview)
    assert "Anna → Änne" in changed
    assert "New NEW1" in new
    assert "Unchanged" in same
    assert (IdTag.objects.count(), IdTagGroup.objects.count()) == (2, 1)  # a preview writes nothing
    response = confirm(operator, preview)
    assert "Imported: 1 new, 1 changed, 1 unchanged, 0 with errors." in words_of(response)
    tag = IdTag.objects.get(id_tag="NEW1")
    assert (tag.holder, tag.group, tag.blocked, tag.max_concurrent, tag.site) == ("Ben", fleet, True, 2, None)
    assert tag.expires_at == datetime(2027, 12, 31, 17, tzinfo=UTC)
    anna.refresh_from_db()
    assert (anna.id_tag, anna.holder, anna.group.parent_id_tag) == ("04A1B2C3D4E5F2", "Änne", "MADE")
    assert anna.site is not None  # where a known tag is managed is no matter of the file


def changes_of(tag):
    entries = LogEntry.objects.get_for_object(tag).filter(action=LogEntry.Action.UPDATE)
    return [(entry.actor.username, entry.changes) for entry in entries.order_by("timestamp")]


def test_what_an_import_changes_of_a_tag_is_in_its_history(operator, anna):
    data = as_csv(["id_tag", "blocked", "parent_id_tag"], [anna.id_tag, "yes", "MADE"], ["NEW1", "yes", ""])
    preview = upload(operator, data)
    assert changes_of(anna) == []
    confirm(operator, preview)
    assert changes_of(anna) == [("operator", {"blocked": ["False", "True"], "group": ["None", "MADE"]})]
    assert changes_of(IdTag.objects.get(id_tag="NEW1")) == []
    confirm(operator, upload(operator, data))
    assert len(changes_of(anna)) == 1


def test_what_a_large_import_changes_of_a_tag_is_in_its_history(operator, anna, small_limits):
    confirm_large(operator, as_csv(["id_tag", "blocked"], *([f"N{number}", "no"] for number in range(5))))
    confirm_large(operator, as_csv(["id_tag", "blocked"], *([f"N{number}", "yes"] for number in range(5))))
    for number in range(5):
        assert changes_of(IdTag.objects.get(id_tag=f"N{number}")) == [("operator", {"blocked": ["False", "True"]})]


def confirm_large(client, data):
    preview = upload(client, data)
    Runner().run_next()
    confirm(client, preview)
    Runner().run_next()


def test_a_preview_can_be_read_by_kind(operator):
    preview = upload(operator, as_csv(["id_tag", "holder"], ["NEW1", ""], ["04A1B2C3D4E5F2", "Anne"]))
    url = preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"]
    assert len(rows_of(operator.get(f"{url}&show=new"))) == 1
    assert len(rows_of(operator.get(f"{url}&show=nonsense"))) == 2


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"id_tag": "x" * 21}, "20"),
        ({"id_tag": "", "holder": "somebody"}, "empty"),
        ({"id_tag": "cafe9"}, "twice"),
        ({"expires_at_utc": "31.12."}, "date"),
        ({"blocked": "perhaps"}, "neither"),
        ({"max_concurrent": "-1"}, "32767"),
        ({"parent_id_tag": "x" * 21}, "20"),
        ({"holder": "x" * 101}, "100"),
    ],
)
def test_one_bad_row_and_nothing_can_be_imported(operator, row, word):
    columns = ["id_tag", "holder", "parent_id_tag", "blocked", "expires_at_utc", "max_concurrent", "note"]
    good, bad = {"id_tag": "CAFE9", "parent_id_tag": "NEWGROUP"}, {"id_tag": "OTHER", **row}
    lines = [[entry.get(name, "") for name in columns] for entry in (good, bad)]
    preview = upload(operator, as_csv(columns, *lines))
    first = rows_of(preview)[0]
    assert first.startswith("3 Error")  # the row as a spreadsheet counts
    assert word in first
    assert "Nothing can be imported while rows have errors." in words_of(preview)
    confirm(operator, preview)
    assert (IdTag.objects.count(), IdTagGroup.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    ("name", "ending", "data", "sentence"),
    [
        ("utf-16", "csv", "id_tag\nA\n".encode("utf-16"), "not UTF-8 text"),
        ("latin-1", "csv", "id_tag,holder\nA,Müller\n".encode("latin-1"), "not UTF-8 text"),
        ("nul", "csv", b"id_tag\nA\0B\n", "NUL characters"),
        ("empty", "csv", b" ", "empty"),
        ("twice", "csv", b"id_tag,id_tag\nA,B\n", "name of its own"),
        ("wide", "csv", b"id_tag\nA,B\n", "more cells than"),
        ("csv as xlsx", "xlsx", b"id_tag\nA\n", "not a readable XLSX"),
        ("formula", "xlsx", workbook(["id_tag"], ["=1+1"]), "contains formulas"),
        ("ending", "exe", b"id_tag\nA\n", "ends in .csv or .xlsx"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(operator, name, ending, data, sentence):
    response = upload(operator, data, ending)
    assert sentence in words_of(response)
    assert IdTag.objects.count() == 1


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        (["number"], "Unknown columns: number."),
        (["holder"], "The column id_tag is missing."),
        (["id_tag", "expires_at", "expires_at_utc"], "Give either expires_at or expires_at_utc, not both."),
    ],
)
def test_wrong_columns_are_named(operator, headers, sentence):
    response = upload(operator, as_csv(headers, ["x"] * len(headers)))
    assert sentence in words_of(response)
    confirm(operator, response)
    assert IdTag.objects.count() == 1


def test_a_file_without_rows_says_so(operator):
    preview = upload(operator, b"id_tag,holder\n")
    assert "no rows below the names" in words_of(preview)
    assert "btn primary" not in text_of(preview).partition('id="preview"')[2]


def test_semicolons_and_a_byte_order_mark_are_what_excel_writes(operator):
    confirm(operator, upload(operator, "\ufeffid_tag;holder\r\n00123;Müller, B.\r\n".encode()))
    assert IdTag.objects.get(id_tag="00123").holder == "Müller, B."


def test_formulas_in_text_stay_text(operator):
    confirm(operator, upload(operator, as_csv(["id_tag", "holder"], ["F1", "'=1+1"])))
    assert IdTag.objects.get(id_tag="F1").holder == "=1+1"


def test_hostile_words_stay_words(operator):
    preview = upload(operator, as_csv(["id_tag", "holder"], [HOSTILE[:20], HOSTILE], ["x" * 30, HOSTILE]))
    assert "<svg/" not in text_of(preview)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_exported_list_imports_again_unchanged(operator, ending):
    group = IdTagGroup.objects.create(parent_id_tag="=G")
    until = datetime(2027, 12, 31, 17, tzinfo=UTC)
    IdTag.objects.create(id_tag="=1", holder="-x", note="@y", group=group, expires_at=until, max_concurrent=3)
    data = b"".join(operator.get(f"/tags/export/?format={ending}"))
    assert upload(operator, data, ending).context["outcome"].counts == {"new": 0, "update": 0, "skip": 2, "error": 0}


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_template_is_one(operator, ending):
    data = b"".join(operator.get(f"{IMPORT}template/?format={ending}"))
    assert "no rows below the names" in words_of(upload(operator, data, ending))


def test_what_was_looked_at_belongs_to_who_looked(operator):
    preview = upload(operator, as_csv(["id_tag"], ["NEW1"]))
    url = preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"]
    assert "no longer here" in words_of(browser("administrator").get(url, follow=True))
    assert "no longer here" in words_of(browser("administrator").post(url, follow=True))
    for bad in ("?file=nonsense", "?file=", "", "?file=%00"):
        assert "no longer here" in words_of(operator.get(f"{IMPORT}preview/{bad}", follow=True))
    for bad in ("x", "0b5ce0d4-0000-4000-8000-000000000000"):
        assert operator.get(f"{IMPORT}preview/?job={bad}").status_code == 404
    assert not IdTag.objects.filter(id_tag="NEW1").exists()


def test_a_confirmed_file_is_gone(operator):
    preview = upload(operator, as_csv(["id_tag"], ["NEW1"]))
    confirm(operator, preview)
    assert "no longer here" in words_of(confirm(operator, preview))
    assert IdTag.objects.count() == 2


def test_what_became_wrong_since_is_not_imported(operator, anna):
    preview = upload(operator, as_csv(["id_tag"], ["NEW1"], ["NEW2"]))
    stolen = importing.TagImport.write

    def late(self):
        IdTag.objects.create(id_tag="new2")
        stolen(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing.TagImport, "write", late)
        assert "Nothing was imported" in words_of(confirm(operator, preview))
    assert not IdTag.objects.filter(id_tag="NEW1").exists()


# At one site


def test_a_file_of_names_lifts_no_block_that_is_set_meanwhile(operator, anna, monkeypatch):
    """What stands in no column of the file is not written, however long the file takes to be read."""
    write = importing.TagImport.write

    def later(table):
        IdTag.objects.update(blocked=True, note="Reported lost")
        write(table)

    monkeypatch.setattr(importing.TagImport, "write", later)
    confirm(operator, upload(operator, as_csv(["id_tag", "holder"], [anna.id_tag, "Anne"])))
    anna.refresh_from_db()
    assert (anna.holder, anna.blocked, anna.note) == ("Anne", True, "Reported lost")
    end = ["id_tag", "expires_at", "blocked"], [anna.id_tag, "2027-12-31T18:00:00+00:00", "no"]
    confirm(operator, upload(operator, as_csv(*end)))
    anna.refresh_from_db()
    assert (anna.expires_at, anna.blocked) == (datetime(2027, 12, 31, 18, tzinfo=UTC), False)


def test_new_tags_are_of_the_site_and_others_are_errors(house, anna, yard):
    client = browser_of(person_at("operator", yard))
    preview = upload(client, as_csv(["id_tag", "holder"], ["NEW1", "Ben"], [anna.id_tag, "Mine"]), site=yard.pk)
    assert "belongs to a tag of another site" in rows_of(preview)[0]
    assert "Anna" not in words_of(preview)
    confirm(client, preview)
    assert IdTag.objects.count() == 1
    confirm(client, upload(client, as_csv(["id_tag"], ["NEW1"]), site=yard.pk))
    assert IdTag.objects.get(id_tag="NEW1").site == yard


def test_groups_of_other_sites_cannot_be_joined(house, anna, yard):
    theirs = IdTagGroup.objects.create(parent_id_tag="THEIRS")
    IdTag.objects.update(group=theirs)
    client = browser_of(person_at("operator", yard))
    for number in ("theirs", "NEW"):
        preview = upload(client, as_csv(["id_tag", "parent_id_tag"], ["NEW1", number]), site=yard.pk)
        assert "No tag of your sites is in a group of this number." in rows_of(preview)[0]
    confirm(client, preview)
    assert (IdTag.objects.count(), IdTagGroup.objects.count()) == (1, 1)


def test_a_site_must_be_one_s_own(house, yard):
    client = browser_of(person_at("operator", yard))
    for site in (house.site.pk, ""):
        assert upload(client, as_csv(["id_tag"], ["NEW1"]), site=site).status_code == 422


def test_rights_lost_since_count(house, yard):
    someone = person_at("operator", yard)
    preview = upload(browser_of(someone), as_csv(["id_tag"], ["NEW1"]), site=yard.pk)
    someone.memberships.all().delete()
    assert confirm(browser_of(someone), preview).status_code == 403
    assert not IdTag.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "holder"])
def test_who_may_not_import(anna, who):
    client = browser(who)
    assert upload(client, as_csv(["id_tag"], ["X"])).status_code == 403
    for url in (IMPORT, f"{IMPORT}preview/", f"{IMPORT}template/"):
        assert client.get(url).status_code == 403
    assert IMPORT not in text_of(browser("viewer").get("/tags/"))


# Large files


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(import_work, "DIRECT_ROWS", 3)
    monkeypatch.setattr(importing, "BATCH", 2)


def many(count):
    return as_csv(["id_tag", "parent_id_tag"], *([f"N{number}", f"G{number % 2}"] for number in range(count)))


@pytest.mark.parametrize(("count", "is_job"), [(3, False), (4, True)])
def test_many_rows_are_a_job(operator, small_limits, count, is_job):
    upload(operator, many(count))
    assert Job.objects.exists() is is_job


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_large_file_is_looked_at_and_imported_by_jobs(operator, small_limits, ending):
    data = (
        many(5)
        if ending == "csv"
        else workbook(["id_tag", "parent_id_tag"], *([f"N{n}", f"G{n % 2}"] for n in range(5)))
    )
    preview = upload(operator, data, ending)
    assert "The file is large; it is being read." in words_of(preview)
    url = preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"]
    assert operator.post(url).status_code == 400  # nobody has looked yet
    Runner().run_next()
    preview = operator.get(url)
    assert "5 tags are added, 0 are changed." in words_of(preview)
    assert len(rows_of(preview)) == 5
    assert "5 new, 0 changed" in words_of(operator.get(IMPORT))
    assert IdTag.objects.count() == 1
    response = confirm(operator, preview)
    Runner().run_next()
    job = Job.objects.get(kind="import_tags")
    assert (job.state, job.message) == (State.DONE, "5 new, 0 changed, 0 unchanged, 0 with errors.")
    assert response.redirect_chain == [(f"/jobs/{job.pk}/", 302)]
    assert job.done == job.total == 10  # each row is read, then written
    assert (IdTag.objects.count(), IdTagGroup.objects.count()) == (6, 2)


def test_a_job_handed_on_imports_once(operator, small_limits):
    parameters = _looked_at(operator, many(5))
    import_work.run_import(Job(owner=person("operator"), parameters=parameters), import_work.Progress())
    again = import_work.run_import(Job(owner=person("operator"), parameters=parameters), import_work.Progress())
    assert again.message == "0 new, 0 changed, 5 unchanged, 0 with errors."
    assert IdTag.objects.count() == 6


def test_a_large_import_broken_off_leaves_nothing(operator, small_limits, monkeypatch):
    """SQLite lets one write at a time, so chargers come in between the batches; there it is begun again."""
    parameters, progress = _looked_at(operator, many(5)), import_work.Progress()
    written = IdTag.objects.bulk_create

    def is_told_to_stop(tags):
        written(tags)
        progress.stop(StopReason.HANDED_BACK)

    monkeypatch.setattr(importing.IdTag.objects, "bulk_create", is_told_to_stop)
    with pytest.raises(Stopped):
        import_work.run_import(Job(owner=person("operator"), parameters=parameters), progress)
    assert IdTag.objects.count() == (1 if connection.vendor == "postgresql" else 3)
    assert IdTagGroup.objects.count() == (0 if connection.vendor == "postgresql" else 2)


def test_errors_of_a_large_file_are_shown(operator, small_limits):
    preview = upload(operator, many(4) + b"N1,\n")
    Runner().run_next()
    preview = operator.get(preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"])
    assert "twice" in rows_of(preview)[0]
    assert confirm(operator, preview).status_code == 400
    assert IdTag.objects.count() == 1


def test_a_large_file_that_is_no_table_fails_with_the_reason(operator, small_limits):
    preview = upload(operator, many(4) + b"A,B,C\n")
    Runner().run_next()
    words = words_of(operator.get(preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"]))
    assert "Row 5 has more cells than there are columns." in words


@pytest.mark.parametrize("change", ["deactivated", "demoted", "nobody", "file"])
def test_rights_are_asked_again_when_the_job_runs(operator, small_limits, change):
    parameters = _looked_at(operator, many(5))
    owner = person("operator")
    if change == "deactivated":
        owner.is_active = False
    elif change == "demoted":
        owner.groups.clear()
    elif change == "file":
        default_storage.delete(f"uploads/{parameters['name']}")
    job = Job(owner=None if change == "nobody" else owner, parameters=parameters)
    with pytest.raises(import_work.JobFailed):
        import_work.run_import(job, import_work.Progress())
    assert IdTag.objects.count() == 1


def test_too_many_jobs_are_refused(operator, small_limits):
    for number in range(MAX_UNFINISHED):
        Job.objects.create(kind="x", title="x", owner=person("operator"), parameters={"n": number})
    response = upload(operator, many(5))
    assert response.status_code == 422
    assert "unfinished jobs" in words_of(response)


def test_the_number_of_queries_does_not_grow(operator):
    def cost(count):
        group = IdTagGroup.objects.get_or_create(parent_id_tag="OLD")[0]
        IdTag.objects.bulk_create(IdTag(id_tag=f"K{count}-{number}", group=group) for number in range(count))
        rows = [[f"K{count}-{number}", "H", "G"] for number in range(count)]
        preview = upload(operator, as_csv(["id_tag", "holder", "parent_id_tag"], *rows))
        return queries_of(operator, preview.request["PATH_INFO"] + "?" + preview.request["QUERY_STRING"])

    assert cost(3) == cost(60)


def _looked_at(client, data):
    upload(client, data)
    Runner().run_next()
    return Job.objects.get().parameters
