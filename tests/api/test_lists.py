"""What is read: fields and their units, filters, order, pages, and the queries it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.models import ChargePoint, Command, Connector
from transactions.models import IdTag, LocalList, MeterValue, Reservation

from ..admin_cast import AT, make_everything, make_transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    rows = make_everything()
    LocalList.objects.get_or_create(charge_point=rows["stations.chargepoint"])
    return rows


def results(client: Any, path: str, **query: Any) -> list[dict[str, Any]]:
    response = client.get(f"/api/v1/{path}/", query)
    assert response.status_code == 200, response.content
    listed: list[dict[str, Any]] = response.json()["results"]
    return listed


def test_a_transaction(reader, rows):
    row = reader.get(f"/api/v1/transactions/{rows['transactions.transaction'].pk}/").json()
    row.pop("id")
    assert row == {
        "charge_point": "CP-1",
        "connector_id": 1,
        "id_tag": "CAFE1",
        "tag_holder": "Anna",
        "tag_group": "FLEET1",
        "authorization_status": "Accepted",
        "reservation_id": None,
        "is_running": False,
        "started_at": "2026-11-21T13:02:12Z",
        "stopped_at": "2026-11-21T14:02:13Z",
        "duration_s": 3601,
        "energy_wh": 12345,
        "energy_kwh": "12.345",
        "meter_start_wh": 1000,
        "meter_stop_wh": 13345,
        "register_wh": 13345,
        "register_at": "2026-11-21T13:02:12Z",
        "stop_reason": "EVDisconnected",
        "stop_id_tag": "",
        "ended_by": "station",
        "start_reported_at": "2026-11-21T13:02:12Z",
        "stop_reported_at": None,
        "flags": ["clock_suspect"],
    }


def test_meter_values(reader, rows):
    MeterValue.objects.update(power_w="11000.5", samples=[{"value": "1"}])
    (row,) = results(reader, f"transactions/{rows['transactions.transaction'].pk}/meter-values")
    assert (row["measured_at"], row["connector_id"], row["context"]) == ("2026-11-21T13:02:11Z", 1, "Sample.Periodic")
    assert (row["energy_wh"], row["energy_kwh"], row["power_w"]) == (1500, "1.500", "11000.500")
    assert (row["current_a"], row["further_samples"]) == (None, [{"value": "1"}])


def test_a_reading_without_energy(reader, rows):
    MeterValue.objects.update(energy_wh=None)
    (row,) = results(reader, f"transactions/{rows['transactions.transaction'].pk}/meter-values")
    assert (row["energy_wh"], row["energy_kwh"]) == (None, None)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_are_utc_whatever_people_use(reader, rows, settings, zone):
    settings.TIME_ZONE = zone
    row = reader.get(f"/api/v1/transactions/{rows['transactions.transaction'].pk}/").json()
    assert row["started_at"] == "2026-11-21T13:02:12Z"


def test_a_charger_and_its_connectors(reader, rows):
    row = reader.get("/api/v1/charge-points/cp-1/").json()
    assert (row["identity"], row["site"], row["vendor"], row["is_online"]) == ("CP-1", "Garage 1", "ABB", True)
    assert not [name for name in row if "hash" in name]
    (connector,) = results(reader, "connectors", charge_point="cp-1")
    assert (connector["charge_point"], connector["connector_id"], connector["status"]) == ("CP-1", 1, "Charging")
    assert reader.get(f"/api/v1/connectors/{connector['id']}/").json() == connector


def test_a_charger_with_an_odd_identity(reader):
    ChargePoint.objects.create(identity="Hof/1 %é")
    assert reader.get("/api/v1/charge-points/hof%2F1%20%25%C3%A9/").json()["identity"] == "Hof/1 %é"
    assert results(reader, "charge-points/hof%2F1%20%25%C3%A9/commands") == []


def test_commands_of_all_and_of_one(reader, rows):
    other = ChargePoint.objects.create(identity="CP-2")
    Command.objects.create(charge_point=other, action="ClearCache")
    assert [row["action"] for row in results(reader, "commands")][:2] == ["ClearCache", "Reset"]
    (row,) = results(reader, "charge-points/CP-2/commands")
    assert (row["charge_point"], row["action"], row["answer"]) == ("CP-2", "ClearCache", None)
    assert reader.get(f"/api/v1/commands/{row['id']}/").json() == row


def test_a_reservation_and_a_local_list(reader, rows):
    (row,) = results(reader, "reservations")
    assert (row["charge_point"], row["connector_id"], row["id_tag"]) == ("CP-1", 1, "CAFE")
    (row,) = results(reader, "local-lists")
    assert row == reader.get("/api/v1/local-lists/CP-1/").json()
    assert row["charge_point"] == "CP-1"


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        ("charge-points", {"online": "true"}, ["CP-1"]),
        ("charge-points", {"online": "false"}, ["CP-2"]),
        ("charge-points", {"site": "garage 1"}, ["CP-1"]),
        ("charge-points", {"vendor": "abb"}, ["CP-1"]),
        ("charge-points", {"registration_status": "Accepted"}, ["CP-2"]),
        ("charge-points", {"archived": "true"}, ["CP-3"]),
        ("charge-points", {"ordering": "-identity"}, ["CP-2", "CP-1"]),
        ("charge-points", {"ordering": "notes"}, ["CP-1", "CP-2"]),
    ],
)
def test_filters_of_chargers(reader, rows, path, query, found):
    ChargePoint.objects.create(identity="CP-2", registration_status="Accepted")
    ChargePoint.objects.create(identity="CP-3", archived_at=timezone.now())
    assert [row["identity"] for row in results(reader, path, **query)] == found


@pytest.mark.parametrize("number", ["-1e100000000000", "1e100000000000", "NaN", "-Infinity", "9223372036854775808"])
@pytest.mark.parametrize(("path", "name"), [("connectors", "connector_id"), ("firmware-updates", "firmware")])
def test_a_number_that_no_column_holds_is_refused_at_once(reader, rows, path, name, number):
    """It is written in a few characters and, as an integer, would be gigabytes of digits."""
    response = reader.get(f"/api/v1/{path}/", {name: number})
    assert response.status_code == 400
    assert [error["parameter"] for error in response.json()["errors"]] == [name]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["running", "stopped"]),
        ({"running": "true"}, ["running"]),
        ({"running": "false"}, ["stopped"]),
        ({"id_tag": "cafe1"}, ["running", "stopped"]),
        ({"id_tag": "CAFE"}, []),
        ({"charge_point": "cp-1", "connector_id": "1"}, ["running", "stopped"]),
        ({"started_after": "2026-11-21T14:00:00%2B01:00"}, ["running"]),
        ({"started_before": "2026-11-21T13:30:00Z"}, ["stopped"]),
        ({"stopped_after": "2026-11-21T13:30:00Z"}, ["stopped"]),
        ({"ordering": "started_at"}, ["stopped", "running"]),
    ],
)
def test_filters_of_transactions(reader, rows, query, found):
    running = {"stopped_at": None, "ended_by": ""}
    make_transaction(
        rows["stations.connector"], rows["transactions.idtag"], AT + timedelta(hours=1), id_tag="CAFE1", **running
    )
    text = "&".join(f"{name}={value}" for name, value in query.items())
    if query.get("started_after"):
        text = text.replace("14:00:00%2B01:00", "14:30:00%2B01:00")
    listed = reader.get(f"/api/v1/transactions/?{text}").json()["results"]
    assert ["running" if row["is_running"] else "stopped" for row in listed] == found


def test_filters_of_commands(reader, rows):
    Command.objects.create(charge_point=rows["stations.chargepoint"], action="ClearCache", status="accepted")
    Command.objects.create(charge_point=rows["stations.chargepoint"], action="UnlockConnector", status="failed")
    response = reader.get("/api/v1/commands/?status=accepted&status=failed&ordering=created_at")
    assert [row["action"] for row in response.json()["results"]] == ["ClearCache", "UnlockConnector"]
    assert [row["action"] for row in results(reader, "commands", action="clearcache")] == ["ClearCache"]
    assert results(reader, "commands", created_before="2020-01-01T00:00:00Z") == []


@pytest.mark.parametrize("ordering", ["", "created_at", "-created_at"])
def test_pages_hold_every_row_once(reader, rows, ordering):
    now = timezone.now()
    station = rows["stations.chargepoint"]
    Command.objects.bulk_create(
        # many of the same moment, as a batch makes them
        [Command(charge_point=station, action="Reset", created_at=now - timedelta(seconds=i // 20)) for i in range(60)]
    )
    seen, url = [], f"/api/v1/commands/?page_size=7&ordering={ordering}"
    while url:
        page = reader.get(url).json()
        assert len(page["results"]) <= 7
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert sorted(seen) == sorted(str(pk) for pk in Command.objects.values_list("pk", flat=True))


def test_pages_back(reader, rows):
    IdTag.objects.bulk_create([IdTag(id_tag=f"TAG{i:03}") for i in range(10)])
    first = reader.get("/api/v1/id-tags/?page_size=4").json()
    second = reader.get(first["next"]).json()
    assert reader.get(second["previous"]).json()["results"] == first["results"]
    assert first["previous"] is None


@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
@pytest.mark.parametrize("at_one_moment", [1, 5, 20, 60])
def test_the_way_back_is_the_way_there(reader, rows, ordering, at_one_moment):
    now = timezone.now()
    station = rows["stations.chargepoint"]
    Command.objects.bulk_create(
        Command(charge_point=station, action="Reset", created_at=now - timedelta(seconds=i // at_one_moment))
        for i in range(60)
    )
    there, url = [], f"/api/v1/commands/?page_size=7&ordering={ordering}"
    while url:
        there.append(reader.get(url).json())
        url = there[-1]["next"]
    back = [there[-1]]
    while url := back[0]["previous"]:
        back.insert(0, reader.get(url).json())
    assert [page["results"] for page in back] == [page["results"] for page in there]
    again = [back[0]]  # turned round once more
    while url := again[-1]["next"]:
        again.append(reader.get(url).json())
    assert [page["results"] for page in again] == [page["results"] for page in there]


def test_pages_stand_still_while_rows_of_the_same_moment_come_and_go(reader, rows):
    station = rows["stations.chargepoint"]
    Command.objects.all().delete()
    now = timezone.now()
    made = [Command.objects.create(charge_point=station, action="Reset", created_at=now) for _ in range(30)]
    pages, url = [], "/api/v1/commands/?page_size=10&ordering=created_at"
    while url:
        pages.append(reader.get(url).json())
        url = pages[-1]["next"]
        Command.objects.get(pk=pages[-1]["results"][0]["id"]).delete()  # an offset would now leave a row out
    assert [row["id"] for page in pages for row in page["results"]] == sorted(str(command.pk) for command in made)


def test_a_page_whose_rows_are_gone_leads_on(reader):
    IdTag.objects.bulk_create([IdTag(id_tag=f"TAG{i:03}") for i in range(6)])
    first = reader.get("/api/v1/id-tags/?page_size=4").json()
    second = reader.get(first["next"]).json()
    IdTag.objects.filter(id_tag__gt="TAG003").delete()
    emptied = reader.get(first["next"]).json()
    assert (emptied["results"], emptied["next"]) == ([], None)
    assert reader.get(emptied["previous"]).json()["results"] == first["results"]
    IdTag.objects.bulk_create([IdTag(id_tag="TAG999")])
    IdTag.objects.filter(id_tag__lt="TAG004").delete()
    emptied = reader.get(second["previous"]).json()
    assert (emptied["results"], emptied["previous"]) == ([], None)
    assert [row["id_tag"] for row in reader.get(emptied["next"]).json()["results"]] == ["TAG999"]


#: A key, its permissions (user's and groups'), and the page with what belongs to its rows.
QUERIES_OF_A_LIST = 4


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("charge-points", QUERIES_OF_A_LIST),
        ("connectors", QUERIES_OF_A_LIST),
        ("commands", QUERIES_OF_A_LIST),
        ("id-tags", QUERIES_OF_A_LIST),
        ("transactions", QUERIES_OF_A_LIST),
        ("reservations", QUERIES_OF_A_LIST),
        ("local-lists", QUERIES_OF_A_LIST),
        ("transactions/{}/meter-values", QUERIES_OF_A_LIST + 1),  # that there is such a session
        ("charge-points/CP-1/commands", QUERIES_OF_A_LIST + 1),
    ],
)
def test_rows_cost_no_query_each(reader, rows, django_assert_num_queries, path, queries):
    connector, tag = rows["stations.connector"], rows["transactions.idtag"]
    for number in range(2, 6):
        station = ChargePoint.objects.create(identity=f"CP-{number}", gateway=rows["stations.chargepoint"].gateway)
        LocalList.objects.create(charge_point=station)
        own = Connector.objects.create(charge_point=station, connector_id=1)
        IdTag.objects.create(id_tag=f"TAG{number}", group=tag.group)
        session = make_transaction(own, tag, AT)
        Reservation.objects.create(connector=own, id_tag="CAFE", expires_at=AT, transaction=session)
        for owner in (station, rows["stations.chargepoint"]):
            Command.objects.create(charge_point=owner, action="Reset")
        MeterValue.objects.create(
            connector=connector, transaction=rows["transactions.transaction"], timestamp=AT + timedelta(seconds=number)
        )
    url = f"/api/v1/{path}/".format(rows["transactions.transaction"].pk)
    reader.get(url)  # the first use of a key is noted
    with django_assert_num_queries(queries):
        assert len(reader.get(url).json()["results"]) >= 5
