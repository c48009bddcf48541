"""`manage.py create_id_tag` and `manage.py export_transactions`."""

import csv
import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from stations.connectors import get_connector
from stations.models import ChargePoint
from transactions.management.commands import export_transactions
from transactions.models import AuthorizationStatus, IdTag, IdTagGroup, Transaction
from transactions.resources import HEADERS

ROOT = Path(__file__).resolve().parent.parent.parent


def create(*arguments: str) -> str:
    output = io.StringIO()
    call_command("create_id_tag", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
class TestCreateIdTag:
    def test_a_number_is_enough(self) -> None:
        assert create("04A1B2") == "Created tag 04A1B2.\n"

        tag = IdTag.objects.get()
        assert (tag.holder, tag.group, tag.blocked, tag.expires_at) == ("", None, False, None)

    def test_everything_at_once(self, settings) -> None:
        settings.TIME_ZONE = "Europe/Berlin"

        create("04A1", "--holder", "Anna", "--parent", "FLEET", "--expires", "2027-01-01", "--blocked")

        tag = IdTag.objects.get()
        assert (tag.holder, tag.group.parent_id_tag, tag.blocked) == ("Anna", "FLEET", True)
        assert tag.expires_at == datetime(2026, 12, 31, 23, tzinfo=UTC)

    def test_a_tag_that_exists_is_an_error_whatever_the_case(self) -> None:
        create("CAFE", "--holder", "Anna")

        with pytest.raises(CommandError, match="There is already a tag CAFE; add --update to change it"):
            create("cafe", "--holder", "Berta")

        assert IdTag.objects.get().holder == "Anna"

    def test_update_changes_only_what_is_given_and_may_be_repeated(self) -> None:
        create("CAFE", "--holder", "Anna", "--parent", "FLEET", "--blocked")

        for _ in range(2):
            assert create("cafe", "--no-blocked", "--update") == "Updated tag CAFE.\n"

        tag = IdTag.objects.get()
        assert (tag.holder, str(tag.group), tag.blocked) == ("Anna", "FLEET", False)

    def test_empty_values_take_group_and_end_away(self) -> None:
        create("CAFE", "--parent", "FLEET", "--expires", "2027-01-01T12:00+01:00")

        create("CAFE", "--parent", "", "--expires", "", "--update")

        tag = IdTag.objects.get()
        assert (tag.group, tag.expires_at) == (None, None)

    def test_a_group_is_found_whatever_the_case(self) -> None:
        create("CAFE", "--parent", "Fleet")
        create("BEEF", "--parent", "FLEET")

        assert IdTagGroup.objects.count() == 1

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ([""], "1 to 20 printable"),
            (["x" * 21], "1 to 20 printable"),
            (["CA\nFE"], "1 to 20 printable"),
            (["CAFE", "--parent", "x" * 21], "--parent"),
            (["CAFE", "--expires", "tomorrow"], "--expires"),
            (["CAFE", "--holder", "x" * 101], "--holder"),
        ],
    )
    def test_wrong_values_leave_nothing_behind(self, arguments: list[str], sentence: str) -> None:
        with pytest.raises(CommandError, match=sentence):
            create(*arguments)

        assert not IdTag.objects.exists()
        assert not IdTagGroup.objects.exists()


def charged(started_at: datetime, energy_wh: int = 12_345, id_tag: str = "CAFE") -> Transaction:
    charge_point, _ = ChargePoint.objects.get_or_create(identity="CP1")
    return Transaction.objects.create(
        charge_point=charge_point,
        connector=get_connector(charge_point.pk, 1),
        id_tag=id_tag,
        authorization_status=AuthorizationStatus.ACCEPTED,
        started_at=started_at,
        start_reported_at=started_at,
        meter_start_wh=0,
        register_wh=energy_wh,
        register_at=started_at,
        energy_wh=energy_wh,
    )


def export(output: Path, *arguments: str) -> None:
    call_command("export_transactions", *arguments, "-o", str(output))


@pytest.mark.django_db
class TestExportTransactions:
    def test_the_period_is_local_and_half_open(self, settings, tmp_path: Path) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        moments = ("10-31T22:59:59", "10-31T23:00:00", "11-30T22:59:59", "11-30T23:00:00")
        _before, first, last, _after = [charged(datetime.fromisoformat(f"2026-{at}+00:00")) for at in moments]

        export(tmp_path / "november.csv", "--from", "2026-11-01", "--to", "2026-12-01")

        rows = list(csv.DictReader((tmp_path / "november.csv").open(newline="", encoding="utf-8")))
        assert [row["transaction_id"] for row in rows] == [str(first.pk), str(last.pk)]
        assert rows[0]["energy_kwh"] == "12.345"

    def test_without_a_period_everything_is_exported(self, tmp_path: Path) -> None:
        charged(datetime(2026, 11, 1, tzinfo=UTC))

        export(tmp_path / "all.csv")

        assert len((tmp_path / "all.csv").read_text().splitlines()) == 2

    def test_xlsx_holds_real_numbers_and_dates_and_no_formula(self, tmp_path: Path) -> None:
        charged(datetime(2026, 11, 1, 12, tzinfo=UTC), id_tag="=1+1")

        export(tmp_path / "sessions.xlsx")

        header, row = load_workbook(tmp_path / "sessions.xlsx").active.iter_rows(values_only=True)
        assert list(header) == HEADERS
        values = dict(zip(header, row, strict=True))
        assert Decimal(str(values["energy_kwh"])) == Decimal("12.345")
        assert values["started_at_utc"] == datetime(2026, 11, 1, 12)
        assert values["id_tag"] == "'=1+1"

    def test_the_format_may_be_named(self, tmp_path: Path) -> None:
        export(tmp_path / "sessions.dat", "--format", "xlsx")

        assert (tmp_path / "sessions.dat").read_bytes().startswith(b"PK")

    def test_the_pipe_gets_bytes(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        call_command("export_transactions", "--format", "xlsx", "-o", "-")

        assert load_workbook(io.BytesIO(capfdbinary.readouterr().out)).active.max_row == 1

    def test_an_error_leaves_the_old_file_and_no_part_of_a_new_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(self: Any, queryset: Any) -> Any:
            yield ("half",) * len(HEADERS)
            raise OSError("disk is full")

        monkeypatch.setattr(export_transactions.TransactionResource, "iter_rows", breaks)
        (tmp_path / "sessions.csv").write_text("yesterday's")

        with pytest.raises(CommandError, match="nothing was exported: disk is full"):
            export(tmp_path / "sessions.csv")

        assert [path.name for path in tmp_path.iterdir()] == ["sessions.csv"]
        assert (tmp_path / "sessions.csv").read_text() == "yesterday's"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--from", "yesterday"], "--from: "),
            (["--to", "2026-13-01"], "--to: "),
            (["--from", "2026-11-02", "--to", "2026-11-02"], "--to must be later than --from"),
        ],
    )
    def test_a_period_nobody_can_mean_is_an_error(self, tmp_path: Path, arguments: list[str], sentence: str) -> None:
        with pytest.raises(CommandError, match=sentence):
            export(tmp_path / "sessions.csv", *arguments)

        assert not list(tmp_path.iterdir())

    def test_a_folder_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="nothing was exported"):
            export(tmp_path / "nowhere" / "sessions.csv")


def test_a_failed_export_ends_with_an_exit_code(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "export_transactions", "-o", str(tmp_path / "sessions.csv")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.startswith("CommandError: nothing was exported: ")
    assert not (tmp_path / "sessions.csv").exists()
