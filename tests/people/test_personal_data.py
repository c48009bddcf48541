"""One person's data: all of it given out, all of it forgotten, and what the operator has to keep still adds up."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import CHANGE
from django.contrib.admin.models import LogEntry as AdminLogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models import Sum
from django_otp.plugins.otp_totp.models import TOTPDevice

from certificates.models import SecurityUpgrade, SigningRequest
from people import audit, personal_data, second_factor
from people.administration import NotPossible
from people.models import Membership
from people.personal_data import Subject
from stations.batches import start_batch
from stations.commands import Origin, queue_command
from stations.models import ChargePoint, Command, CommandSource, Connector, Message, Site
from transactions.models import (
    EndedBy,
    IdTag,
    MeterValue,
    OrphanedStop,
    Reservation,
    SummedMonth,
    Transaction,
    UnknownIdTag,
)
from transfers.models import Campaign, FirmwareFile

from ..admin_cast import AT, make_transaction
from ..conftest import make_station
from . import browser, holder, person

pytestmark = pytest.mark.django_db

NUMBER, OTHER = "04A1F00D", "04B2BEEF"
NAME = "Hanna Braun"


@pytest.fixture
def connector():
    station = make_station("N", site=Site.objects.create(name="North"))
    return Connector.objects.create(charge_point=station, connector_id=1)


@pytest.fixture
def hanna(connector):
    """Two ended sessions with readings, and traces of the card everywhere else; Otto has a session too."""
    card = IdTag.objects.create(id_tag=NUMBER, holder=NAME, note="blue car")
    other = IdTag.objects.create(id_tag=OTHER, holder="Otto")
    user = holder(card, username="hanna")
    user.first_name, user.last_name, user.email = "Hanna", "Braun", "hanna@example.org"
    user.save()
    for days, tag, number in ((0, card, NUMBER), (1, None, NUMBER.lower()), (2, other, OTHER)):
        session = make_transaction(connector, tag, AT + timedelta(days=days))
        ended = {"ended_by": EndedBy.STATION, "stopped_at": AT + timedelta(days=days, hours=1), "energy_wh": 7000}
        Transaction.objects.filter(pk=session.pk).update(id_tag=number, stop_id_tag=number, **ended)
        MeterValue.objects.create(
            connector=connector, transaction_id=session.pk, timestamp=session.started_at, samples=[{"value": "1"}]
        )
    station = connector.charge_point
    said = {"charge_point": station, "direction": "in", "kind": 2, "at": AT}
    Message.objects.create(action="Authorize", text=f'[2,"1","Authorize",{{"idTag":"{NUMBER}"}}]', **said)
    Message.objects.create(action="Heartbeat", text='[2,"2","Heartbeat",{}]', **said)
    for action in ("RemoteStartTransaction", "ReserveNow"):
        Command.objects.create(charge_point=station, action=action, payload={"idTag": NUMBER, "connectorId": 1})
    Reservation.objects.create(connector=connector, id_tag=NUMBER, expires_at=AT)
    OrphanedStop.objects.create(charge_point=station, reported_transaction_id="9", id_tag=NUMBER, stopped_at=AT)
    UnknownIdTag.objects.create(charge_point=station, id_tag=NUMBER)
    SummedMonth.objects.create(month=AT.date().replace(day=1), zone="UTC", asked_at=AT, ready_at=AT)
    return user


def exported(subject: Subject) -> dict:
    return json.loads(b"".join(personal_data.as_json(subject)))


def everywhere(needle: str) -> list[str]:
    """Tables and columns in which a text stands, in whatever case."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.app_label in ("sessions",):
                continue
            for field in model._meta.local_fields:
                if not isinstance(field, models.CharField | models.TextField | models.JSONField):
                    continue
                table, column = (connection.ops.quote_name(name) for name in (model._meta.db_table, field.column))
                like = f"SELECT COUNT(*) FROM {table} WHERE UPPER(CAST({column} AS TEXT)) LIKE %s"  # noqa: S608 - ours
                cursor.execute(like, [f"%{needle.upper()}%"])
                if cursor.fetchone()[0]:
                    found.append(f"{model._meta.label}.{field.name}")
    return found


