"""The update of one charger: its form, its steps, and taking it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from stations.models import Command, CommandStatus
from transfers import updates
from transfers.models import FirmwareUpdate, Transfer

from .conftest import make_firmware, text_of

HTMX = {"HX-Request": "true", "HX-Target": "sheet"}


def entries(firmware, **more):
    return {"firmware": firmware.pk, "sending-idempotency_key": "k", "sending-if_offline": "drop", **more}


def test_only_files_that_are_for_the_charger_are_offered(operator, station, firmware):
    fitting = make_firmware(name="TAC", vendor="abb", model="tac")
    make_firmware(name="Other", vendor="ABB", model="other")
    form = operator.get(f"/chargers/{station.pk}/firmware/").context["form"]
    assert {*form.fields["firmware"].queryset} == {firmware, fitting}
    assert "signed" not in form.fields  # neither has a signature


def test_it_sends_the_command_with_an_address_of_ours(operator, station, firmware):
    response = operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware))
    update = FirmwareUpdate.objects.get()
    assert response.headers["Location"] == f"/firmware/updates/{update.pk}/"
    command = Command.objects.get()
    assert (command.action, command.actor, command.source) == ("UpdateFirmware", "operator", "screen")
    assert "/transfers/" in command.payload["location"]
    assert Transfer.objects.get() == update.transfer
    html = text_of(operator.get(response.headers["Location"]))
    token = command.payload["location"].split("/transfers/")[1].split("/")[0]
    assert token not in html
    assert "command on its way" in html


def test_a_double_click_sends_once(operator, station, firmware):
    for _press in range(2):
        operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware))
    assert (FirmwareUpdate.objects.count(), Command.objects.count(), Transfer.objects.count()) == (1, 1, 1)


def test_in_the_sheet_it_leads_to_the_steps(operator, station, firmware):
    answer = operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware), headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (
        204,
        f"/firmware/updates/{FirmwareUpdate.objects.get().pk}/",
    )


def test_a_refusal_is_said_in_the_form(operator, station, firmware):
    operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware))
    again = operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware, **{"sending-idempotency_key": "l"}))
    assert again.status_code == 422
    assert again.context["form"].non_field_errors()
    assert Command.objects.count() == 1


def test_the_steps_of_an_update(operator, station, firmware):
    update = FirmwareUpdate.objects.create(
        charge_point=station,
        firmware=firmware,
        state="failed",
        failure="download",
        steps=[["Downloading", "2026-11-21T13:00:00+00:00"], ["DownloadFailed", "2026-11-21T13:04:00+00:00"]],
        ended_at=datetime(2026, 11, 21, 13, 4, tzinfo=UTC),
    )
    html = text_of(operator.get(f"/firmware/updates/{update.pk}/"))
    assert "the download failed" in html
    assert "DownloadFailed" in html
    assert updates.failure_text(update) in html
    assert 'data-on="station:' not in html  # it is over: nothing will come
    assert [row.pk for row in operator.get("/firmware/updates/?state=wrong").context["rows"]] == [update.pk]
    assert list(operator.get("/firmware/updates/?state=open").context["rows"]) == []


def test_steps_that_are_nonsense_do_not_break_the_page(operator, station, firmware):
    update = FirmwareUpdate.objects.create(charge_point=station, firmware=firmware, steps=["?", ["Idle", "never"], []])
    assert operator.get(f"/firmware/updates/{update.pk}/").status_code == 200


def test_an_update_is_cancelled_before_it_left(operator, station, firmware):
    later = timezone.now() + timedelta(hours=1)
    station.__class__.objects.update(connection="", gateway=None)
    wait = {"sending-if_offline": "wait", "sending-wait_until": f"{later:%Y-%m-%dT%H:%M}"}
    operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware, **wait))
    update = FirmwareUpdate.objects.get()
    assert Command.objects.get().status == CommandStatus.QUEUED
    operator.post(f"/firmware/updates/{update.pk}/cancel/")
    update.refresh_from_db()
    assert update.state == FirmwareUpdate.State.CANCELLED
    assert Command.objects.get().status == CommandStatus.CANCELLED
    assert "Too late" in text_of(operator.post(f"/firmware/updates/{update.pk}/cancel/", follow=True))


def test_the_charger_s_tab(operator, local, station, other, firmware):
    operator.post(f"/chargers/{station.pk}/firmware/", entries(firmware))
    html = text_of(operator.get(f"/chargers/{station.pk}/?tab=firmware"))
    assert "command on its way" in html
    assert "Addresses it was given" in html
    assert f'data-on="station:{station.pk}"' in html
    assert local.get(f"/chargers/{other.pk}/?tab=firmware").status_code == 404


def test_the_overview_names_the_last_update_that_failed(operator, station, firmware):
    bad = {"charge_point": station, "firmware": firmware, "ended_at": timezone.now()}
    update = FirmwareUpdate.objects.create(state="failed", failure="installation", **bad)
    assert f"/firmware/updates/{update.pk}/" in text_of(operator.get("/"))
    FirmwareUpdate.objects.create(state="installed", **bad)
    assert f"/firmware/updates/{update.pk}/" not in text_of(operator.get("/"))
