"""`manage.py prepare`: what happens between a fresh installation, or an update, and a running server."""

import io
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, connections

from plugcontrol.management.commands import prepare

from . import warm

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"


def manage(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(data_dir), "PYTHONUTF8": "1"}
    return warm.manage(arguments, own | variables)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after its first `prepare`, to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    result = manage(folder, "prepare", ADMIN_USERNAME="anna", ADMIN_PASSWORD=PASSWORD)
    assert result.returncode == 0, result.stderr
    assert "Created the first administrator, anna." in result.stdout
    return folder


@pytest.fixture
def data_dir(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "data")


def usernames(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT username FROM auth_user")]


def test_an_empty_folder_becomes_a_database_without_a_copy(prepared: Path) -> None:
    assert usernames(prepared / "plugcontrol.sqlite3") == ["anna"]
    assert not (prepared / "backups").exists()


def test_a_second_time_changes_nothing(data_dir: Path) -> None:
    result = manage(data_dir, "prepare", ADMIN_USERNAME="berta", ADMIN_PASSWORD=PASSWORD)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert usernames(data_dir / "plugcontrol.sqlite3") == ["anna"]
    assert not (data_dir / "backups").exists()


def test_an_update_copies_the_database_first_and_keeps_five_copies(data_dir: Path) -> None:
    backups = data_dir / "backups"
    backups.mkdir()
    for year in range(2020, 2026):
        (backups / f"plugcontrol-{year}0101T000000Z-before-stations-0002_x.sqlite3").touch()
    (backups / "mine.sqlite3").touch()
    assert manage(data_dir, "migrate", "sessions", "zero").returncode == 0

    result = manage(data_dir, "prepare")

    assert result.returncode == 0, result.stderr
    [copy] = backups.glob("plugcontrol-*-before-sessions-0001_initial.sqlite3")
    assert usernames(copy) == ["anna"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert str(copy) in result.stdout
    kept = sorted(path.name[12:16] for path in backups.glob("plugcontrol-*"))
    assert kept[:4] == ["2022", "2023", "2024", "2025"]
    assert len(kept) == 5
    assert (backups / "mine.sqlite3").exists()


def test_nothing_is_migrated_where_no_copy_can_be_written(data_dir: Path) -> None:
    (data_dir / "backups").write_text("a file where the folder should be")
    assert manage(data_dir, "migrate", "sessions", "zero").returncode == 0

    result = manage(data_dir, "prepare")

    assert result.returncode == 1
    assert "nothing was migrated" in result.stderr
    with closing(sqlite3.connect(data_dir / "plugcontrol.sqlite3")) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    assert "django_session" not in tables


def test_a_database_that_stays_away_is_one_sentence(tmp_path: Path) -> None:
    result = manage(tmp_path, "prepare", "--wait", "1", DATABASE_URL="postgresql://nobody@127.0.0.1:1/plugcontrol")

    assert result.returncode == 1
    assert result.stdout == "Waiting up to 1 s for the database …\n"
    assert result.stderr.startswith("CommandError: the database cannot be opened: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"ADMIN_USERNAME": "anna"},
        {"ADMIN_PASSWORD": PASSWORD},
        {"ADMIN_PASSWORD_FILE": "/nowhere", "ADMIN_USERNAME": "a"},
    ],
)
def test_half_an_administrator_is_an_error(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CommandError, match="ADMIN_PASSWORD_FILE"):
        prepare.administrator_from_environment()


@pytest.mark.django_db
def test_the_first_administrators_password_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"${PASSWORD} \n")
    monkeypatch.setenv("ADMIN_USERNAME", "anna")
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", str(tmp_path / "password"))

    call_command("prepare", stdout=io.StringIO())

    anna = get_user_model().objects.get()
    assert anna.is_superuser
    assert anna.check_password(f"${PASSWORD} ")
    assert anna.groups.get().name == "Administrators"


@pytest.mark.django_db
def test_a_weak_password_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_USERNAME", "anna")
    monkeypatch.setenv("ADMIN_PASSWORD", "1234")

    with pytest.raises(CommandError, match="the first administrator was not created"):
        call_command("prepare", stdout=io.StringIO())

    assert not get_user_model().objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_containers_do_not_migrate_at_once() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite serves one process")
    output = io.StringIO()

    def prepare_in_a_container() -> None:
        call_command("prepare", stdout=output)
        connections.close_all()

    with prepare.Command(stdout=io.StringIO()).one_at_a_time():
        other = threading.Thread(target=prepare_in_a_container)
        other.start()
        other.join(1)
        assert other.is_alive()
    other.join(30)

    assert not other.is_alive()
    assert "Another process is migrating" in output.getvalue()
