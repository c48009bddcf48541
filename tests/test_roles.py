"""Who may open which page, and that opening one changes nothing."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from .admin_cast import make_everything
from .people import browser, browser_of, person_at

pytestmark = [pytest.mark.django_db, pytest.mark.long]

# anonymous, viewer, operator, administrator
VIEW = (302, 200, 200, 200)
EDIT = (302, 403, 200, 200)
ADMIN = (302, 403, 403, 200)
NOBODY = (302, 403, 403, 403)
POST_ONLY = (302, 405, 405, 405)
WHO = ("anonymous", "viewer", "operator", "administrator")

#: model: (list, add, detail, delete)
TABLE = {
    "stations.site": (VIEW, EDIT, VIEW, ADMIN),
    "stations.chargepoint": (VIEW, EDIT, VIEW, NOBODY),
    "stations.connector": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.statusrecord": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.message": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.command": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.commandbatch": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.securityevent": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.progressreport": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.repair": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.stationmodel": (VIEW, EDIT, VIEW, ADMIN),
    "stations.reciperun": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.securitychange": (VIEW, NOBODY, VIEW, NOBODY),
    "stations.connectionattempt": (VIEW, NOBODY, VIEW, ADMIN),
    "transactions.idtaggroup": (VIEW, EDIT, VIEW, ADMIN),
    "transactions.idtag": (VIEW, EDIT, VIEW, NOBODY),
    "transactions.unknownidtag": (VIEW, NOBODY, VIEW, NOBODY),
    "transactions.transaction": (VIEW, NOBODY, VIEW, NOBODY),
    "transactions.orphanedstop": (VIEW, NOBODY, VIEW, NOBODY),
    "transactions.metervalue": (VIEW, NOBODY, VIEW, NOBODY),
    "transactions.dailyenergy": (VIEW, NOBODY, VIEW, NOBODY),
    "transactions.reservation": (VIEW, NOBODY, VIEW, NOBODY),
    "transactions.locallist": (VIEW, NOBODY, VIEW, NOBODY),
    "transfers.firmwarefile": (VIEW, NOBODY, VIEW, NOBODY),
    "transfers.campaign": (VIEW, NOBODY, VIEW, NOBODY),
    "transfers.firmwareupdate": (VIEW, NOBODY, VIEW, NOBODY),
    "transfers.transfer": (VIEW, NOBODY, VIEW, NOBODY),
    "transfers.stationfile": (VIEW, NOBODY, VIEW, NOBODY),
    "certificates.stationcertificate": (VIEW, NOBODY, VIEW, NOBODY),
    "certificates.signingrequest": (VIEW, NOBODY, VIEW, NOBODY),
    "certificates.rootcertificate": (VIEW, NOBODY, VIEW, NOBODY),
    "certificates.installedcertificate": (VIEW, NOBODY, VIEW, NOBODY),
    "certificates.securityupgrade": (VIEW, NOBODY, VIEW, NOBODY),
    "charging_profiles.chargingprofile": (VIEW, NOBODY, VIEW, NOBODY),
    "charging_profiles.assignment": (VIEW, NOBODY, VIEW, NOBODY),
    "charging_profiles.compositereading": (VIEW, NOBODY, VIEW, NOBODY),
    "jobs.job": (ADMIN, NOBODY, ADMIN, NOBODY),
    "api.apikey": (ADMIN, ADMIN, ADMIN, ADMIN),
    "auditlog.logentry": (ADMIN, NOBODY, ADMIN, NOBODY),
}
EXTRA = {
    "admin:index": VIEW,
    "admin:stations_chargepoint_export": VIEW,
    "admin:stations_chargepoint_import": EDIT,
    "admin:stations_chargepoint_process_import": POST_ONLY,
    "admin:transactions_idtag_export": VIEW,
    "admin:transactions_idtag_import": EDIT,
    "admin:transactions_idtag_process_import": POST_ONLY,
    "admin:transactions_transaction_export": VIEW,
    "admin:transactions_metervalue_export": VIEW,
    "admin:auth_user_changelist": ADMIN,
    "admin:auth_group_changelist": ADMIN,
}


@pytest.fixture
def rows():
    User.objects.create_superuser("root")  # without a user every page leads to the set-up
    return make_everything()


@pytest.mark.parametrize("who", WHO)
def test_every_page_opens_for_those_it_is_for(rows, who):
    client, column, seen, expected = browser(who), WHO.index(who), {}, {}
    for model, pages in TABLE.items():
        stem = f"admin:{model.replace('.', '_')}"
        urls = [reverse(f"{stem}_changelist"), reverse(f"{stem}_add")]
        urls += [reverse(f"{stem}_{name}", args=[rows[model].pk]) for name in ("change", "delete")]
        for url, codes in zip(urls, pages, strict=True):
            seen[url], expected[url] = client.get(url).status_code, codes[column]
    for name, codes in EXTRA.items():
        seen[name], expected[name] = client.get(reverse(name)).status_code, codes[column]
    assert seen == expected


@pytest.mark.parametrize("who", ["holder", "viewer of a site", "operator of a site", "administrator of a site"])
def test_the_administration_is_closed_to_roles_it_does_not_know(rows, who):
    site = rows["stations.site"]
    client = browser("holder") if who == "holder" else browser_of(person_at(who.split()[0], site))
    opened = {}
    for model in (*TABLE, "auth.user", "auth.group"):
        stem = f"admin:{model.replace('.', '_')}"
        for url in (reverse(f"{stem}_changelist"), reverse(f"{stem}_add")):
            opened[url] = client.get(url).status_code
    for name in EXTRA:
        opened[name] = client.get(reverse(name)).status_code
    assert {*opened.values()} == {302}


def test_only_who_may_look_accounts_up_can_link_one_to_a_tag(rows):
    tag, anna = rows["transactions.idtag"], User.objects.create_user("anna")
    url = reverse("admin:transactions_idtag_change", args=[tag.pk])
    entries = {"id_tag": tag.id_tag, "holder": "Anna", "user": anna.pk, "site": rows["stations.site"].pk}
    assert browser("operator").post(url, entries).status_code == 302
    tag.refresh_from_db()
    assert (tag.user, tag.site) == (None, rows["stations.site"])
    assert browser("administrator").post(url, entries).status_code == 302
    tag.refresh_from_db()
    assert tag.user == anna


def test_roles_at_sites_are_given_in_the_administration_too(rows):
    anna, site = User.objects.create_user("anna"), rows["stations.site"]
    url = reverse("admin:auth_user_change", args=[anna.pk])
    page = browser("administrator").get(url).content.decode()
    assert 'name="memberships-TOTAL_FORMS"' in page
    entries = {
        "username": "anna",
        "date_joined_0": "2026-11-21",
        "date_joined_1": "12:00:00",
        "is_active": "on",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-site": site.pk,
        "memberships-0-role": "Operators",
    }
    response = browser("administrator").post(url, entries)
    assert response.status_code == 302
    assert [(row.site, row.role) for row in anna.memberships.all()] == [(site, "Operators")]


def test_the_table_names_every_model_of_ours():
    ours = {model._meta.label_lower for model in admin.site._registry if model._meta.app_label != "auth"}
    assert ours == {*TABLE}


@pytest.mark.parametrize("model", ["stations_chargepoint", "transactions_idtag"])
def test_a_viewer_sees_no_action_but_export(rows, model):
    page = browser("viewer").get(reverse(f"admin:{model}_changelist")).content.decode()
    for action in ("approve", "reject", "archive", "restore", "block", "unblock", "delete_selected"):
        assert f'value="{action}"' not in page
    assert 'value="export_admin_action"' in page


@pytest.mark.parametrize("model", [*TABLE, "auth.user", "auth.group"])
@pytest.mark.parametrize(
    "bad", ["2147483648", "9223372036854775808", "-1", "abc", "0b5ce0d4-0000-4000-8000-000000000000"]
)
def test_an_unknown_number_is_not_found(rows, model, bad):
    url = reverse(f"admin:{model.replace('.', '_')}_change", args=[bad])
    assert browser("administrator").get(url).status_code == 404


@pytest.mark.parametrize("model", [*TABLE, "auth.user", "auth.group"])
@pytest.mark.parametrize(
    "query",
    ["q=" + "a%20" * 3000, "q=%00", "identity=%00", "o=99999", "p=-1", "p=99999", "nonsense=1", "id__exact=abc"],
)
def test_odd_queries_never_break_a_list(rows, model, query):
    url = reverse(f"admin:{model.replace('.', '_')}_changelist")
    response = browser("administrator").get(f"{url}?{query}")
    assert response.status_code in (200, 302, 400)


@pytest.mark.parametrize(
    "url",
    [
        "/admin/autocomplete/?term=%00&app_label=stations&model_name=chargepoint&field_name=site",
        f"/admin/autocomplete/?term={'a%20' * 3000}&app_label=stations&model_name=chargepoint&field_name=site",
        "/admin/transactions/transaction/export/?id_tag=%00",
        f"/admin/transactions/transaction/export/?q={'a%20' * 3000}",
        "/admin/stations/chargepoint/%00/change/",
    ],
)
def test_odd_queries_never_break_the_other_pages(rows, url):
    assert browser("administrator").get(url).status_code in (200, 302, 400, 404)


def stored(model):
    """Every row of a model as it stands."""
    return sorted(map(str, model.objects.values()))


@pytest.mark.parametrize("who", ["anonymous", "viewer", "operator of a site"])
def test_an_action_is_refused_by_address_too(rows, who):
    """Not only hidden: posted by hand, no action of any list changes a row for who does not hold its permission."""
    client = browser_of(person_at("operator", rows["stations.site"])) if " " in who else browser(who)
    changed, tried = [], 0
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label_lower
        if label not in TABLE:
            continue
        before = stored(model)
        names = {name for _action, name, _text in model_admin._get_base_actions()}
        for name in names - {"export_admin_action"}:
            chosen = {"action": name, "_selected_action": [rows[label].pk], "post": "yes"}
            client.post(reverse(f"admin:{label.replace('.', '_')}_changelist"), chosen)
            tried += 1
            if stored(model) != before:
                changed.append((label, name))
    assert changed == []
    assert tried > len(TABLE)


@pytest.mark.parametrize("who", ["anonymous", "viewer", "operator", "administrator", "operator of a site", "holder"])
def test_suggestions_are_for_who_may_see_the_rows(rows, who):
    """Every field of the administration that asks for suggestions."""
    client = browser_of(person_at("operator", rows["stations.site"])) if " " in who else browser(who)
    wrong, tried = {}, 0
    for model, model_admin in admin.site._registry.items():
        for field in model_admin.autocomplete_fields:
            asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field}
            of = model._meta.get_field(field).related_model._meta
            person = User.objects.filter(username=who, is_staff=True).first()
            may = person is not None and person.has_perm(f"{of.app_label}.view_{of.model_name}")
            found = client.get("/admin/autocomplete/", asked).status_code == 200
            if found != may:
                wrong[model._meta.label_lower, field] = found
            tried += 1
    assert wrong == {}
    assert tried >= 3


@pytest.mark.parametrize("who", WHO)
def test_the_history_of_a_row_is_for_who_may_see_the_row(rows, who):
    client, column, seen, expected = browser(who), WHO.index(who), {}, {}
    for model, (_list, _add, detail, _delete) in TABLE.items():
        url = reverse(f"admin:{model.replace('.', '_')}_history", args=[rows[model].pk])
        seen[url], expected[url] = client.get(url).status_code, detail[column]
    assert seen == expected