def test_everything_about_the_person_is_in_the_file_and_nothing_of_others(hanna):
    data = exported(Subject.of_user(hanna))
    assert data["account"]["email"] == "hanna@example.org"
    assert data["account"]["roles"] == ["Tag holders"]
    assert [tag["number"] for tag in data["tags"]] == [NUMBER]
    assert data["tags"][0]["note"] == "blue car"
    assert [session["energy_wh"] for session in data["sessions"]] == [7000, 7000]
    assert data["sessions"][0]["readings"] == [{"at": AT.isoformat(), "samples": [{"value": "1"}]}]
    assert len(data["reservations"]) == 1
    assert [(stop["tag"], stop["stopped"]) for stop in data["stops_without_session"]] == [(NUMBER, AT.isoformat())]
    assert [(row["tag"], row["charger"]) for row in data["attempts_before_entry"]] == [(NUMBER, "N")]
    assert "create" in {entry["what"] for entry in data["history"]}
    assert OTHER not in json.dumps(data)
    assert "Otto" not in json.dumps(data)


def test_readings_are_in_the_file_as_the_charger_sent_them(hanna):
    row = MeterValue.objects.order_by("pk")[0]
    MeterValue.objects.filter(pk=row.pk).update(energy_wh=1_004_200, soc_percent="81.5", context="Transaction.End")
    (reading,) = exported(Subject.of_user(hanna))["sessions"][0]["readings"]
    said = {(sample.get("measurand"), sample["value"], sample.get("context")) for sample in reading["samples"]}
    assert said == {
        ("Energy.Active.Import.Register", "1004200", "Transaction.End"),
        ("SoC", "81.5", "Transaction.End"),
        (None, "1", None),
    }


def test_a_card_without_an_account_is_a_person_too(hanna):
    tag = IdTag.objects.get(id_tag=OTHER)
    data = exported(Subject.of_tag(tag))
    assert data["account"] is None
    assert len(data["sessions"]) == 1
    assert exported(Subject.of_tag(IdTag.objects.get(id_tag=NUMBER)))["account"]["name"] == "hanna"


def test_a_person_without_sessions_is_a_readable_file_too():
    assert exported(Subject.of_user(holder()))["sessions"] == []


def test_nothing_that_names_the_person_is_left(hanna):
    pk = hanna.pk
    for needle in (NUMBER, NAME, "hanna"):
        assert everywhere(needle), needle
    personal_data.erase(Subject.of_user(hanna), by=person("administrator"))
    for needle in (NUMBER, NAME, "hanna", "blue car"):
        assert everywhere(needle) == [], needle
    shell = User.objects.get(pk=pk)
    assert (shell.username, shell.is_active, shell.has_usable_password()) == (f"erased-{pk}", False, False)
    assert not shell.groups.exists()


def test_no_record_of_what_was_done_names_the_person(hanna):
    """Roles, a second factor, cards that were changed over REST and in the administration, a card of earlier days."""
    administrator = browser("administrator")
    Membership.objects.create(user=hanna, site=Site.objects.get(), role="Operators")
    hanna.memberships.all().delete()
    TOTPDevice.objects.create(user=hanna, name="Authenticator")
    second_factor.renew_codes(hanna)
    earlier = IdTag.objects.get(id_tag=OTHER)
    for owner in (hanna, None):
        earlier.user = owner
        earlier.save()
    url = f"/api/v1/id-tags/{NUMBER}/"
    assert administrator.patch(url, {"note": "x"}, content_type="application/json").status_code == 200
    AdminLogEntry.objects.log_actions(person("administrator").pk, [hanna], CHANGE, single_object=True)
    for query in (f"tag={NUMBER.lower()}", "person=Hanna+Braun"):
        body_of(administrator.get(f"/transactions/export/csv/?{query}&period=all"))
    AccessAttempt.objects.create(username="HANNA", ip_address="203.0.113.7", failures_since_start=1)
    for needle in (NUMBER, "hanna"):
        assert everywhere(needle), needle
    personal_data.erase(Subject.of_user(hanna), by=person("administrator"))
    for needle in (NUMBER, "Hanna+Braun", "hanna"):
        assert everywhere(needle) == [], needle
    assert LogEntry.objects.filter(additional_data__event=audit.Event.DOWNLOAD).count() == 2
    history = LogEntry.objects.get_for_object(earlier)
    assert ["None", f"erased-{hanna.pk}"] in [entry.changes["user"] for entry in history if "user" in entry.changes]


