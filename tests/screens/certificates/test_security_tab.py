"""A charger's tab "Security": the wizard begun, followed, taken back; its roots read, sent, removed."""

from __future__ import annotations

import pytest
from django.utils import timezone

from certificates.models import SecurityUpgrade
from stations.models import Command, Site

from ...certificates.cast import make_certificate, make_installed, make_root, make_upgrade
from ...people import browser, browser_of, person_at
from ..chargers.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def tab(station):
    return f"/chargers/{station.pk}/?tab=security"


@pytest.fixture
def begin(station):
    return f"/chargers/{station.pk}/security/begin/"


def test_profiles_that_cannot_be_had_say_why(station, tab):
    shown = browser("operator").get(tab)
    assert [choice[0] for choice in shown.context["upgrade_form"].fields["profile"].choices] == [1]
    assert "This server does not speak TLS yet" in text_of(shown)


def test_the_wizard_is_begun_with_a_root(station, tab, begin, settings):
    settings.PUBLIC_URL = "https://charge.example.org"
    root = make_root()
    make_root(2, use="ManufacturerRootCertificate")
    client = browser("operator")
    form = client.get(tab).context["upgrade_form"]
    assert [choice[0] for choice in form.fields["profile"].choices] == [1, 2]
    assert list(form.fields["root"].queryset) == [root]
    shown = client.post(begin, {"profile": "2", "root": root.pk}, follow=True)
    upgrade = SecurityUpgrade.objects.get()
    assert (upgrade.profile, upgrade.root, upgrade.actor, upgrade.created_by.username) == (
        2,
        root,
        "operator",
        "operator",
    )
    assert "On the way to security profile 2" in text_of(shown)
    assert shown.context["upgrade_form"] is None, "one at a time"
    client.post(begin, {"profile": "1"})
    assert SecurityUpgrade.objects.count() == 1


@pytest.mark.parametrize("profile", ["0", "3", "9", "x", ""])
def test_what_is_not_offered_is_not_begun(station, begin, profile):
    browser("operator").post(begin, {"profile": profile})
    assert not SecurityUpgrade.objects.exists()


def test_each_step_says_what_happened(rows, tab):
    shown = text_of(browser("viewer").get(tab))
    for words in (
        "Look at what the charger can do",
        "it was so already",
        "waiting for somebody",
        "The charger did not take the root certificate",
    ):
        assert words in shown, words


def test_the_live_part_is_fetched_without_the_forms(rows, tab):
    headers = {"HX-Request": "true", "HX-Target": "security-part"}
    part = browser("operator").get(tab, headers=headers).content.decode()
    assert part.lstrip().startswith('<div id="security-part"')
    assert "security/begin" not in part


def test_an_upgrade_is_carried_on_and_taken_back(rows, tab):
    upgrade, client = rows["certificates.securityupgrade"], browser("operator")
    client.post(f"/security/{upgrade.pk}/carry-on/")
    upgrade.refresh_from_db()
    assert (upgrade.state, upgrade.step) == ("running", "operator")
    client.post(f"/security/{upgrade.pk}/cancel/")
    upgrade.refresh_from_db()
    assert upgrade.state == "cancelled"
    assert "Nothing was changed" in text_of(client.post(f"/security/{upgrade.pk}/cancel/", follow=True))
    assert client.get(tab).context["upgrade_form"] is not None


def test_roots_are_read_sent_and_removed(station, rows):
    client = browser("operator")
    root, held = rows["certificates.rootcertificate"], rows["certificates.installedcertificate"]
    client.post(f"/chargers/{station.pk}/certificates/read/")
    client.post(f"/chargers/{station.pk}/certificates/install/", {"root": root.pk})
    client.post(f"/certificates/installed/{held.pk}/remove/")
    client.post(f"/chargers/{station.pk}/certificates/ask/")
    assert list(Command.objects.order_by("created_at").values_list("action", flat=True)) == [
        *("GetInstalledCertificateIds", "GetInstalledCertificateIds", "InstallCertificate", "DeleteCertificate"),
        *("ChangeConfiguration", "ExtendedTriggerMessage"),
    ]
    assert set(Command.objects.values_list("actor", flat=True)) == {"operator"}


def test_what_was_never_read_is_not_called_empty(station, tab):
    client = browser("viewer")
    assert text_of(client.get(tab)).count("Not read yet.") == 2
    make_installed(station, None).delete()
    assert "None, it said." in text_of(client.get(tab))


def test_a_viewer_looks_and_changes_nothing(station, rows, tab, begin):
    client = browser("viewer")
    shown = client.get(tab).content.decode()
    assert f"/chargers/{station.pk}/certificates/" not in shown
    assert "security/begin" not in shown
    assert "/security/" not in shown
    assert client.post(begin, {"profile": "1"}).status_code == 403


def test_another_sites_upgrade_is_not_found(rows):
    client = browser_of(person_at("operator", Site.objects.create(name="Elsewhere")))
    assert client.post(f"/security/{rows['certificates.securityupgrade'].pk}/cancel/").status_code == 404


def test_the_tab_asks_little(station, tab, django_assert_max_num_queries):
    for number in range(12):
        make_certificate(station, number)
        make_upgrade(station, ended_at=timezone.now())
        make_installed(station, make_root(number))
    client = browser("operator")
    client.get(tab)
    with django_assert_max_num_queries(40):
        client.get(tab)
