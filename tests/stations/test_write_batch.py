"""What a batch collects reaches the database in as few round trips as may be (stations/bulk.py)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations import bulk
from stations.models import ChargePoint, Site
from stations.write_batch import Stale, assign, write_batch, write_now
from transactions.models import IdTag, UnknownIdTag

pytestmark = pytest.mark.django_db


def writes_of(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_tables_are_written_in_one_round_trip(station):
    site = Site.objects.create(name="old")
    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        write_batch() as batch,
    ):
        batch.insert(IdTag, {"id_tag": "A"})
        batch.insert(IdTag, {"id_tag": "B"})
        site.name = "new"
        batch.change(site, "name")
        key = {"id_tag": "C", "charge_point_id": station.pk}
        batch.increment(UnknownIdTag, key, {"count": 2}, last_at=timezone.now())
    assert len(writes_of(queries)) == (1 if connection.vendor == "postgresql" else 3)
    assert set(IdTag.objects.values_list("id_tag", flat=True)) == {"A", "B"}
    assert Site.objects.get().name == "new"
    assert UnknownIdTag.objects.get().count == 2


def test_two_statements_about_one_table_do_not_miss_each_other(station):
    rows = [{"id_tag": "A", "charge_point_id": station.pk, "count": 1, "last_at": timezone.now()}]
    inserted = bulk.insert(UnknownIdTag, rows)
    added = bulk.add_up(UnknownIdTag, ("id_tag", "charge_point_id"), ("count",), rows)
    assert bulk.run([inserted, added]) == [1, 1]
    assert UnknownIdTag.objects.get().count == 2


def test_each_statement_says_how_many_rows_it_wrote():
    IdTag.objects.create(id_tag="A")
    site = Site.objects.create(name="s")
    wanted = [{"id_tag": name} for name in ("A", "B", "C")]
    changed = [{"id": site.pk, "name": "t"}, {"id": site.pk + 1, "name": "u"}]
    writes = [bulk.insert(IdTag, wanted, skip_existing=True), bulk.update(Site, ("name",), changed)]
    assert bulk.run(writes) == [2, 1]
    assert bulk.run([]) == []


def test_rows_that_were_there_are_changed_instead():
    stored = IdTag.objects.create(id_tag="A", note="old")
    with write_batch() as batch:

        def merge() -> None:
            stored.note = "merged"
            batch.change(stored, "note")

        batch.insert_missing(IdTag, [{"id_tag": "A"}, {"id_tag": "B"}], merge)
    assert dict(IdTag.objects.values_list("id_tag", "note")) == {"A": "merged", "B": ""}


def test_what_changed_meanwhile_undoes_the_whole_batch():
    site = Site.objects.create(name="remembered")
    Site.objects.update(name="by somebody else")
    with pytest.raises(Stale), transaction.atomic(), write_batch() as batch:
        batch.insert(IdTag, {"id_tag": "A"})
        batch.expect(site, "name")
        site.name = "mine"
        batch.change(site, "name")
    assert not IdTag.objects.exists()
    assert Site.objects.get().name == "by somebody else"


def test_a_row_is_written_before_a_query_that_needs_it(station):
    with transaction.atomic(), write_batch():
        assign(station, vendor="Acme", gateway_id=None)
        write_now(ChargePoint, station.pk + 1)
        assert not ChargePoint.objects.filter(vendor="Acme").exists()
        write_now(ChargePoint, station.pk)
        assert ChargePoint.objects.get().vendor == "Acme"


@pytest.mark.parametrize("identity", ["cp1", "CP1", "wien", "stra\u00dfe 1", "\u00e9lan"])
def test_identities_differ_in_more_than_case(identity):
    ChargePoint.objects.create(identity=identity)
    ChargePoint.objects.create(identity="CP2")
    found = ChargePoint.objects.with_identity(identity, identity.upper() if identity.isascii() else identity)
    assert [row.identity for row in found] == [identity]