def test_what_the_person_ordered_is_signed_by_nobody(hanna):
    """Who starts a session on their own page orders something, from an address of theirs."""
    station = ChargePoint.objects.get()
    hanna_at_home = Origin(CommandSource.SCREEN, user=hanna, remote_address="203.0.113.77")
    queue_command(station, "RemoteStopTransaction", {"transactionId": 7}, origin=hanna_at_home)
    start_batch([station], "ClearCache", {}, hanna_at_home)
    firmware = FirmwareFile.objects.create(name="1.0", version="1.0", file="f", file_name="f", size=1, sha256="0")
    by_hanna = {"created_by": hanna, "actor": "hanna"}
    Campaign.objects.create(name="All", firmware=firmware, remote_address="203.0.113.77", **by_hanna)
    SecurityUpgrade.objects.create(charge_point=station, profile=1, profile_before=0, **by_hanna)
    for name in ("hanna", "otto"):
        SigningRequest.objects.create(charge_point=station, pem=name[0], decided_by=name)
    personal_data.erase(Subject.of_user(hanna), by=person("administrator"))
    for needle in ("hanna", "203.0.113.77"):
        assert everywhere(needle) == [], needle
    command = Command.objects.get(action="RemoteStopTransaction")
    assert (command.actor, command.created_by_id) == (f"erased-{hanna.pk}", hanna.pk)
    assert SigningRequest.objects.filter(decided_by="otto").exists()


def test_sessions_keep_their_energy_and_their_readings(hanna):
    before = Transaction.objects.aggregate(wh=Sum("energy_wh"))["wh"], MeterValue.objects.count()
    counts = personal_data.erase(Subject.of_user(hanna), by=person("administrator"))
    assert (counts["sessions"], counts["tags"]) == (2, 1)
    assert (Transaction.objects.aggregate(wh=Sum("energy_wh"))["wh"], MeterValue.objects.count()) == before
    numbers = [row.id_tag for row in Transaction.objects.filter(tag=None)]
    assert sorted(numbers) == sorted(f"erased-{row.pk}" for row in Transaction.objects.filter(tag=None))
    assert Transaction.objects.get(tag__isnull=False).id_tag == OTHER
    assert Message.objects.count() == 1
    assert SummedMonth.objects.get().is_stale  # sums by tag are made anew
    assert {command.payload["idTag"] for command in Command.objects.all()} == {"erased"}


@pytest.mark.parametrize("spelt", ['TÜR\\"1', 'T\\u00dcR\\"1'])
def test_a_number_is_found_however_json_spells_it(connector, spelt):
    card = IdTag.objects.create(id_tag='TÜR"1', holder=NAME)
    station = connector.charge_point
    text = f'[2,"1","Authorize",{{"idTag":"{spelt}"}}]'
    Message.objects.create(charge_point=station, direction="in", kind=2, at=AT, action="Authorize", text=text)
    Command.objects.create(charge_point=station, action="ReserveNow", payload={"idTag": card.id_tag})
    personal_data.erase(Subject.of_tag(card), by=person("administrator"))
    assert not Message.objects.exists()
    assert Command.objects.get().payload == {"idTag": "erased"}


def test_it_is_on_record_without_the_name(hanna):
    administrator = person("administrator")
    personal_data.erase(Subject.of_user(hanna), by=administrator)
    row = LogEntry.objects.get(additional_data__event=audit.Event.DATA_ERASED)
    assert (row.actor, row.object_repr) == (administrator, f"erased-{hanna.pk}")
    assert row.additional_data["sessions"] == 2


