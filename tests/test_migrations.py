"""What a migration may do to tables that chargers write all the time (F37; CONTRIBUTING.md)."""

from __future__ import annotations

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db.migrations import AddConstraint, AddIndex, AlterField, AlterUniqueTogether, Migration
from django.db.migrations.loader import MigrationLoader

#: They grow with every message: whatever reads them whole under a lock makes every charger wait.
FULL = {"message", "metervalue", "statusrecord", "transaction"}
#: The last migrations of before the rule; 1,000,000 rows cost them some seconds, and they are done.
LANDED = {"stations": "0005_certificates", "transactions": "0008_monthly_sums"}
LONG_LOCKS = (AddConstraint, AddIndex, AlterField, AlterUniqueTogether)
SHORT_LOCKS = (AddConstraintNotValid, AddIndexConcurrently)


def long_locks(migration: Migration) -> list[str]:
    """The operations that hold up chargers as long as a full table takes to be read."""
    return [
        f"{migration}: {operation.describe()}"
        for operation in migration.operations
        if isinstance(operation, LONG_LOCKS) and not isinstance(operation, SHORT_LOCKS)
        if (getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower() in FULL
    ]


def test_new_migrations_hold_up_no_charger() -> None:
    migrations = MigrationLoader(None).disk_migrations
    found = [
        text
        for (app, name), migration in migrations.items()
        if app in LANDED and name > LANDED[app]
        for text in long_locks(migration)
    ]
    assert not found, "make it in a migration of its own, CONCURRENTLY on PostgreSQL, or VALIDATE it later"


def test_the_rule_knows_what_it_forbids() -> None:
    migration = MigrationLoader(None).disk_migrations["transactions", "0007_transaction_indexes"]
    assert len(long_locks(migration)) == 2
