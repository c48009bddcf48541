"""What about security needs a person: alarms, upgrades that stand still, requests that wait, certificates that end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.models import SecurityUpgrade, SigningRequest, StationCertificate
from stations.models import SecurityEvent
from stations.models.security_event import LINE_CONTESTED, PROFILE_DOWNGRADE, TAGS_TRIED

from .concern import MOST, Concern, View

#: A request that the clock signs by itself does not wait so long.
SIGNED_WITHIN = timedelta(minutes=1)
#: What went wrong is news for so long.
RECENT = timedelta(days=7)
#: By then the charger should have a new one: it is asked for CERTIFICATE_RENEWAL_DAYS before the end.
ENDS_WITHIN = timedelta(days=14)


#: What we noticed ourselves, while it is news.
ALARMS_LAST = timedelta(days=1)
_ALARMS = {
    LINE_CONTESTED: gettext_lazy("Two addresses take its connection from each other; somebody may have its password"),
    PROFILE_DOWNGRADE: gettext_lazy("It came back less secure than it must be, and was refused"),
    TAGS_TRIED: gettext_lazy("One unknown tag after the other is tried here"),
}


def alarms(view: View) -> Iterator[Concern]:
    """The last alarm of each kind at each charger."""
    later = SecurityEvent.objects.filter(
        charge_point=OuterRef("charge_point"), type=OuterRef("type"), pk__gt=OuterRef("pk")
    )
    rows = SecurityEvent.objects.filter(type__in=_ALARMS, received_at__gt=view.now - ALARMS_LAST).filter(~Exists(later))
    rows = view.narrow(rows, "stations.view_securityevent", "charge_point__").select_related("charge_point")
    for event in rows.order_by("-pk")[:MOST]:
        charger = reverse("screens:charger", args=[event.charge_point_id])
        is_about_tags = event.type == TAGS_TRIED and view.access.somewhere("transactions.view_unknownidtag")
        url = reverse("screens:unknown_tags") if is_about_tags else f"{charger}?tab=security"
        text = str(_ALARMS[event.type])
        yield Concern("lock", str(event.charge_point), text, event.received_at, url, _("Look…"), url)


def upgrades_that_wait(view: View) -> Iterator[Concern]:
    """Upgrades that wait for somebody, and those that went wrong of late."""
    states = SecurityUpgrade.State
    later = SecurityUpgrade.objects.filter(charge_point=OuterRef("charge_point"), created_at__gt=OuterRef("created_at"))
    went_wrong = Q(state__in=[states.FAILED, states.RETURNED], ended_at__gt=view.now - RECENT) & ~Exists(later)
    rows = SecurityUpgrade.objects.filter(Q(state=states.WAITING) | went_wrong)
    rows = view.narrow(rows, "certificates.view_securityupgrade", "charge_point__").select_related("charge_point")
    for upgrade in rows.order_by("-step_at")[:MOST]:
        url = f"{reverse('screens:charger', args=[upgrade.charge_point_id])}?tab=security"
        since = upgrade.ended_at or upgrade.step_at
        wording = {"profile": upgrade.profile, "state": upgrade.get_state_display()}
        text = _("To security profile %(profile)d: %(state)s") % wording
        yield Concern("lock", str(upgrade.charge_point), text, since, url, _("See why"), url)


def requests_that_wait(view: View) -> Iterator[Concern]:
    """Requests for certificates that only a person can decide on."""
    states, problems = SigningRequest.State, SigningRequest.Problem
    waiting = Q(state=states.WAITING, received_at__lt=view.now - SIGNED_WITHIN)
    by_hand = Q(
        state=states.REFUSED,
        problem__in=[problems.NAME, problems.OPERATOR],
        decided_by="",
        received_at__gt=view.now - RECENT,
    )
    later = SigningRequest.objects.filter(charge_point=OuterRef("charge_point"), pk__gt=OuterRef("pk"))
    rows = SigningRequest.objects.filter(waiting | by_hand).filter(~Exists(later))
    rows = view.narrow(rows, "certificates.view_signingrequest", "charge_point__").select_related("charge_point")
    for request in rows.order_by("-pk")[:MOST]:
        url = reverse("screens:signing_request", args=[request.pk])
        text = _("A certificate request waits to be signed")
        if request.problem:
            text = _("Certificate request refused: %(problem)s") % {"problem": request.get_problem_display()}
        yield Concern("lock", str(request.charge_point), text, request.received_at, url, _("Decide…"), url)


def certificates_that_end(view: View) -> Iterator[Concern]:
    """Certificates in use that end soon, or have ended, and that no newer one follows."""
    held = StationCertificate.objects.filter(revoked_at=None).filter(
        Q(delivered_at__isnull=False) | Q(used_at__isnull=False)
    )
    newer = held.filter(charge_point=OuterRef("charge_point"), not_after__gt=OuterRef("not_after"))
    rows = held.filter(~Exists(newer), not_after__lt=view.now + ENDS_WITHIN, not_after__gt=view.now - RECENT)
    rows = view.narrow(rows, "certificates.view_stationcertificate", "charge_point__").select_related("charge_point")
    for certificate in rows.order_by("not_after")[:MOST]:
        station, url = certificate.charge_point, reverse("screens:certificate", args=[certificate.pk])
        has_ended = certificate.not_after <= view.now
        text = _("Its certificate has expired") if has_ended else _("Its certificate expires soon")
        tab = f"{reverse('screens:charger', args=[station.pk])}?tab=security"
        yield Concern("lock", str(station), text, certificate.not_after, url, _("Renew…"), tab)