def test_not_while_a_session_runs(hanna):
    Transaction.objects.filter(tag__id_tag=NUMBER).update(ended_by=EndedBy.OPEN)
    with pytest.raises(NotPossible, match="is running"):
        personal_data.erase(Subject.of_user(hanna), by=person("administrator"))
    assert IdTag.objects.filter(id_tag=NUMBER).exists()
    hanna.refresh_from_db()
    assert hanna.is_active


def test_an_administrator_cannot_erase_themself_nor_a_superuser():
    administrator = person("administrator")
    with pytest.raises(NotPossible, match="yourself"):
        personal_data.erase(Subject.of_user(administrator), by=administrator)
    root = User.objects.create_superuser("root")
    with pytest.raises(NotPossible, match="superuser"):
        personal_data.erase(Subject.of_user(root), by=administrator)
    assert browser("administrator").post(f"/people/{root.pk}/data/", {"sure": "on"}).status_code == 403
    root.refresh_from_db()
    assert root.is_active


def test_the_command_line_leaves_the_last_administrator():
    root = User.objects.create_superuser("root", password="correct horse battery staple")
    with pytest.raises(CommandError, match="last administrator"):
        call_command("personal_data", "erase", "--user", "root", "--yes")
    root.refresh_from_db()
    assert root.is_active


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


def test_the_page_gives_out_and_erases(hanna):
    client = browser("administrator")
    address = f"/people/{hanna.pk}/data/"
    assert NUMBER in client.get(address).content.decode()
    response = client.post(address, {"export": "1"})
    assert response["Content-Disposition"].startswith('attachment; filename="plugcontrol-personal-data-')
    assert json.loads(body_of(response))["account"]["name"] == "hanna"
    assert LogEntry.objects.get(additional_data__event="data_exported").actor == person("administrator")
    assert client.post(address).status_code == 422  # not without the tick
    assert User.objects.filter(username="hanna").exists()
    assert client.post(address, {"sure": "on"})["Location"] == "/people/"
    assert not User.objects.filter(username="hanna").exists()
    assert LogEntry.objects.filter(additional_data__event="data_erased").exists()


def test_the_page_of_a_card_does_so_too_and_says_why_not(hanna):
    client = browser("administrator")
    card = IdTag.objects.get(id_tag=OTHER)
    Transaction.objects.filter(tag=card).update(ended_by=EndedBy.OPEN)
    assert "is running" in client.post(f"/tags/{card.pk}/data/", {"sure": "on"}).content.decode()
    Transaction.objects.filter(tag=card).update(ended_by=EndedBy.STATION)
    assert client.post(f"/tags/{card.pk}/data/", {"sure": "on"})["Location"] == "/tags/"
    assert not IdTag.objects.filter(id_tag=OTHER).exists()
    assert everywhere("Otto") == []


def test_everybody_gets_their_own(hanna):
    from . import browser_of

    data = json.loads(body_of(browser_of(hanna).post("/account/data/")))
    assert data["account"]["name"] == "hanna"
    assert len(data["sessions"]) == 2


def test_the_command_line_does_both(hanna, monkeypatch):
    out = io.StringIO()
    call_command("personal_data", "export", "--tag", NUMBER.lower(), stdout=out)
    assert json.loads(out.getvalue())["account"]["name"] == "hanna"
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(CommandError, match="add --yes"):
        call_command("personal_data", "erase", "--user", "hanna")
    call_command("personal_data", "erase", "--user", "hanna", "--yes", stdout=out)
    assert "2 sessions" in out.getvalue()
    assert everywhere(NUMBER) == []
    for wrong in (("--user", "hanna"), ("--tag", NUMBER)):
        with pytest.raises(CommandError, match="There is no"):
            call_command("personal_data", "export", *wrong)


def test_chargers_stay_untouched(hanna):
    before = list(ChargePoint.objects.values())
    personal_data.erase(Subject.of_user(hanna), by=person("administrator"))
    assert list(ChargePoint.objects.values()) == before
