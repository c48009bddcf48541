"""Who may open which page, and that opening one changes nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from stations.models import ChargePoint, CredentialKind, RegistrationStatus

from .admin_cast import make_everything
from .people import browser

pytestmark = pytest.mark.django_db

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
    "transactions.reservation": (VIEW, EDIT, VIEW, NOBODY),
    "transactions.locallist": (VIEW, EDIT, VIEW, NOBODY),
    "api.apikey": (ADMIN, ADMIN, ADMIN, ADMIN),
}
EXTRA = {
    "admin:index": VIEW,
    "admin:stations_chargepoint_export": VIEW,
    "admin:stations_chargepoint_import": EDIT,
    "admin:stations_chargepoint_process_import": POST_ONLY,
    "admin:stations_chargepoint_send_many": POST_ONLY,
    "admin:transactions_idtag_export": VIEW,
    "admin:transactions_idtag_import": EDIT,
    "admin:transactions_idtag_process_import": POST_ONLY,
    "admin:transactions_transaction_export": VIEW,
    "admin:transactions_metervalue_export": VIEW,
    "admin:auth_user_changelist": ADMIN,
    "admin:auth_group_changelist": ADMIN,
}
BUTTONS = (
    *("approve", "reject", "generate_key"),
    *("read_configuration", "apply_template", "rotate_key", "raise_profile"),
)


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


def test_the_table_names_every_model_of_ours():
    from django.contrib import admin

    ours = {model._meta.label_lower for model in admin.site._registry if model._meta.app_label != "auth"}
    assert ours == {*TABLE}


@pytest.mark.parametrize(("who", "code"), [("viewer", 405), ("operator", 405), ("anonymous", 302)])
@pytest.mark.parametrize("button", BUTTONS)
def test_get_on_a_button_changes_nothing(rows, who, code, button):
    station = rows["stations.chargepoint"]
    before = ChargePoint.objects.values().get(pk=station.pk)
    response = browser(who).get(reverse(f"admin:stations_chargepoint_{button}", args=[station.pk]))
    assert response.status_code == code
    assert ChargePoint.objects.values().get(pk=station.pk) == before


@pytest.mark.parametrize("button", BUTTONS)
def test_post_without_a_csrf_token_is_refused(rows, button):
    station = rows["stations.chargepoint"]
    client = browser("administrator", enforce_csrf_checks=True)
    response = client.post(reverse(f"admin:stations_chargepoint_{button}", args=[station.pk]))
    assert response.status_code == 403
    station.refresh_from_db()
    assert station.registration_status == RegistrationStatus.PENDING


@pytest.mark.parametrize("button", BUTTONS)
def test_a_viewer_cannot_press_a_button(rows, button):
    station = rows["stations.chargepoint"]
    response = browser("viewer").post(reverse(f"admin:stations_chargepoint_{button}", args=[station.pk]))
    assert response.status_code == 403
    station.refresh_from_db()
    assert (station.registration_status, station.credential_kind) == (RegistrationStatus.PENDING, CredentialKind.NONE)


@pytest.mark.parametrize("model", ["stations_chargepoint", "transactions_idtag"])
def test_a_viewer_sees_no_action_but_export(rows, model):
    page = browser("viewer").get(reverse(f"admin:{model}_changelist")).content.decode()
    for action in ("approve", "reject", "archive", "restore", "block", "unblock", "delete_selected"):
        assert f'value="{action}"' not in page
    assert 'value="export_admin_action"' in page


def test_a_viewer_sees_no_button_on_the_first_page(rows):
    assert b"/approve/" in browser("operator").get(reverse("admin:index")).content
    assert b"/approve/" not in browser("viewer").get(reverse("admin:index")).content


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
