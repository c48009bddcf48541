"""What stations are set to: read, changed, compared with the template of their model."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone

from stations import commands, configuration, templates
from stations.commands import CommandRefused, Origin
from stations.forms import suggestions
from stations.models import (
    ChargePoint,
    Command,
    CommandSource,
    CommandStatus,
    ConfigurationKey,
    StationModel,
    TemplateKey,
)
from stations.templates import Difference
from tests.conftest import make_station

LONG = "x" * 600


def key(name: str, value: str | None = None, *, readonly: bool = False) -> dict[str, Any]:
    return {"key": name, "readonly": readonly} | ({} if value is None else {"value": value})


@pytest.fixture
def read(cp, station):
    """Ask the station, and let it answer."""

    async def read(*asked: str, known: Any = (), unknown: Any = ()) -> Command:
        command = await sync_to_async(configuration.read_configuration)(station, asked)
        call = await cp.expects("GetConfiguration", **({"key": list(asked)} if asked else {}))
        await call.replies(configurationKey=list(known), unknownKey=list(unknown))
        return await commands.wait_for(command.pk, 10)

    return read


@pytest.fixture
def change(cp, station):
    async def change(name: str, value: str, status: str, **options: Any) -> Command:
        payload = {"key": name, "value": value}
        command = await sync_to_async(commands.queue_command)(station, "ChangeConfiguration", payload, **options)
        await (await cp.expects("ChangeConfiguration", **payload)).replies(status=status)
        return await commands.wait_for(command.pk, 10)

    return change


@pytest.fixture
def keys(stored):
    async def keys() -> dict[str, str | None]:
        return await stored(lambda: dict(ConfigurationKey.objects.values_list("key", "value")))

    return keys


# Reading


async def test_a_full_reading(read, stored):
    before = timezone.now()
    command = await read(known=[key("HeartbeatInterval", "300"), key("NumberOfConnectors", "2", readonly=True)])
    assert command.status == CommandStatus.ACCEPTED
    rows = await stored(lambda: list(ConfigurationKey.objects.values_list("key", "value", "readonly")))
    assert rows == [("HeartbeatInterval", "300", False), ("NumberOfConnectors", "2", True)]
    assert await stored(lambda: ConfigurationKey.objects.filter(read_at__gte=before).count()) == 2
    assert (await stored(ChargePoint.objects.get)).configuration_read_at >= before


async def test_keys_are_the_same_in_any_case(read, keys):
    await read(known=[key("heartbeatINTERVAL", "300")])
    await read(known=[key("HeartbeatInterval", "600"), key("HEARTBEATINTERVAL", "900")])
    assert await keys() == {"HEARTBEATINTERVAL": "900"}


async def test_a_key_that_vanished_is_forgotten(read, keys):
    await read(known=[key("A", "1"), key("B", "2")])
    await read(known=[key("B", "3")])
    assert await keys() == {"B": "3"}


async def test_a_partial_reading_says_nothing_about_other_keys(read, keys, stored):
    await read(known=[key("A", "1"), key("B", "2"), key("C", "3")])
    full = (await stored(ChargePoint.objects.get)).configuration_read_at
    await read("a", "B", known=[key("A", "9")], unknown=["b"])
    assert await keys() == {"A": "9", "C": "3"}
    assert (await stored(ChargePoint.objects.get)).configuration_read_at == full


async def test_a_full_reading_without_any_key_is_not_believed(read, keys):
    await read(known=[key("A", "1")])
    await read()
    assert await keys() == {"A": "1"}


async def test_absent_lists_are_empty_ones(cp, station, read, keys):
    await read(known=[key("A", "1")])
    command = await sync_to_async(configuration.read_configuration)(station, ["A"])
    await (await cp.expects("GetConfiguration", key=["A"])).replies()
    assert (await commands.wait_for(command.pk, 10)).status == CommandStatus.ACCEPTED
    assert await keys() == {"A": "1"}


async def test_a_key_without_a_value_has_none(read, keys):
    await read(known=[key("A"), key("B", "")])
    assert await keys() == {"A": None, "B": ""}


@pytest.mark.parametrize("name", ["AuthorizationKey", "authorizationkey", "StationPassword", "wifi_PASSWD", "ApiToken"])
async def test_a_secret_is_never_stored(read, keys, stored, name):
    command = await read(known=[key(name, "hunter2")])
    assert await keys() == {name: "***"}
    assert "hunter2" not in str(command.answer)


async def test_credentials_in_a_value_are_never_stored(read, change, keys):
    urls = {
        "A": "ftp://anna:hunter2@nas/",
        "B": "https://nas/?token=hunter2&x=1",
        "C": "x" * 490 + "://anna:hunter2@nas",
    }
    await read(known=[key(name, url) for name, url in urls.items()])
    await change("D", urls["A"], "Accepted")
    known = await keys()
    assert "hun" not in str(known)
    assert (known["A"], known["B"], known["D"]) == (
        "ftp://anna:***@nas/",
        "https://nas/?token=***&x=1",
        "ftp://anna:***@nas/",
    )


async def test_a_template_with_credentials_is_met(change, stored):
    await stored(lambda: template("", "", Upload="ftp://anna:hunter2@nas/"))
    await change("Upload", "ftp://anna:hunter2@nas/", "Accepted", origin=Origin(CommandSource.ADMIN))
    station = await stored(ChargePoint.objects.get)
    assert await stored(lambda: templates.drift_of(station)) == []
    assert station.configured_by_hand_at is None
    await change("Upload", "ftp://anna:hunter2@other/", "Accepted", origin=Origin(CommandSource.ADMIN))
    assert [drift.wanted for drift in await stored(lambda: templates.drift_of(station))] == ["ftp://anna:hunter2@nas/"]


def test_no_more_keys_than_a_page_can_hold(transactional_db, monkeypatch, caplog):
    monkeypatch.setattr(configuration, "MAX_KEYS", 3)
    station = make_station()

    def read(*names: str, asked: tuple[str, ...] = ()) -> set[str]:
        known = [configuration.ReportedKey(name, False, "1") for name in names]
        configuration.record_reading(station, asked=asked, known=known, unknown=(), at=timezone.now())
        return set(ConfigurationKey.objects.values_list("key", flat=True))

    assert read(*"ABCDE") == {"A", "B", "C"}
    assert read("X", "A", asked=("X", "A")) == {"A", "B", "C"}
    command = Command(charge_point=station, action="ChangeConfiguration", payload={"key": "Y", "value": "1"})
    configuration.record_change(command, status="Accepted", at=timezone.now())
    assert not ConfigurationKey.objects.filter(key="Y").exists()
    assert sum("configuration keys skipped" in record.getMessage() for record in caplog.records) == 3
    assert read("X", "Y", "C") == {"X", "Y", "C"}


def test_what_is_suggested_is_limited(transactional_db):
    station = make_station()
    ConfigurationKey.objects.bulk_create(
        ConfigurationKey(charge_point=station, key=f"K{number}", value="1") for number in range(400)
    )
    assert len(suggestions.all_keys(station)) == len(suggestions.writable_keys(station)) == 300


def test_hostile_values_are_storable(transactional_db):
    station = make_station()
    known = [
        configuration.ReportedKey("N\0UL" + "k" * 60, False, "\0\ud800" + LONG),
        configuration.ReportedKey("", False, ""),
    ]
    configuration.record_reading(station, asked=(), known=known, unknown=["\0"], at=timezone.now())
    row = ConfigurationKey.objects.get()
    assert (row.key, row.value) == ("NUL" + "k" * 47, "?" + "x" * 499)


async def test_letters_that_only_databases_fold(read, keys):
    await read(known=[key("straße", "1"), key("STRASSE", "2"), key("ſ", "3"), key("s", "4")])
    await read(known=[key("straße", "5"), key("STRASSE", "6"), key("ſ", "7"), key("s", "8")])
    assert "6" in (await keys()).values()


# Changing


async def test_an_accepted_change_is_the_value(change, keys):
    await change("HeartbeatInterval", "300", "Accepted")
    await change("heartbeatinterval", "600", "Accepted")
    assert await keys() == {"HeartbeatInterval": "600"}


async def test_what_needs_a_reboot_waits_for_the_next_boot(change, cp, stored, keys):
    await change("Foo", "1", "RebootRequired")
    assert await stored(lambda: ConfigurationKey.objects.get().reboot_required)
    await cp.call("Heartbeat")
    assert await stored(lambda: ConfigurationKey.objects.get().reboot_required)
    await cp.boots()
    assert not await stored(lambda: ConfigurationKey.objects.get().reboot_required)
    assert await keys() == {"Foo": "1"}


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_a_refused_change_stays_with_the_command(change, read, keys, status):
    await read(known=[key("Foo", "1")])
    command = await change("Foo", "2", status)
    assert (command.status, command.answer) == (CommandStatus.REJECTED, {"status": status})
    assert await keys() == {"Foo": "1"}


async def test_a_changed_secret_is_not_kept(change, keys, stored):
    command = await change("VendorPassword", "hunter2", "Accepted")
    assert await keys() == {}
    assert "hunter2" not in str(await stored(lambda: Command.objects.values().get(pk=command.pk)))


async def test_a_change_by_a_person_is_by_hand(change, stored):
    await change("Foo", "1", "Accepted")
    assert (await stored(ChargePoint.objects.get)).configured_by_hand_at is None
    await change("Foo", "2", "Rejected", origin=Origin(CommandSource.ADMIN))
    assert (await stored(ChargePoint.objects.get)).configured_by_hand_at is None
    await change("Foo", "3", "Accepted", origin=Origin(CommandSource.API))
    assert (await stored(ChargePoint.objects.get)).configured_by_hand_at is not None


async def test_what_the_template_asks_for_is_not_by_hand(change, stored):
    await stored(lambda: template("", "", Foo="3"))
    await change("Foo", "3", "Accepted", origin=Origin(CommandSource.ADMIN))
    assert (await stored(ChargePoint.objects.get)).configured_by_hand_at is None


# Templates


def template(vendor: str, model: str, **wanted: str) -> StationModel:
    row = StationModel.objects.create(vendor=vendor, model=model)
    for name, value in wanted.items():
        TemplateKey.objects.create(station_model=row, key=name, value=value)
    return row


def has(station: ChargePoint, **values: str | None) -> None:
    for name, value in values.items():
        ConfigurationKey.objects.create(charge_point=station, key=name, value=value)


@pytest.fixture
def wall(transactional_db) -> ChargePoint:
    return make_station(vendor="Acme", model="Wall 22")


def test_a_models_template_comes_before_its_vendors_and_that_of_all(wall):
    template("", "", A="all", B="all", C="all")
    template("acme", "", B="vendor", C="vendor")
    template("ACME", "WALL 22", C="model")
    template("Other", "", A="other")
    template("Acme", "Pole", A="pole")
    assert templates.wanted_of(wall) == {"A": ("A", "all"), "B": ("B", "vendor"), "C": ("C", "model")}


def test_drift(wall):
    template("Acme", "", Same="1", Other="1", Missing="1", Fixed="1", Empty="")
    has(wall, same="1", OTHER="2", Empty=None)
    ConfigurationKey.objects.create(charge_point=wall, key="Fixed", value="2", readonly=True)
    drifts = [(drift.key, drift.actual, drift.difference) for drift in templates.drift_of(wall)]
    assert drifts == [
        ("Fixed", "2", Difference.READ_ONLY),
        ("Missing", None, Difference.NOT_READ),
        ("OTHER", "2", Difference.OTHER_VALUE),
    ]
    wall.configuration_read_at = timezone.now()
    assert templates.drift_of(wall)[1].difference == Difference.MISSING


@pytest.mark.parametrize(
    ("wanted", "actual", "same"),
    [
        ("true", "TRUE", True),
        ("true", "1", True),
        ("yes", "on", True),
        ("true", "false", False),
        ("1", "10", False),
        ("300", "30", False),
        (" 300", "300 ", True),
        ("A,B", "'A', \"B\"", True),
        ("A,B", "b,a", True),
        ("A,B", "A", False),
        ("Energy.Active.Import.Register,Voltage", "Energy.Active.Import.Register,Vol", True),
        ("Text", "text", False),
        ("", "", True),
    ],
)
def test_values_are_spelt_in_many_ways(wanted, actual, same):
    assert templates.is_same(wanted, actual) == same


def test_which_stations_drift(wall, django_assert_num_queries):
    template("Acme", "", A="1")
    fine = make_station("CP2", vendor="ACME")
    make_station("CP3", vendor="Other")
    make_station("CP4", vendor="Acme", archived_at=timezone.now())
    has(wall, a="2")
    has(fine, a="1", b="2")
    with django_assert_num_queries(3) as queries:
        assert templates.drifting() == {wall.pk}
    assert "UPPER" in queries.captured_queries[-1]["sql"]  # not every key of every station
    TemplateKey.objects.all().delete()
    with django_assert_num_queries(1):
        assert templates.drifting() == set()


async def test_a_template_is_applied_where_it_differs(cp, station, read, keys, stored):
    await stored(lambda: template("", "", A="1", B="2", C="3", D="4"))
    await read(known=[key("A", "1"), key("b", "9"), key("C", "9", readonly=True)])
    station = await stored(ChargePoint.objects.get)
    queued = await sync_to_async(templates.apply_template)(station)
    assert [command.payload for command in queued] == [{"key": "b", "value": "2"}]
    await (await cp.expects("ChangeConfiguration", key="b", value="2")).replies(status="Accepted")
    assert (await commands.wait_for(queued[0].pk, 10)).status == CommandStatus.ACCEPTED
    assert (await keys())["b"] == "2"
    assert await sync_to_async(templates.apply_template)(station) == []
    assert await cp.is_silent()


@pytest.mark.parametrize("name", ["AuthorizationKey", "securityPROFILE", "WifiPassword"])
def test_a_template_holds_no_key_that_each_needs_for_itself(wall, name):
    row = TemplateKey(station_model=template("", ""), key=name, value="1")
    with pytest.raises(ValidationError):
        row.full_clean()


# Many at once


def test_one_key_on_many_stations(wall):
    other, user = make_station("CP2"), User.objects.create_user("anna")
    until = timezone.now() + timedelta(hours=1)
    batch = configuration.change_configuration(
        [wall, other], "HeartbeatInterval", "60", Origin(CommandSource.ADMIN, user=user), valid_until=until
    )
    rows = batch.commands.order_by("charge_point__identity").values_list("charge_point__identity", "payload", "status")
    payload = {"key": "HeartbeatInterval", "value": "60"}
    assert list(rows) == [("CP1", payload, "queued"), ("CP2", payload, "queued")]


@pytest.mark.parametrize("name", ["AuthorizationKey", "SecurityProfile"])
def test_a_key_of_its_own_is_not_for_many(wall, name):
    with pytest.raises(CommandRefused, match="charger by charger"):
        configuration.change_configuration([wall], name, "1", commands.SYSTEM)
