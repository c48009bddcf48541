"""Campaigns: choosing chargers, beginning, how far it is, the levers, and who sees what of it."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry

from tests.people import browser
from transfers.models import Campaign, FirmwareUpdate

from .conftest import make_firmware, text_of

ADD = "/firmware/campaigns/add/"


def entries(firmware, **more):
    own = {"name": "Spring", "firmware": firmware.pk, "at_once": 2, "per_minute": 3, "retries": 0}
    return {**own, "sending-idempotency_key": "k", "start": "1", **more}


@pytest.fixture
def campaign(operator, station, other, firmware):
    operator.post(ADD, entries(firmware, all="1"))
    return Campaign.objects.get()


def test_it_begins_with_the_ticked_chargers_never_while_charging(operator, station, other, firmware):
    response = operator.post(ADD, entries(firmware, stations=[station.pk]))
    campaign = Campaign.objects.get()
    assert response.headers["Location"] == f"/firmware/campaigns/{campaign.pk}/"
    assert [update.charge_point for update in campaign.updates.all()] == [station]
    assert (campaign.at_once, campaign.per_minute, campaign.retries) == (2, 3, 0)
    assert (campaign.while_charging, campaign.actor, campaign.source) == (False, "operator", "screen")


def test_all_of_a_filter(operator, station, other, firmware):
    assert len(operator.get(f"{ADD}?site={other.site_id}").context["rows"]) == 1
    operator.post(f"{ADD}?site={other.site_id}", entries(firmware, all="1"))
    assert [update.charge_point for update in FirmwareUpdate.objects.all()] == [other]


def test_the_filter_knows_what_a_firmware_is_for(operator, station, other):
    other.__class__.objects.filter(pk=other.pk).update(vendor="KEBA")
    firmware = make_firmware(name="ABB", vendor="abb", model="TAC")
    page = operator.get(f"{ADD}?fits={firmware.pk}")
    assert [*page.context["rows"]] == [station]
    assert page.context["form"].initial == {"firmware": firmware.pk, "name": "ABB 2.0"}
    html = text_of(operator.post(ADD, entries(firmware, all="1"), follow=True))
    assert [update.charge_point for update in FirmwareUpdate.objects.all()] == [station]
    assert "1 charger was left out" in html


def test_a_selection_of_another_list_stays_until_it_is_begun(operator, station, other, firmware):
    page = operator.post(ADD, {"stations": [other.pk]})
    assert [*page.context["rows"]] == [other]
    html = text_of(page)
    assert f'value="{other.pk}" checked' in html
    assert 'name="selection"' in html
    again = operator.post(ADD, entries(firmware, stations=[other.pk], selection="1", per_minute="0"))
    assert again.status_code == 422
    assert [*again.context["rows"]] == [other]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stations": []}, "Choose at least one charger."),
        ({"ends_at": "2020-01-01T00:00"}, "The end lies before the beginning."),
        ({"signed": "on"}, "This file has no signature."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_begun(operator, station, firmware, wrong, said):
    response = operator.post(ADD, entries(firmware, **{"stations": [station.pk], **wrong}))
    assert response.status_code == 422
    assert said in text_of(response)
    assert not Campaign.objects.exists()


def test_a_double_click_begins_once(operator, station, firmware):
    for _press in range(2):
        operator.post(ADD, entries(firmware, stations=[station.pk]))
    assert (Campaign.objects.count(), FirmwareUpdate.objects.count()) == (1, 1)


def test_chargers_of_other_sites_are_not_there(local, station, other, firmware):
    assert [*local.get(ADD).context["rows"]] == [station]
    local.post(ADD, entries(firmware, stations=[station.pk, other.pk]))
    assert [update.charge_point for update in FirmwareUpdate.objects.all()] == [station]


def test_how_far_it_is_and_what_failed_first(operator, campaign, station, other):
    campaign.updates.filter(charge_point=other).update(state="failed", failure="does_not_fit")
    page = operator.get(f"/firmware/campaigns/{campaign.pk}/")
    html = text_of(page)
    assert '<progress max="100" value="50"' in html
    assert "0 of 2 installed" in html
    assert [update.charge_point for update in page.context["rows"]] == [other, station]
    assert 'data-on="campaigns"' in html
    assert [row.charge_point for row in operator.get(f"{page.request['PATH_INFO']}?state=wrong").context["rows"]] == [
        other
    ]


def test_pause_resume_cancel(operator, campaign):
    def press(lever: str) -> str:
        html = text_of(operator.post(f"/firmware/campaigns/{campaign.pk}/{lever}/", follow=True))
        campaign.refresh_from_db()
        return html

    assert "The campaign is paused." in press("pause")
    assert campaign.state == Campaign.State.PAUSED
    assert "in another state by now" in press("pause")
    assert "The campaign goes on." in press("resume")
    assert campaign.state == Campaign.State.RUNNING
    assert "The campaign is cancelled." in press("cancel")
    assert campaign.state == Campaign.State.CANCELLED
    assert operator.post(f"/firmware/campaigns/{campaign.pk}/explode/").status_code == 400
    newest, *_others = LogEntry.objects.get_for_object(campaign).order_by("-pk")
    assert (newest.actor.username, newest.changes) == ("operator", {"state": ["running", "cancelled"]})


def test_those_that_failed_are_tried_again(operator, campaign, other):
    assert "/retry/" not in text_of(operator.get(f"/firmware/campaigns/{campaign.pk}/"))
    campaign.updates.filter(charge_point=other).update(state="failed", failure="download", ended_at=campaign.created_at)
    assert "/retry/" in text_of(operator.get(f"/firmware/campaigns/{campaign.pk}/"))
    operator.post(f"/firmware/campaigns/{campaign.pk}/retry/")
    assert campaign.updates.get(charge_point=other).state == FirmwareUpdate.State.WAITING


def test_a_reader_of_one_site_sees_its_chargers_and_counts_only_them(local, campaign, station):
    page = local.get(f"/firmware/campaigns/{campaign.pk}/")
    assert [update.charge_point for update in page.context["rows"]] == [station]
    assert page.context["progress"].total == 1
    assert not page.context["may_steer"]
    assert local.post(f"/firmware/campaigns/{campaign.pk}/pause/").status_code == 403
    assert [progress.total for _row, progress in local.get("/firmware/campaigns/").context["rows"]] == [1]


def test_a_campaign_elsewhere_is_not_found(local, operator, station, other, firmware):
    operator.post(ADD, entries(firmware, stations=[other.pk]))
    campaign = Campaign.objects.get()
    assert local.get(f"/firmware/campaigns/{campaign.pk}/").status_code == 404
    assert local.get("/firmware/campaigns/").context["rows"] == []


def test_the_list_of_chargers_leads_here(operator, station):
    assert f'formaction="{ADD}"' in text_of(operator.get("/chargers/"))
    assert f'formaction="{ADD}"' not in text_of(browser("viewer").get("/chargers/"))


def test_queries_do_not_grow_with_the_campaign(operator, campaign, django_assert_max_num_queries):
    with django_assert_max_num_queries(25):
        operator.get(f"/firmware/campaigns/{campaign.pk}/")
    with django_assert_max_num_queries(25):
        operator.get("/firmware/campaigns/")
