"""Tables in and out: what a spreadsheet sees, and what it may do to us."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st
from tablib import Dataset

from stations import uploads
from stations.models import ChargePoint, Site
from stations.resources import ChargePointResource
from stations.spreadsheets import defuse, restore, write_csv, write_xlsx
from stations.uploads import Csv, UnreadableFile, Xlsx
from tests.admin_cast import AT, make_everything, make_transaction
from tests.people import browser
from transactions.models import IdTag, IdTagGroup, MeterValue, Transaction
from transactions.resources import HEADERS, METER_VALUE_HEADERS, IdTagResource, MeterValueResource, TransactionResource

pytestmark = pytest.mark.django_db
TAGS = "/admin/transactions/idtag/"
EVIL = ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''", '=HYPERLINK("x")', "=cmd|' /C calc'!A0"]


@pytest.fixture
def rows():
    User.objects.create_superuser("root")
    return make_everything()


@pytest.fixture
def operator(rows):
    return browser("operator")


def sheet_of(data):
    return openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]


def records_of(sheet):
    header, *body = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in body]


def download(client, model, file_format, query=""):
    formats = {"xlsx": "0", "csv": "1"}
    data = {"format": formats[file_format], "resource": "0"}
    return client.post(f"/admin/{model}/export/{query}", data)


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_csv(*rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def upload(client, data, file_format="csv", url=TAGS):
    file = SimpleUploadedFile(f"tags.{file_format}", data)
    number = {"xlsx": "0", "csv": "1"}[file_format]
    return client.post(f"{url}import/", {"import_file": file, "format": number, "resource": "0"})


def confirm(client, preview, url=TAGS):
    return client.post(f"{url}process_import/", preview.context["confirm_form"].initial, follow=True)


# Out


def test_transactions_as_xlsx_are_numbers_and_dates(operator):
    response = download(operator, "transactions/transaction", "xlsx")
    assert response["Content-Disposition"].startswith('attachment; filename="plugcontrol-transactions-')
    sheet = sheet_of(response.content)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:T2")
    record = records_of(sheet)[0]
    assert [*record] == HEADERS
    assert record["started_at_utc"] == datetime(2026, 11, 21, 13, 2, 12)
    assert (record["duration_s"], record["meter_stop_wh"]) == (3601, 13345)
    assert record["energy_kwh"] == 12.345
    assert (record["site"], record["tag_holder"], record["tag_group"]) == ("Garage 1", "Anna", "FLEET1")
    assert (record["status"], record["remarks"]) == ("finished", "clock_suspect")


@pytest.mark.parametrize("language", ["en", "de"])
def test_transactions_as_csv_are_never_localised(operator, language):
    operator.cookies.load({"django_language": language})
    text = download(operator, "transactions/transaction", "csv").content.decode()
    record = next(csv.DictReader(io.StringIO(text)))
    assert record["started_at_utc"] == "2026-11-21T13:02:12Z"
    assert (record["energy_kwh"], record["meter_stop_wh"]) == ("12.345", "13345")


def test_times_are_utc_wherever_the_server_stands(operator, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    text = download(operator, "transactions/transaction", "csv").content.decode()
    assert "2026-11-21T13:02:12Z" in text


def test_an_export_is_what_the_list_shows(rows, operator):
    make_transaction(rows["stations.connector"], None, AT + timedelta(days=1), ended_by="", stopped_at=None)
    text = download(operator, "transactions/transaction", "csv", "?state=running").content.decode()
    assert [row["status"] for row in csv.DictReader(io.StringIO(text))] == ["running"]


def test_chosen_rows_leave_as_xlsx(rows, operator):
    data = {"action": "export_admin_action", "_selected_action": [rows["transactions.transaction"].pk]}
    response = operator.post("/admin/transactions/transaction/", data)
    assert len(records_of(sheet_of(response.content))) == 1


def test_negative_numbers_stay_numbers(rows):
    Transaction.objects.update(energy_wh=-1500, meter_start_wh=-3)
    row = dict(zip(HEADERS, next(TransactionResource().iter_rows(Transaction.objects.all())), strict=True))
    assert (row["energy_kwh"], row["meter_start_wh"]) == (Decimal("-1.5"), -3)
    file, text = io.BytesIO(), io.StringIO()
    write_xlsx(file, "t", HEADERS, [tuple(row.values())])
    write_csv(text, HEADERS, [tuple(row.values())])
    assert records_of(sheet_of(file.getvalue()))[0]["energy_kwh"] == -1.5
    assert ",-1.500," in text.getvalue() or ",-1.5," in text.getvalue()


def test_meter_values_keep_every_digit_and_every_sample(rows, operator):
    samples = [{"value": "OCMF|{…}", "format": "SignedData"}]
    MeterValue.objects.update(power_w=Decimal("-7360.125"), samples=samples)
    record = records_of(sheet_of(download(operator, "transactions/metervalue", "xlsx").content))[0]
    assert [*record] == METER_VALUE_HEADERS
    assert (record["power_w"], record["energy_wh"], record["current_a"]) == (-7360.125, 1500, None)
    assert json.loads(record["further_samples"]) == samples


def test_a_text_too_long_for_a_workbook_says_that_it_was_cut(rows):
    MeterValue.objects.update(samples=[{"value": "f" * 40_000, "format": "SignedData"}])
    of_readings = list(MeterValueResource().iter_rows(MeterValue.objects.all()))
    book, text = io.BytesIO(), io.StringIO()
    write_xlsx(book, "t", METER_VALUE_HEADERS, of_readings)
    write_csv(text, METER_VALUE_HEADERS, of_readings)
    cut = records_of(sheet_of(book.getvalue()))[0]["further_samples"]
    assert (len(cut), cut[:12]) == (32_767, '[{"value": "')
    assert cut.endswith("fff … [cut: a cell of XLSX holds 32,767 characters, CSV all of them]")
    assert "f" * 40_000 in text.getvalue()


def test_rows_and_datasets_say_the_same(rows):
    queryset = MeterValue.objects.all()
    dataset = MeterValueResource().export(queryset)
    assert dataset.headers == METER_VALUE_HEADERS
    assert dataset[0][METER_VALUE_HEADERS.index("measured_at_utc")] == "2026-11-21T13:02:11Z"


@pytest.mark.parametrize("count", [1, 30])
def test_an_export_costs_one_query(rows, django_assert_num_queries, count):
    for number in range(count):
        make_transaction(rows["stations.connector"], rows["transactions.idtag"], AT + timedelta(days=number + 1))
    with django_assert_num_queries(1):
        list(TransactionResource().iter_rows(Transaction.objects.all()))


# Formulas


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula(rows, operator, text):
    Transaction.objects.update(id_tag=text[:20])
    ChargePoint.objects.update(name=text)
    sheet = sheet_of(download(operator, "transactions/transaction", "xlsx").content)
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n", "d"}
    record = records_of(sheet)[0]
    exported = download(operator, "transactions/transaction", "csv").content.decode()
    values = next(csv.DictReader(io.StringIO(exported, newline="")))
    for name in ("charge_point_name", "id_tag"):
        assert record[name].startswith("'")
        assert values[name].startswith("'")


@given(st.text())
def test_the_guard_is_undone_on_import(text):
    if "\N{REPLACEMENT CHARACTER}" not in defuse(text):
        assert restore(defuse(text)) == text
    assert not defuse(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_control_characters_do_not_break_a_workbook(rows, operator):
    ChargePoint.objects.update(vendor="A\x0bB\x1f")
    response = download(operator, "stations/chargepoint", "xlsx")
    assert records_of(sheet_of(response.content))[0]["vendor"] == "A\ufffdB\ufffd"


# In


def test_open_pages_hear_of_an_import(operator, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("stations.changes.note", lambda *names: told.extend(names))
    preview = upload(operator, as_csv(["id_tag"], ["NEW1"]))
    assert told == []
    confirm(operator, preview)
    assert told == ["tags"]
    told.clear()
    chargers = "/admin/stations/chargepoint/"
    confirm(operator, upload(operator, as_csv(["identity", "name"], ["cp-1", "Bay"]), url=chargers), url=chargers)
    assert told == [f"station:{ChargePoint.objects.get().pk}"]


def test_tags_are_imported_after_a_preview(operator):
    data = as_csv(
        ["id_tag", "holder", "parent_id_tag", "blocked", "expires_at", "max_concurrent", "note"],
        ["NEU1", "Ben", "fleet1", "yes", "2027-12-31T18:00:00+01:00", "2", "x"],
        ["cafe1", "Änne", "GROUP2", "", "", "", ""],
    )
    preview = upload(operator, data)
    assert preview.context["result"].totals["new"] == 1
    assert IdTag.objects.count() == 1
    assert "style=" not in preview.content.decode().partition("import-preview")[2]
    response = confirm(operator, preview)
    assert response.status_code == 200
    new, known = IdTag.objects.get(id_tag="NEU1"), IdTag.objects.get(id_tag="CAFE1")
    assert (new.group.parent_id_tag, new.blocked, new.max_concurrent) == ("FLEET1", True, 2)
    assert new.expires_at == datetime(2027, 12, 31, 17, tzinfo=UTC)
    assert (known.holder, known.group.parent_id_tag) == ("Änne", "GROUP2")
    entry = LogEntry.objects.get_for_object(known).get(action=LogEntry.Action.UPDATE)  # the preview left none
    assert (entry.changes["holder"][1], entry.actor.username) == ("Änne", "operator")


@pytest.mark.parametrize("file_format", ["xlsx", "csv"])
def test_an_exported_list_imports_again_unchanged(operator, file_format):
    group = IdTagGroup.objects.create(parent_id_tag="=G", name="Group")
    IdTag.objects.create(id_tag="äöü", holder="Ünal", group=IdTagGroup.objects.create(parent_id_tag="größe"))
    # XML itself turns a CR into an LF
    survivors = [text for text in EVIL if file_format == "csv" or "\r" not in text]
    for number, evil in enumerate(survivors):
        IdTag.objects.create(
            id_tag=evil[:20],
            holder=evil,
            note=evil,
            group=group if number % 2 else None,
            expires_at=AT,
            blocked=number % 3 == 0,
            max_concurrent=number,
        )
    before = [*IdTag.objects.order_by("pk").values()]
    preview = upload(operator, download(operator, "transactions/idtag", file_format).content, file_format)
    assert not preview.context["form"].errors
    totals = preview.context["result"].totals
    assert (totals["skip"], totals["new"], totals["update"], totals["invalid"]) == (len(before), 0, 0, 0)
    confirm(operator, preview)
    assert [*IdTag.objects.order_by("pk").values()] == before


def test_a_list_without_some_columns_leaves_those_alone(operator):
    confirm(operator, upload(operator, as_csv(["id_tag", "note"], ["CAFE1", "lost"])))
    tag = IdTag.objects.get()
    assert (tag.holder, tag.note) == ("Anna", "lost")


def test_semicolons_and_a_byte_order_mark_are_what_excel_writes(operator):
    confirm(operator, upload(operator, "\ufeffid_tag;holder\r\n00123;Müller, B.\r\n".encode()))
    assert IdTag.objects.get(id_tag="00123").holder == "Müller, B."


def test_numbers_in_a_workbook_become_tag_numbers(operator):
    confirm(operator, upload(operator, workbook(["id_tag", "blocked"], [12345678, True]), "xlsx"))
    assert IdTag.objects.get(id_tag="12345678").blocked


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"id_tag": "x" * 21}, "20"),
        ({"id_tag": "", "holder": "somebody"}, "empty"),
        ({"id_tag": "cafe9"}, "twice"),
        ({"expires_at_utc": "31.12."}, "date"),
        ({"expires_at_utc": "9999999-01-01"}, "date"),
        ({"blocked": "perhaps"}, "neither"),
        ({"max_concurrent": "-1"}, "32767"),
        ({"max_concurrent": "1.5"}, "whole"),
        ({"max_concurrent": "1e999999999"}, "whole"),
        ({"parent_id_tag": "x" * 21}, "20"),
        ({"holder": "x" * 101}, "100"),
    ],
)
def test_one_bad_row_and_nothing_is_written(operator, row, word):
    columns = ["id_tag", "holder", "parent_id_tag", "blocked", "expires_at_utc", "max_concurrent", "note"]
    good = {"id_tag": "CAFE9", "parent_id_tag": "NEWGROUP"}
    bad = {"id_tag": "OTHER", **row}
    lines = [[entry.get(name, "") for name in columns] for entry in (good, bad)]
    response = upload(operator, as_csv(columns, *lines))
    assert response.status_code == 200
    assert "confirm_form" not in response.context
    assert response.context["result"].totals["invalid"] == 1
    assert word in response.content.decode()
    assert IdTag.objects.count() == 1
    assert not IdTagGroup.objects.filter(parent_id_tag="NEWGROUP").exists()


@pytest.mark.parametrize(
    "headers", [["number"], ["holder"], ["id_tag", "holdr"], ["id_tag", "expires_at", "expires_at_utc"]]
)
def test_wrong_columns_are_named(operator, headers):
    response = upload(operator, as_csv(headers, ["x"] * len(headers)))
    assert response.context["result"].has_errors()
    assert "Traceback" not in response.content.decode()


def bomb(size=300 * 1024 * 1024):
    file = io.BytesIO(workbook(["id_tag"], ["A"]))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/big.xml", "w") as entry:
        for _ in range(size // (1024 * 1024)):
            entry.write(b"0" * 1024 * 1024)
    return file.getvalue()


def with_doctype():
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["id_tag"], ["A"]))) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                data = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + data.partition(b"?>")[2]
            new.writestr(entry.filename, data)
    return file.getvalue()


HOSTILE = {
    "nul": ("csv", lambda: b"id_tag\nA\0B\n"),
    "utf-16": ("csv", lambda: "id_tag\nA\n".encode("utf-16")),
    "latin-1": ("csv", lambda: "id_tag,holder\nA,Müller\n".encode("latin-1")),
    "unclosed quote": ("csv", lambda: b'id_tag\n"A\n'),
    "one long cell": ("csv", lambda: b"id_tag\n" + b"x" * 9_000_000),
    "a million columns": ("csv", lambda: b"id_tag," + b"a," * 1_000_000),
    "doubled column": ("csv", lambda: b"id_tag,id_tag\nA,B\n"),
    "too wide a row": ("csv", lambda: b"id_tag\nA,B\n"),
    "only blanks": ("csv", lambda: b" \n \n"),
    "workbook as csv": ("csv", lambda: workbook(["id_tag"], ["A"])),
    "csv as workbook": ("xlsx", lambda: b"id_tag\nA\n"),
    "cut workbook": ("xlsx", lambda: workbook(["id_tag"], ["A"])[:-300]),
    "other zip": ("xlsx", lambda: bomb()[:200]),
    "zip bomb": ("xlsx", bomb),
    "document type": ("xlsx", with_doctype),
    "formula": ("xlsx", lambda: workbook(["id_tag"], ["=1+1"])),
    "too large": ("csv", lambda: b"id_tag\n" + b"A\n" * 5_300_000),
    "too many rows": ("csv", lambda: b"id_tag\n" + b"A\n" * 200_001),
}


@pytest.mark.parametrize("name", [*HOSTILE])
def test_a_hostile_file_gets_an_answer_and_no_row(operator, name):
    file_format, make = HOSTILE[name]
    response = upload(operator, make(), file_format)
    assert response.status_code == 200
    assert "import_file" in response.context["form"].errors
    assert IdTag.objects.count() == 1


def test_a_workbook_that_claims_to_be_huge_is_read_as_it_is(operator):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["id_tag"], ["BIG"]))) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            data = old.read(entry).replace(b'<dimension ref="A1:A2"', b'<dimension ref="A1:XFD1048576"')
            new.writestr(entry.filename, data)
    preview = upload(operator, file.getvalue(), "xlsx")
    assert preview.context["result"].totals["new"] == 1


@pytest.mark.parametrize("name", ["../../etc/passwd", "passwd", "0" * 32, ""])
def test_only_uploads_can_be_confirmed(operator, name):
    data = {"import_file_name": name, "original_file_name": "x", "format": "1", "resource": "0"}
    response = operator.post(f"{TAGS}process_import/", data)
    assert response.status_code in (200, 302)
    assert IdTag.objects.count() == 1


@pytest.mark.parametrize("number", ["7", "-9", "x"])
def test_an_unknown_format_cannot_be_confirmed(operator, number):
    preview = upload(operator, as_csv(["id_tag"], ["X"]))
    data = {**preview.context["confirm_form"].initial, "format": number}
    assert operator.post(f"{TAGS}process_import/", data).status_code == 302
    assert IdTag.objects.count() == 1


def test_a_list_that_became_wrong_is_not_written(operator, monkeypatch):
    preview = upload(operator, as_csv(["id_tag"], ["X"], ["Y"]))
    monkeypatch.setattr(IdTagResource, "validate_instance", _refuse)
    response = confirm(operator, preview)
    assert "Nothing was imported" in response.content.decode()
    assert IdTag.objects.count() == 1


def _refuse(self, instance, *args, **kwargs):
    from django.core.exceptions import ValidationError

    if instance.id_tag == "Y":
        raise ValidationError("no")


def test_a_viewer_exports_but_does_not_import(rows):
    viewer = browser("viewer")
    assert download(viewer, "transactions/idtag", "csv").status_code == 200
    assert upload(viewer, as_csv(["id_tag"], ["X"])).status_code == 403
    assert viewer.post(f"{TAGS}process_import/", {}).status_code == 403


def test_leftover_uploads_are_private_and_forgotten(monkeypatch):
    old = uploads.UploadStorage()
    old.save(b"secret")
    assert Path(default_storage.path(f"uploads/{old.name}")).stat().st_mode & 0o077 == 0
    monkeypatch.setattr(uploads.UploadStorage, "_KEEP", timedelta(seconds=-1))
    uploads.UploadStorage().save(b"new")
    with pytest.raises(UnreadableFile):
        old.read()


# Chargers


def test_chargers_are_imported_but_never_approved(rows, operator):
    data = as_csv(
        ["identity", "name", "site", "registration_status"],
        ["cp-1", "Bay 1", "Yard", "Accepted"],
        ["CP-2", "", "yard", ""],
    )
    preview = upload(operator, data, url="/admin/stations/chargepoint/")
    confirm(operator, preview, url="/admin/stations/chargepoint/")
    known, new = ChargePoint.objects.get(identity="CP-1"), ChargePoint.objects.get(identity="CP-2")
    assert (known.name, known.site.name, known.registration_status) == ("Bay 1", "Yard", "Pending")
    assert new.registration_status == "Pending"
    assert Site.objects.filter(name="Yard").exists()
    entry = LogEntry.objects.get_for_object(known).get(action=LogEntry.Action.UPDATE)
    assert (entry.changes["site"][1], entry.actor.username) == ("Yard", "operator")


def test_importing_chargers_leaves_alone_what_is_in_no_column_of_the_file(rows):
    station = ChargePoint.objects.get()
    resource = ChargePointResource()
    resource.before_import(Dataset(headers=["identity", "name"]))
    station.name, station.connection, station.notes = "Bay", "stale", "old"
    ChargePoint.objects.update(connection="new", notes="Beside the gate")
    resource.update_instances.append(station)
    resource.bulk_update(using_transactions=True, dry_run=False, raise_errors=True)
    station.refresh_from_db()
    assert (station.name, station.connection, station.notes) == ("Bay", "new", "Beside the gate")


def test_chargers_round_trip(rows, operator):
    url = "/admin/stations/chargepoint/"
    for file_format in ("xlsx", "csv"):
        data = download(operator, "stations/chargepoint", file_format).content
        assert upload(operator, data, file_format, url).context["result"].totals["skip"] == 1


@pytest.mark.parametrize("identity", ["a\x07b", "x" * 256])
def test_an_unusable_identity_is_a_row_error(rows, operator, identity):
    response = upload(operator, as_csv(["identity"], [identity]), url="/admin/stations/chargepoint/")
    assert response.context["result"].totals["invalid"] == 1


@pytest.mark.parametrize("reader", [Csv, Xlsx])
def test_readers_refuse_garbage(reader):
    with pytest.raises(UnreadableFile):
        reader().create_dataset(bytes(range(256)) * 4)
