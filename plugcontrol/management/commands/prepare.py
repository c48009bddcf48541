"""`manage.py prepare`: everything a database needs before the server starts; safe to run again and side by side."""

from __future__ import annotations

import os
import sqlite3
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from people.administration import needs_setup
from plugcontrol.setup import create_first_administrator

KEPT_COPIES = 5
#: So long a migration waits for a table, and so often it tries again a second later.
LOCK_TIMEOUT_S, LOCK_ATTEMPTS = 2, 100
_LOCK_NOT_AVAILABLE = "55P03"
_MIGRATION_LOCK = 0x706C7567  # "plug": any number will do as long as every process takes the same


class Command(BaseCommand):
    help = (
        "Wait for the database, copy an SQLite file that is about to be migrated, apply migrations, and create the "
        "first administrator from ADMIN_USERNAME with ADMIN_PASSWORD or ADMIN_PASSWORD_FILE."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", type=int, default=60, metavar="SECONDS", help="how long to wait for PostgreSQL")

    def handle(self, *args: Any, wait: int = 60, **options: Any) -> None:
        administrator = administrator_from_environment()
        self.wait_for_database(wait)
        with self.one_at_a_time():
            self.migrate()
            if administrator:
                self.create_administrator(*administrator)

    def wait_for_database(self, patience_s: int) -> None:
        """Return once PostgreSQL answers; an SQLite file is there or is made by opening it."""
        deadline = time.monotonic() + patience_s
        announced = False
        while True:
            try:
                connection.ensure_connection()
                return
            except OperationalError as error:
                reason = str(error).strip().splitlines()[-1]
            if connection.vendor != "postgresql" or time.monotonic() >= deadline:
                raise CommandError(f"the database cannot be opened: {reason}")
            if not announced:
                self.stdout.write(f"Waiting up to {patience_s} s for the database …")
                announced = True
            time.sleep(1)

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Hold PostgreSQL's advisory lock, so that two containers that start together do not migrate together."""
        if connection.vendor != "postgresql":
            yield
            return
        # a connection of its own: the lock lives as long as it, whatever the migrations do to theirs
        with closing(connection.copy()) as guard, guard.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_MIGRATION_LOCK])
            if cursor.fetchone() == (False,):
                self.stdout.write("Another process is migrating the database; waiting for it …")
                cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
            yield

    def migrate(self) -> None:
        """Apply what is pending; without anything pending this still brings the roles up to date."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            first = plan[0][0]
            if executor.loader.applied_migrations:
                self.copy_sqlite(f"{first.app_label}-{first.name}")
            self.stdout.write(f"Applying {len(plan)} database migration{'s' if len(plan) > 1 else ''} …")
        self.without_queues(lambda: call_command("migrate", interactive=False, verbosity=0, skip_checks=True))

    def without_queues(self, apply: Callable[[], object]) -> None:
        """Do what wants tables for itself, and let go of it where it would wait: whoever comes later waits behind it.

        A charger's message stands behind a migration that stands behind somebody's long report (F37).
        """
        if connection.vendor != "postgresql":
            apply()
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_TIMEOUT_S}s"])
        for attempt in range(1, LOCK_ATTEMPTS + 1):
            try:
                apply()
                break
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
                    raise
                if attempt == LOCK_ATTEMPTS:
                    raise CommandError("the database was not migrated: a table is in use all the time") from None
                if attempt == 1:
                    self.stdout.write("Waiting, because a table is in use …")
            time.sleep(1)
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")

    def copy_sqlite(self, migration: str) -> None:
        """Copy the SQLite file beside a running server's writes; the newest KEPT_COPIES copies stay."""
        source = Path(str(connection.settings_dict["NAME"]))
        if connection.vendor != "sqlite" or not source.is_file():
            return
        folder = Path(settings.DATA_DIR) / "backups"
        copy = folder / f"{source.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-before-{migration}.sqlite3"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _copy_database(source, copy)
            _forget_old_copies(folder, source.stem)
        except (OSError, sqlite3.Error) as error:
            raise CommandError(f"nothing was migrated, since {copy} cannot be written: {error}") from None
        self.stdout.write(f"Copied the database to {copy} before migrating it.")

    def create_administrator(self, username: str, password: str) -> None:
        """Create the first user; once there is one, whoever it is, the variables do nothing."""
        if not needs_setup():
            return
        try:
            create_first_administrator(username, password)
        except ValidationError as error:
            raise CommandError(f"the first administrator was not created: {' '.join(error.messages)}") from None
        self.stdout.write(f"Created the first administrator, {username}.")


def administrator_from_environment() -> tuple[str, str] | None:
    """Name and password of the first administrator. Read raw: a password may hold any character, such as a dollar."""
    username = os.environ.get("ADMIN_USERNAME", "").strip()
    password = _password_from_environment()
    if bool(username) != bool(password):
        raise CommandError("ADMIN_USERNAME and ADMIN_PASSWORD (or ADMIN_PASSWORD_FILE) belong together; set both.")
    return (username, password) if username else None


def _password_from_environment() -> str:
    path = os.environ.get("ADMIN_PASSWORD_FILE", "")
    if not path:
        return os.environ.get("ADMIN_PASSWORD", "")
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"ADMIN_PASSWORD_FILE cannot be read: {error}") from None


def _copy_database(source: Path, copy: Path) -> None:
    unfinished = copy.with_suffix(".unfinished")
    # the copy holds what the database holds, credentials too: only the owner may read it
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(unfinished)) as target:
            origin.backup(target)
        unfinished.replace(copy)
    finally:
        unfinished.unlink(missing_ok=True)


def _forget_old_copies(folder: Path, stem: str) -> None:
    copies = sorted(folder.glob(f"{stem}-*-before-*.sqlite3"))
    for old in copies[:-KEPT_COPIES]:
        old.unlink()
