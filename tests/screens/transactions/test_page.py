"""A session's page: facts, chart, what happened, every value, what may be done."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import escape

from stations.models import StatusRecord
from transactions.models import IdTag, MeterValue, OrphanedStop, Transaction

from ...people import browser, browser_of, person, person_at
from .conftest import URL, body, lines

HOSTILE = "<svg/onload=alert(1)>"
OCMF = 'OCMF|{"FV":"1.0"}|{"SD":"30=é"}'


@pytest.fixture
def operator(sites):
    return browser("operator")


@pytest.fixture
def running(sites):
    return sites.running()


def values(session, count=1, **columns):
    MeterValue.objects.bulk_create(
        MeterValue(
            connector=session.connector,
            transaction=session,
            timestamp=session.started_at + timedelta(minutes=number),
            **{"energy_wh": 1000 + 100 * number, "power_w": 7000 + number, **columns},
        )
        for number in range(count)
    )


def chart(page: str) -> dict:
    return json.loads(re.search(r'<script id="readings" type="application/json">(.*?)</script>', page)[1])


def test_the_facts_of_a_session(sites, operator):
    session = sites.session(stop_id_tag="BEN0000001", reservation_id=77)
    page = body(operator.get(URL % session.pk))
    for text in (
        f"Session #{session.pk}",
        "12.35 kWh",
        "1:00 h",
        "Anna Berg",
        "04A1B2C3D4F2",
        "North",
        "Car unplugged",
    ):
        assert text in page
    for text in ("1.00 kWh", "13.35 kWh", "BEN0000001", "#77", "Done"):
        assert text in page
    assert f'href="/tags/{sites.anna.pk}/"' in page
    assert f"http://testserver/transactions/{session.pk}/</span>" in page


def test_remarks_are_said_in_plain_words(sites, operator):
    session = sites.session(flags=["meter_lower", "clock_suspect", "of_the_future"])
    page = body(operator.get(URL % session.pk))
    assert "The final reading is below the first" in page
    assert "clock was wrong" in page
    assert "of_the_future" in page


def test_the_chart_holds_what_was_sent(sites, operator):
    session = sites.session()
    values(session, 3, soc_percent="40.5", current_l1_a=16, current_l2_a=15.5)
    page = body(operator.get(URL % session.pk))
    shown = chart(page)
    assert shown["x"] == [(session.started_at + timedelta(minutes=number)).timestamp() for number in range(3)]
    assert [(one["label"], one["unit"]) for one in shown["series"]] == [
        ("Power", "kW"),
        ("Energy", "kWh"),
        ("L1", "A"),
        ("L2", "A"),
        ("State of charge", "%"),
    ]
    assert shown["series"][0]["values"] == [7.0, 7.001, 7.002]
    assert shown["series"][1]["values"] == [0.0, 0.1, 0.2]
    assert shown["zone"] == timezone.get_current_timezone_name()
    assert 'aria-label="Power: at most 7.0 kW' in page
    assert page.count('<th scope="row">') == 3


def test_a_chart_has_five_hundred_points_at_most(sites, operator):
    session = sites.session()
    values(session, 1300)
    assert len(chart(body(operator.get(URL % session.pk)))["x"]) <= 500


def test_without_readings_the_page_says_so(sites, operator):
    page = body(operator.get(URL % sites.session().pk))
    assert page.count("sent no readings") == 2
    assert "data-chart" not in page


def test_every_value_is_there_with_all_that_was_said_of_it(sites, operator):
    session = sites.session()
    raw = {"value": "4.2", "measurand": "Frequency", "unit": "Hertz", "location": "Inlet", "context": "Trigger"}
    values(session, 1, voltage_l1_v="230.100", samples=[raw])
    page = body(operator.get(URL % session.pk))
    for text in (
        "230.1",
        "Voltage",
        "L1",
        "Outlet",
        "Frequency",
        "Hertz",
        "Inlet",
        "Trigger",
        "Raw",
        "Sample.Periodic",
    ):
        assert f"{text}</bdi>" in page


def test_values_come_page_by_page(sites, operator):
    session = sites.session()
    values(session, 45)
    first = operator.get(URL % session.pk)
    assert "Page 1 of 5" in body(first)
    headers = {"HX-Request": "true", "HX-Target": "list"}
    part = body(operator.get(f"{URL % session.pk}?page=5", headers=headers))
    assert part.count('<td class="num">') == 10  # five readings of two values
    assert "What happened" not in part


def test_signed_values_are_downloaded_untouched(sites, operator):
    session = sites.session()
    values(session, 1, samples=[{"value": "1"}, {"value": OCMF, "format": "SignedData", "context": "Transaction.End"}])
    page = body(operator.get(URL % session.pk))
    url = f"/transactions/{session.pk}/signed/{MeterValue.objects.get().pk}/1/"
    assert page.count(f'href="{url}"') == 2
    response = operator.get(url)
    assert response.content == OCMF.encode()
    assert response.headers["Content-Disposition"].startswith("attachment")
    for other in (url.replace("/1/", "/0/"), url.replace("/1/", "/2/"), url.replace("/1/", "/99999999999/")):
        assert operator.get(other).status_code == 404


def test_a_value_of_another_session_is_not_found_here(sites, operator):
    session, other = sites.session(), sites.session(timezone.now())
    values(other, 1, samples=[{"value": OCMF, "format": "SignedData"}])
    assert operator.get(f"/transactions/{session.pk}/signed/{MeterValue.objects.get().pk}/0/").status_code == 404


def test_the_readings_of_this_session_come_as_csv(sites, operator):
    session, other = sites.session(), sites.session(timezone.now())
    values(session, 3)
    values(other, 2)
    rows = lines(operator.get(f"/transactions/{session.pk}/meter-values/csv/"))
    assert [row["power_w"] for row in rows] == ["7000.000", "7001.000", "7002.000"]
    assert {row["transaction_id"] for row in rows} == {str(session.pk)}
    assert f'href="/transactions/{session.pk}/meter-values/csv/"' in body(operator.get(URL % session.pk))


def test_the_time_line_tells_what_the_connector_said(sites, operator):
    session = sites.session()
    StatusRecord.objects.create(
        connector=session.connector,
        status="Faulted",
        error_code="GroundFailure",
        info=HOSTILE,
        reported_at=session.started_at,
        received_at=session.started_at,
    )
    page = body(operator.get(URL % session.pk))
    assert "Session began." in page
    assert "GroundFailure" in page
    assert "Session ended." in page
    assert page.index("Session began.") < page.index("Session ended.")


# While it runs


def test_a_running_session_is_live_and_its_part_comes_alone(sites, operator, running):
    page = body(operator.get(URL % running.pk))
    assert f'data-on="station:{running.charge_point_id}"' in page
    part = body(operator.get(URL % running.pk, headers={"HX-Request": "true", "HX-Target": "session"}))
    assert part.strip().startswith('<section id="session"')
    assert "Meter values" not in part
    Transaction.objects.filter(pk=running.pk).update(ended_by="station", stopped_at=timezone.now())
    assert "data-on=" not in body(operator.get(URL % running.pk))


def test_a_running_session_can_be_stopped_while_the_charger_is_online(sites, operator, running):
    page = body(operator.get(URL % running.pk))
    assert "The charger is offline." in page
    assert "RemoteStopTransaction" not in page
    sites.connect(sites.connector)
    page = body(operator.get(URL % running.pk))
    assert "The charger is offline." not in page
    url = f"/chargers/{running.charge_point_id}/send/RemoteStopTransaction/?transaction_id={running.pk}"
    assert url in page
    assert f'value="{running.pk}"' in body(operator.get(url))


def test_a_session_that_is_over_is_neither_stopped_nor_closed(sites, operator):
    page = body(operator.get(URL % sites.session().pk))
    assert "Stop…" not in page
    assert "by hand…" not in page


# Who sees what


def test_a_viewer_sees_all_and_may_change_nothing(sites, running):
    sites.connect(sites.connector)
    OrphanedStop.objects.create(
        charge_point=running.charge_point, reported_transaction_id="7", stopped_at=timezone.now()
    )
    page = body(browser("viewer").get(URL % running.pk))
    assert "Anna Berg" in page
    assert "04A1…F2" in page
    for absent in ("04A1B2C3D4F2", "Stop…", "by hand…", "Attach…"):
        assert absent not in page


def urls_of(session):
    base = URL % session.pk
    reading = MeterValue.objects.filter(transaction=session.pk).first()
    return [base, f"{base}close/", f"{base}meter-values/csv/", f"{base}signed/{reading.pk}/0/"]


def test_a_session_of_another_site_is_not_found(sites):
    session = sites.session(connector=sites.other)
    values(session, 1, samples=[{"value": OCMF, "format": "SignedData"}])
    client = browser_of(person_at("administrator", sites.north))
    for url in urls_of(session):
        assert client.get(url).status_code == 404
    assert client.post(f"{URL % session.pk}close/", {}).status_code == 404
    near = browser_of(person_at("administrator", sites.south))
    assert {near.get(url).status_code for url in urls_of(session)} == {200}


def test_a_tag_holder_is_refused_and_a_stranger_sent_to_log_in(sites):
    session = sites.session()
    values(session, 1, samples=[{"value": OCMF, "format": "SignedData"}])
    for url in urls_of(session):
        assert browser("holder").get(url).status_code == 403
        assert browser("anonymous").get(url).status_code == 302


def test_a_role_is_asked_at_the_charger_s_own_site(sites):
    """An operator of the north who may look at the south may not close sessions there."""
    session = sites.running(connector=sites.other)
    user = person_at("operator", sites.north)
    user.memberships.create(site=sites.south, role="Viewers")
    client = browser_of(user)
    assert client.get(URL % session.pk).status_code == 200
    assert client.get(f"{URL % session.pk}close/").status_code == 403
    assert client.post(f"{URL % session.pk}close/", {}).status_code == 403


def test_readings_are_for_those_who_may_export_them(sites):
    from django.contrib.auth.models import Permission, User

    session = sites.session()
    values(session, 1, samples=[{"value": OCMF, "format": "SignedData"}])
    user = User.objects.create_user("looks")
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_transaction", "view_chargepoint")))
    client = browser_of(user)
    page = body(client.get(URL % session.pk))
    assert "Meter values" not in page
    assert "Anna" not in page
    assert [client.get(url).status_code for url in urls_of(session)] == [200, 403, 403, 403]


def test_what_others_wrote_is_text(sites, operator):
    IdTag.objects.filter(pk=sites.anna.pk).update(holder=HOSTILE)
    session = sites.session(id_tag="<b>4</b>", stop_reason=HOSTILE, stop_id_tag="<i>")
    values(session, 1, samples=[{"value": HOSTILE * 900, "measurand": HOSTILE, "unit": "\u202e" + HOSTILE}])
    page = body(operator.get(URL % session.pk))
    assert HOSTILE not in page
    assert "<b>4</b>" not in page
    assert escape(HOSTILE) in page
    assert len(page) < 60_000


def test_the_page_costs_the_same_for_three_and_for_sixty(sites, operator, django_assert_max_num_queries):
    few_of, many_of = sites.session(), sites.session(timezone.now() - timedelta(days=2))
    for session, count in ((few_of, 3), (many_of, 60)):
        values(session, count, samples=[{"value": OCMF, "format": "SignedData"}])
        for number in range(count):
            StatusRecord.objects.create(
                connector=session.connector,
                status="Charging",
                reported_at=session.started_at + timedelta(minutes=number),
                received_at=session.started_at,
            )
    operator.get(URL % few_of.pk)
    with django_assert_max_num_queries(22) as few:
        operator.get(URL % few_of.pk)
    with django_assert_max_num_queries(len(few.captured_queries)):
        operator.get(URL % many_of.pk)


def test_every_role_opens_the_page(sites, running):
    for who in ("viewer", "operator", "administrator"):
        assert browser_of(person(who)).get(URL % running.pk).status_code == 200
